"""The coverage of an audit as plain text: lines that fit a terminal, worst first."""

import re
from datetime import date
from typing import Any
from unicodedata import east_asian_width

import pytest

from gaussdb_backup.domain.coverage import NextPrune, Orphans, State
from gaussdb_backup_cli.audit.coverage_table import render_table
from local.sample_coverage import make_sample_coverage
from tests.helpers.coverage import make_coverage, make_instance, make_large_coverage

LEGEND = "■ good  ▨ running  × failed  · none  blank: did not exist"
DELETION = {"backup_id": "d", "backup_name": "n", "instance_id": "i", "begin_time": None, "reason": "no rule keeps it"}


def lines_of(*instances: Any, width: int = 120, limit: int | None = 20, **changes: Any) -> list[str]:
    return render_table(make_coverage(*instances, **changes), width=width, limit=limit).splitlines()


def test_it_is_drawn_like_this() -> None:
    instances = [
        make_instance(
            "crm-old",
            state=State.NEVER,
            last_good_backup=None,
            days="n" * 30,
            reason="it has no good backup",
        ),
        make_instance("billing", days="g" * 12 + "f" + "g" * 16 + "b"),
        make_instance("orders-eu-1", days="-" * 10 + "g" * 20),
        make_instance("orders-eu-2"),
    ]
    assert "\n".join(lines_of(*instances, limit=3)) == (
        "COVERAGE  production / nightly · 30 days to 2026-11-24 (Europe/Berlin)                        "
        "1 of 4 instances needs you\n"
        "\n"
        "                         Oct   Nov\n"
        "instance                 26     02     09     16     23  last good  state\n"
        "crm-old                  ······························  never      ✗ Never    it has no good backup\n"
        "billing                  ■■■■■■■■■■■■×■■■■■■■■■■■■■■■■▨  7 h        ✓ OK\n"
        "orders-eu-1                        ■■■■■■■■■■■■■■■■■■■■  7 h        ✓ OK\n"
        "… 1 more, all ok\n"
        "\n"
        f"{LEGEND}"
    )


def test_the_numbers_of_the_days_are_above_their_columns() -> None:
    lines = lines_of(make_instance(days="n" * 28 + "fn"))
    heads, row = lines[3], lines[4]
    assert row.index("×") == heads.index("23")
    assert date(2026, 11, 23).weekday() == 0


def test_the_others_are_summed_up_by_state() -> None:
    instances = [make_instance(f"one-{index}", state=State.LATE if index < 3 else State.OK) for index in range(1300)]
    assert "… 1,299 more, 2 late, 1,297 ok" in lines_of(*instances, limit=1)


def test_without_a_limit_each_instance_has_a_line() -> None:
    lines = lines_of(*(make_instance(f"one-{index}") for index in range(100)), limit=None)
    assert sum(line.startswith("one-") for line in lines) == 100
    assert not any("more" in line for line in lines)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 4, 5])
def test_every_instance_is_in_a_line_or_in_the_sum(limit: int) -> None:
    lines = lines_of(*(make_instance(f"one-{index}") for index in range(4)), limit=limit)
    more = sum(int(line.split()[1]) for line in lines if line.startswith("…"))
    assert sum(line.startswith("one-") for line in lines) + more == 4


@pytest.mark.parametrize(("width", "days"), [(79, 14), (80, 30), (120, 30)])
def test_a_narrow_terminal_has_the_last_fourteen_days(width: int, days: int) -> None:
    lines = lines_of(make_instance(days="-" + "f" * 28 + "g"), width=width)
    row = next(line for line in lines if line.startswith("orders"))
    assert row.count("×") == min(days - 1, 28)
    assert row.count("■") == 1
    assert f"{days} days to 2026-11-24" in lines[0]


@pytest.mark.parametrize("width", [40, 60, 79, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = make_instance("数据库" * 20, state=State.LATE, reason="r" * 500)
    coverage = make_large_coverage(30).model_copy(update={"instances": (wide, *make_large_coverage(30).instances)})
    for line in render_table(coverage, width=width).splitlines():
        assert sum(2 if east_asian_width(char) in "WF" else 1 for char in line) <= width


def test_of_three_months_the_days_that_have_room_are_shown() -> None:
    lines = lines_of(make_instance(days="f" * 91 + "g"), width=120, first_day=date(2026, 8, 25))
    row = next(line for line in lines if line.startswith("orders"))
    assert (row.count("×"), row.count("■")) == (71, 1)
    assert row.endswith("✓ OK")


@pytest.mark.parametrize("state", State)
def test_each_state_is_a_word_with_a_mark(state: State) -> None:
    words = ("✗ Never", "× Failing", "! Late", "▨ Building", "+ New", "✓ OK")
    row = next(one for one in lines_of(make_instance(state=state, reason="it is so")) if one.startswith("orders"))
    assert words[list(State).index(state)] in row
    assert row.endswith("it is so") == (state is not State.OK)


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\n", "\r", "\t", "\x9b", "\u202e", "\u200b", "\ud800"], ids=ascii)
def test_no_name_can_steer_the_terminal(char: str) -> None:
    text = f"a{char}b"
    instance = make_instance(text, state=State.LATE, reason=text)
    changes = {"connection": text, "schedule": text, "not_found": (text,), "remarks": (text,)}
    harmless = render_table(make_coverage(make_instance("x", state=State.LATE, reason="x")))
    table = render_table(make_coverage(instance, next_prune=NextPrune(kept=0, refused=text), **changes))
    assert table.count("a�b") == 7
    assert char not in table.replace("\n", "") or char == "\n"
    assert len(table.splitlines()) == len(harmless.splitlines()) + 3


def test_it_has_no_escape_codes() -> None:
    assert "\x1b" not in render_table(make_sample_coverage())


def test_an_instance_without_a_name_has_its_id() -> None:
    assert lines_of(make_instance("", instance_id="i" * 20))[4].startswith("i" * 20)


def test_an_empty_project_is_not_well() -> None:
    assert lines_of() == [
        "COVERAGE  production / nightly · 30 days to 2026-11-24 (Europe/Berlin)",
        "No instance was audited: the project lists none that is selected",
        "",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"catch_up": ("i",)}, "catch-up: 1 backup requested", id="catch-up"),
        pytest.param({"not_found": ("a", "b")}, "not found: a, b", id="not found"),
        pytest.param({"remarks": ("locks were not read",)}, "not known: locks were not read", id="remark"),
        pytest.param(
            {
                "orphans": (
                    Orphans(instance_id="a", instance_name="n", backups=14, good=9, newest=None, size_mb=1024.0),
                    Orphans(instance_id="b", instance_name="n", backups=1, good=1, newest=None, size_mb=512.0),
                )
            },
            "orphans: 15 backups of 2 deleted instances, 1.5 GB",
            id="orphans",
        ),
        pytest.param(
            {"next_prune": {"kept": 2810, "deleted": [DELETION]}},
            "next prune: deletes 1 backup, keeps 2,810",
            id="prune",
        ),
        pytest.param(
            {"next_prune": {"kept": 0, "deleted": [DELETION] * 2, "refused": "too many"}},
            "next prune: refused: too many; it would delete 2 backups, keeps 0",
            id="refused prune",
        ),
    ],
)
def test_it_ends_with_what_else_the_audit_found(changes: dict[str, Any], line: str) -> None:
    assert lines_of(make_instance(), **changes)[-1] == line


LONG = "orders-of-the-european-production-of-the-year-2026-replica-no-01"
"""As long as the API has them."""


@pytest.mark.parametrize("width", [70, 80, 100, 120])
@pytest.mark.parametrize("length", [8, 24, 25, 30, 47, 48, 64])
def test_a_name_is_shown_whole(width: int, length: int) -> None:
    name = LONG[:length]
    lines = lines_of(make_instance(name), make_instance("billing"), width=width)
    [at] = [number for number, line in enumerate(lines) if line.startswith(name)]
    row = lines[at] if lines[at] != name else lines[at + 1]
    assert row.endswith("7 h        ✓ OK")
    assert row.count("■") >= 7


@pytest.mark.parametrize(("name", "days"), [("o" * 24, 30), ("o" * 30, 26), ("o" * 47, 9), ("o" * 49, 7)])
def test_a_long_name_takes_its_columns_from_the_days(name: str, days: int) -> None:
    lines = lines_of(make_instance(name), width=80)
    assert f"{days} days to" in lines[0]
    assert next(line for line in lines if line.startswith(name)).count("■") == days


@pytest.mark.parametrize("width", [40, 60])
def test_on_a_narrow_terminal_every_part_of_the_head_is_shown(width: int) -> None:
    lines = lines_of(make_instance("crm"), make_instance("billing"), width=width)
    assert "COVERAGE  production / nightly" in lines[0]
    assert re.search(r"\d+ days to 2026-11-24 \(Europe/Berlin\)", "\n".join(lines[:2]))
    assert "All 2 instances are covered" in lines


def test_a_remark_that_is_longer_than_the_terminal_is_wrapped() -> None:
    lines = lines_of(make_instance(), remarks=("word " * 30,), width=60)
    assert "".join(lines).count("word") == 30
