"""The page of an audit: what it shows of a coverage, and that no text of others is more than text in it."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.coverage import Coverage, NextPrune, Orphans, PlannedDeletion, State
from gaussdb_backup.reports.page import render_page
from tests.helpers.coverage import AUDITED_AT, make_coverage, make_good_backup, make_instance, make_large_coverage
from tests.helpers.html_page import HtmlPage

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "</style></title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;b&gt;",
)
UNSEEN = ("\x00", "\x1b[31m", "\r\n", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\u2028")
STATE, LAST, FIRST_DAY = 1, 2, 3
SIZE, DURATION, PROTECTION = -3, -2, -1


def read(*instances: Any, **changes: Any) -> HtmlPage:
    return HtmlPage(render_page(make_coverage(*instances, **changes)))


def cells_of(instance: Any, **changes: Any) -> list[str]:
    """The texts of an instance's row."""
    return read(instance, **changes).tables[0].texts()[0]


def orphans(**changes: Any) -> Orphans:
    fields = {"instance_id": "c" * 36, "instance_name": "old", "backups": 3, "good": 2, "newest": AUDITED_AT}
    return Orphans.model_validate(fields | {"size_mb": 2048.0} | changes)


def deletion(**changes: Any) -> PlannedDeletion:
    fields = {"backup_id": "d" * 36, "backup_name": "nightly-1", "instance_id": "e" * 36, "begin_time": AUDITED_AT}
    return PlannedDeletion.model_validate(fields | {"size_mb": 512.0, "reason": "no rule keeps it"} | changes)


def with_text_everywhere(text: str) -> Coverage:
    """A coverage in which each text that others choose is the same."""
    return make_coverage(
        make_instance(
            text,
            instance_id=text,
            state=State.LATE,
            reason=text,
            last_good_backup=make_good_backup(name=text, id=text),
        ),
        connection=text,
        schedule=text,
        unselected=(make_instance(text, instance_id=text),),
        not_found=(text,),
        remarks=(text,),
        catch_up=(text,),
        orphans=(orphans(instance_id=text, instance_name=text),),
        next_prune=NextPrune(
            kept=1, refused=text, deleted=(deletion(backup_id=text, backup_name=text, reason=text, instance_id=text),)
        ),
    )


def test_it_names_the_connection_the_schedule_and_the_time_of_the_audit_in_its_zone() -> None:
    page = read(make_instance())
    assert page.headings[0].split() == ["production", "/", "nightly"]
    assert "Audited 2026-11-24 07:30. Times and days are those of Europe/Berlin." in page.text
    assert "production" in page.title


@pytest.mark.parametrize(
    ("states", "changes", "sentence"),
    [
        pytest.param(["late", "ok"], {}, "1 of 2 instances needs you.", id="one late"),
        pytest.param(["never", "failing", "ok"], {}, "2 of 3 instances need you.", id="two uncovered"),
        pytest.param(["ok", "ok"], {}, "All 2 instances are covered.", id="all well"),
        pytest.param(["ok"], {}, "The only instance is covered.", id="one well"),
        pytest.param(
            ["building", "new", "ok"],
            {},
            "1 of 3 instances is covered, the others new or being backed up.",
            id="building and new are not covered yet",
        ),
        pytest.param(["new"], {}, "No instance is covered yet, each is new or being backed up.", id="all new"),
        pytest.param(
            ["ok", "ok"],
            {"not_found": ("x",)},
            "All 2 instances are covered, but 1 selected was not found.",
            id="missing",
        ),
        pytest.param([], {}, "No instance was audited: the project lists none that is selected.", id="empty project"),
    ],
)
def test_the_first_sentence_is_whether_somebody_is_needed(
    states: list[str], changes: dict[str, Any], sentence: str
) -> None:
    page = read(*(make_instance(f"one-{index}", state=state) for index, state in enumerate(states)), **changes)
    assert sentence in page.text
    assert page.title.startswith(sentence[:-1])


@pytest.mark.parametrize(
    ("states", "changes", "is_well"),
    [
        pytest.param(["ok"], {}, True, id="all well"),
        pytest.param(["late"], {}, False, id="late"),
        pytest.param(["ok"], {"not_found": ("x",)}, False, id="one not found"),
        pytest.param([], {}, False, id="empty project"),
    ],
)
def test_a_project_that_lists_no_instance_is_not_drawn_as_well(
    states: list[str], changes: dict[str, Any], is_well: bool
) -> None:
    page = read(*(make_instance(state=state) for state in states), **changes)
    summary = next(one for one in page.attributes("section") if one["class"].startswith("summary"))
    assert summary["class"] == ("summary well" if is_well else "summary unwell")


def test_each_state_is_counted_and_explained() -> None:
    page = read(*(make_instance(state.value, state=state) for state in State))
    for word in ("✗ Never", "× Failing", "! Late", "▨ Building", "+ New", "✓ OK"):
        assert f"1 {word}" in page.text
    assert "Its last good backup is too old, and the newest attempt since then failed." in page.text


def test_the_instances_have_the_order_of_the_coverage_worst_first() -> None:
    instances = [make_instance(f"{state}-1", state=state) for state in State]
    rows = read(*instances).tables[0].texts()
    assert [row[0].split()[0] for row in rows] == [one.instance_name for one in instances]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State.NEVER, "✗ Never"),
        (State.FAILING, "× Failing"),
        (State.LATE, "! Late"),
        (State.BUILDING, "▨ Building"),
        (State.NEW, "+ New"),
        (State.OK, "✓ OK"),
    ],
)
def test_a_state_is_a_word_with_a_mark_and_the_reason_unless_all_is_well(state: State, text: str) -> None:
    reason = "" if state is State.OK else " It is so"
    assert cells_of(make_instance(state=state, reason="it is so"))[STATE] == f"{text}{reason}"


def test_an_instance_that_is_well_has_a_reason_where_attempts_failed() -> None:
    cells = cells_of(make_instance(reason="it is so", attempts_failed=2))
    assert cells[STATE] == "✓ OK It is so"
    assert cells[LAST] == "7 h 2026-11-24 00:30 2 failed since"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        pytest.param(timedelta(minutes=-2), "0 min", id="clocks differ"),
        pytest.param(timedelta(minutes=119), "119 min", id="minutes"),
        pytest.param(timedelta(hours=2), "2 h", id="two hours"),
        pytest.param(timedelta(hours=71, minutes=59), "71 h", id="hours"),
        pytest.param(timedelta(hours=72), "3 days", id="days"),
    ],
)
def test_the_age_of_the_last_good_backup_counts_up_to_the_audit(age: timedelta, text: str) -> None:
    cells = cells_of(make_instance(last_good_backup=make_good_backup(begin_time=AUDITED_AT - age)))
    assert re.sub(r" \d{4}-\d\d-\d\d \d\d:\d\d$", "", cells[LAST]) == text


def test_an_instance_without_a_good_backup_has_never_had_one() -> None:
    cells = cells_of(make_instance(state=State.NEVER, last_good_backup=None, age_hours=None))
    assert (cells[LAST], cells[SIZE], cells[DURATION]) == ("never", "–", "–")


def test_each_day_has_a_word_for_a_screen_reader_and_its_date() -> None:
    table = read(make_instance(days="-" * 26 + "gbfn")).tables[0]
    days = table.body[0][FIRST_DAY : FIRST_DAY + 30]
    assert [day.text.strip() for day in days[-5:]] == ["did not exist", "good", "running", "failed", "none"]
    assert [day.attributes["title"] for day in (days[0], days[-1])] == ["26 Oct", "24 Nov"]


def test_the_marks_of_the_days_differ_without_colour() -> None:
    page = read(make_instance(days="-" * 26 + "gbfn"))
    classes = [day.attributes["class"] for day in page.tables[0].body[0][FIRST_DAY + 25 : FIRST_DAY + 30]]
    marks = [re.findall(rf'^\.{name}::before {{ content: "(.)"', page.styles, re.MULTILINE) for name in classes]
    assert marks == [[], ["■"], ["▨"], ["×"], ["·"]]


def test_the_columns_of_the_days_are_named_by_month_and_number() -> None:
    first, second = read(make_instance()).tables[0].rows[:2]
    months = [(cell.text.strip(), cell.span) for cell in first if cell.attributes["scope"] == "colgroup"]
    assert months == [("October 2026", 6), ("November 2026", 24)]
    assert [cell.text.strip() for cell in second] == [str(day) for day in (*range(26, 32), *range(1, 25))]


@pytest.mark.parametrize("days", [1, 30, 92])
def test_every_row_has_as_many_columns_as_the_head(days: int) -> None:
    first = date(2026, 11, 24) - timedelta(days=days - 1)
    table = read(make_instance("a", days="g" * days), make_instance("b", days=""), first_day=first).tables[0]
    assert [sum(cell.span for cell in row) for row in (table.rows[0], *table.body)] == [days + 6] * 3


def test_all_tables_have_heads_of_rows_and_columns() -> None:
    page = HtmlPage(render_page(with_text_everywhere("x")))
    assert len(page.tables) == 4
    for table in page.tables:
        assert {cell.attributes["scope"] for row in table.rows for cell in row if cell.tag == "th"} >= {"row", "col"}
    assert len(page.attributes("caption")) == 1


@pytest.mark.parametrize(
    ("megabytes", "text"),
    [
        (0.0, "0 MB"),
        (512.0, "512 MB"),
        (1023.0, "1,023 MB"),
        (1536.0, "1.5 GB"),
        (90112.0, "88 GB"),
        (1e15, "931,323 PB"),
        (None, "–"),
    ],
)
def test_the_size_has_the_unit_that_suits_it(megabytes: float | None, text: str) -> None:
    assert cells_of(make_instance(last_good_backup=make_good_backup(size_mb=megabytes)))[SIZE] == text


@pytest.mark.parametrize(
    ("seconds", "usual", "text"),
    [
        pytest.param(1080.0, 720, "18 min usually 12 min (+50 %)", id="longer"),
        pytest.param(540.0, 720, "9 min usually 12 min (-25 %)", id="shorter"),
        pytest.param(45.0, None, "45 s", id="the first"),
        pytest.param(59.7, None, "1 min", id="rounded up to a minute"),
        pytest.param(7500.0, 0, "2 h 5 min usually 0 s", id="usually nothing"),
        pytest.param(None, 720, "– usually 12 min", id="not known"),
    ],
)
def test_the_duration_is_compared_with_the_usual_one(seconds: float | None, usual: int | None, text: str) -> None:
    good = make_good_backup(duration_seconds=seconds)
    assert cells_of(make_instance(last_good_backup=good, usual_duration_seconds=usual))[DURATION] == text


@pytest.mark.parametrize(("durations", "lines"), [((), 0), ((60, 70), 0), ((60, 70, 90), 1), ((0, 0, 0), 1)])
def test_three_durations_are_drawn_as_a_line(durations: tuple[int, ...], lines: int) -> None:
    assert len(read(make_instance(durations_seconds=durations)).attributes("path")) == lines


def test_the_line_of_durations_begins_at_zero_and_has_the_newest_at_the_right() -> None:
    page = read(make_instance(durations_seconds=(0, 50, 100)))
    assert page.attributes("path")[0]["d"] == "M0 15L36 8L72 1"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "–"),
        ({"automatic_keep_days": 7}, "automatic 7 days"),
        ({"automatic_keep_days": 0}, "automatic off"),
        ({"protection": {"vault_lock": {"is_locked": True}, "encryption": "off"}}, "locked not encrypted"),
        (
            {"protection": {"vault_lock": {"is_locked": True, "ends_at": "2027-02-22T23:30:00Z"}, "encryption": "on"}},
            "locked until 2027-02-23 encrypted",
        ),
        ({"protection": {"vault_lock": {"is_locked": False}}}, "not locked"),
        ({"protection": {}}, "–"),
    ],
)
def test_protection_is_shown_where_it_is_known(fields: dict[str, Any], text: str) -> None:
    assert cells_of(make_instance(**fields))[PROTECTION] == text


def test_a_catch_up_is_shown_at_its_instance_and_counted() -> None:
    late = make_instance("late", state=State.LATE, reason="")
    page = read(late, make_instance("other"), catch_up=(late.instance_id,))
    assert [row[STATE] for row in page.tables[0].texts()] == ["! Late catch-up backup requested", "✓ OK"]
    assert "1 catch-up backup requested by this audit." in page.text


def test_what_could_not_be_found_out_and_ids_that_were_not_found_are_before_the_table() -> None:
    page = read(make_instance(), remarks=("locks were not read",), not_found=("f" * 36,))
    assert page.headings[1:4] == ["What could not be found out", "Selected and not found", "Instances, worst first"]
    assert "locks were not read" in page.text
    assert "f" * 36 in page.text


def test_the_deletions_of_the_next_prune_have_their_reasons() -> None:
    known = make_instance()
    prune = NextPrune(kept=40, deleted=(deletion(instance_id=known.instance_id, begin_time=None, size_mb=None),))
    page = read(known, next_prune=prune)
    assert "1 backup is deleted and 40 kept" in page.text
    name = f"nightly-1 {'d' * 36}"
    assert page.tables[1].texts() == [[name, "orders", "not known", "–", "no rule keeps it"]]


def test_a_refused_prune_has_its_reason() -> None:
    page = read(make_instance(), next_prune=NextPrune(kept=40, deleted=(deletion(),), refused="too many"))
    assert "It is refused: too many." in page.text
    assert "1 backup would be deleted" in page.text


def test_of_many_deletions_the_first_are_listed_and_the_others_counted() -> None:
    page = read(make_instance(), next_prune=NextPrune(kept=0, deleted=(deletion(),) * 1434))
    assert len(page.tables[1].body) == 200
    assert "… 1,234 more" in page.text


def test_backups_of_deleted_instances_are_listed_with_their_sum() -> None:
    page = read(make_instance(), orphans=(orphans(), orphans(instance_id="", instance_name="", newest=None)))
    assert "6 manual backups of 2 instances that the project no longer has, 4.0 GB in all." in page.text
    assert page.tables[1].texts() == [
        [f"old {'c' * 36}", "3", "2", "2026-11-24 07:30 0 min old", "2.0 GB"],
        ["name not known id not known", "3", "2", "not known", "2.0 GB"],
    ]


def test_instances_that_the_audit_does_not_select_are_listed_apart_from_the_others() -> None:
    others = (make_instance("scratch", state=State.NEVER, last_good_backup=None), make_instance("test"))
    page = read(make_instance("orders"), unselected=others)
    assert [row[0] for row in page.tables[0].texts()] == [
        row[0] for row in read(make_instance("orders")).tables[0].texts()
    ]
    listed = page.tables[1].texts()
    assert [(row[0].split()[0], row[1].split()[-1], row[2].split()[0]) for row in listed] == [
        ("scratch", "Never", "never"),
        ("test", "OK", listed[1][2].split()[0]),
    ]
    assert "The project has 2 other instances." in page.text


def test_of_many_instances_that_are_not_selected_the_first_are_listed_and_the_others_counted() -> None:
    page = read(make_instance(), unselected=tuple(make_instance(f"test-{number}") for number in range(203)))
    assert len(page.tables[1].texts()) == 200
    assert "… 3 more" in page.text


def test_sections_that_have_nothing_to_show_are_left_out() -> None:
    headings = ["Instances, worst first", "What the states mean", "What this page cannot show"]
    assert read(make_instance()).headings[1:] == headings


def test_an_empty_project_has_a_page_without_tables() -> None:
    assert read().tables == []


def test_it_has_no_script_and_nothing_of_another_host() -> None:
    page = HtmlPage(render_page(with_text_everywhere("x")))
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "a", "form", "object", "embed", "base"})
    assert not re.search(r"url\(|@import|https?:|//[a-z]", page.source)
    policies = [meta["content"] for meta in page.attributes("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_it_is_a_page_of_a_phone_and_of_a_screen_reader() -> None:
    page = read(make_instance())
    assert page.attributes("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.attributes("meta")
    assert [one["tabindex"] for one in page.attributes("div") if "scroll" in one["class"]] == ["0"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_others_is_shown_as_text_wherever_it_is(text: str) -> None:
    harmless, page = HtmlPage(render_page(with_text_everywhere("x"))), HtmlPage(render_page(with_text_everywhere(text)))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in harmless.tags]
    assert [sorted(names) for _, names in page.tags] == [sorted(names) for _, names in harmless.tags]
    assert page.text.casefold().count(text.casefold()) == 16
    assert text in page.title


@pytest.mark.parametrize("char", UNSEEN, ids=ascii)
def test_characters_that_change_how_a_text_is_shown_are_replaced(char: str) -> None:
    page = HtmlPage(render_page(with_text_everywhere(f"a{char}b")))
    assert char not in page.text.replace(" ", "")
    assert re.search(f"a�{char[1:].replace('[', '.') if char[0] != chr(13) else '�'}b", page.text)
    assert page.source.encode()


def test_a_name_in_another_script_is_shown_as_it_is() -> None:
    assert cells_of(make_instance("数据库-קופה-ü", instance_id="x"))[0] == "数据库-קופה-ü x"


def test_a_text_of_any_length_is_cut() -> None:
    page = HtmlPage(render_page(with_text_everywhere("x" * 10_000)))
    assert "x" * 299 + "…" in page.text
    assert "x" * 300 not in page.source


def test_the_same_coverage_gives_the_same_page() -> None:
    coverage = make_large_coverage(20)
    assert render_page(coverage) == render_page(Coverage.model_validate_json(coverage.model_dump_json()))


def test_times_are_those_of_the_zone_also_where_summer_time_ends() -> None:
    begin = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "2026-10-25 02:30" in cells_of(make_instance(last_good_backup=make_good_backup(begin_time=begin)))[LAST]


def test_a_thousand_instances_of_a_month_have_less_than_two_megabytes() -> None:
    assert len(render_page(make_large_coverage(1000)).encode()) < 2_000_000
