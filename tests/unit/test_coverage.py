"""Coverage: the state of an instance, its reason, its days, and the digest of all."""

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.coverage import Coverage, State
from gaussdb_backup.domain.digest import make_digest
from gaussdb_backup.domain.instance_coverage import CoverageCriteria, find_orphans, measure_instance, measure_instances
from gaussdb_backup.domain.models import Backup, Instance

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
INSTANCE = Instance(id="a" * 32 + "in07", name="orders", created="2026-01-01T00:00:00+0000")
BY = CoverageCriteria(now=NOW, max_age=timedelta(hours=26), days=5, zone=UTC)


def backup(hours: float | None, status: str = "COMPLETED", **fields: Any) -> Backup:
    """One that began so many hours ago and took ten minutes."""
    begin = None if hours is None else NOW - timedelta(hours=hours)
    end = begin + timedelta(minutes=10) if begin and status != "BUILDING" else None
    given = {"id": f"{hours}{status}", "instance_id": INSTANCE.id, "status": status, "size": 512, **fields}
    return Backup.model_validate({"begin_time": begin, "end_time": end, **given})


def old(age: str, *more: str) -> str:
    return ", ".join([f"its last good backup is {age} old, of at most 26 h", *more])


def none(*more: str) -> str:
    return ", ".join(["it has no good backup", "it exists for 327 days", *more])


@pytest.mark.parametrize(
    ("backups", "state", "reason"),
    [
        ([backup(4)], "ok", old("4 h")),
        ([backup(26)], "ok", old("26 h")),
        ([backup(26.01)], "late", old("26 h")),
        ([backup(80)], "late", old("3 days")),
        ([backup(30), backup(1, "BUILDING")], "building", old("30 h", "one is being made for 60 min")),
        ([backup(30), backup(2, "FAILED")], "failing", old("30 h", "1 attempt since failed")),
        ([backup(30), backup(20, "FAILED"), backup(2, "FAILED")], "failing", old("30 h", "2 attempts since failed")),
        ([backup(30), backup(40, "FAILED")], "late", old("30 h")),
        (
            [backup(30), backup(3, "FAILED"), backup(1, "BUILDING")],
            "building",
            old("30 h", "1 attempt since failed, one is being made for 60 min"),
        ),
        ([backup(50), backup(25, "BUILDING")], "late", old("50 h", "one has not ended for 25 h (BUILDING)")),
        ([backup(50), backup(25, "HALTED")], "late", old("50 h", "one has not ended for 25 h (HALTED)")),
        ([backup(50), backup(3, "HALTED")], "building", old("50 h", "one is being made for 3 h")),
        (
            [backup(52), backup(28, "HALTED"), backup(4, "HALTED")],
            "late",
            old("52 h", "one is being made for 4 h", "one has not ended for 28 h (HALTED)"),
        ),
        ([], "never", none("none was ever attempted: check that a plan selects it")),
        ([backup(3, "FAILED")], "never", none("1 attempt failed")),
        ([backup(3, "BUILDING")], "never", none("one is being made for 3 h")),
        ([backup(None)], "never", none("none was ever attempted: check that a plan selects it")),
        ([backup(-1)], "never", none("none was ever attempted: check that a plan selects it")),
        ([backup(-0.1)], "ok", old("0 min")),
        ([backup(4, "AVAILABLE")], "ok", old("4 h")),
    ],
)
def test_the_state_of_an_instance_and_its_reason(backups: list[Backup], state: str, reason: str) -> None:
    measured = measure_instance(INSTANCE, backups, BY)
    assert (measured.state, measured.reason) == (state, reason)


def test_backups_that_never_end_are_late_though_another_is_made_each_day() -> None:
    """Such as after the API gives its good status another name. None is requested while one is being made."""
    daily = [backup(4 + 24 * day, "SUCCESS") for day in range(9)]
    measured = measure_instance(INSTANCE, [backup(220), *daily], BY)
    assert (measured.state, measured.building_since) == ("late", daily[0].begin_time)


@pytest.mark.parametrize(
    ("ahead", "state"),
    [(timedelta(minutes=14), "new"), (timedelta(minutes=16), "never"), (timedelta(days=9_000), "never")],
    ids=["as clocks differ", "further", "years"],
)
def test_an_instance_that_was_made_in_the_future_is_not_new_until_then(ahead: timedelta, state: str) -> None:
    measured = measure_instance(INSTANCE.model_copy(update={"created": NOW + ahead}), [], BY)
    assert measured.state == state
    assert "-" not in measured.reason
    assert measured.days == ("----n" if state == "new" else "nnnnn")


@pytest.mark.parametrize(
    ("created", "state"),
    [("2026-11-24T05:00:00+0000", "new"), ("2026-11-23T04:59:59+0000", "never"), (None, "never")],
    ids=["created two hours ago", "older than a backup may be", "of unknown age"],
)
def test_an_instance_without_a_backup_is_new_until_it_is_older_than_one_may_be(created: str | None, state: str) -> None:
    instance = Instance(id=INSTANCE.id, created=created)
    assert measure_instance(instance, [], BY).state == state


def test_the_age_is_that_of_the_data_and_counts_from_the_begin() -> None:
    measured = measure_instance(INSTANCE, [backup(4), backup(28)], BY)
    assert measured.age_hours == 4
    assert measured.last_good_backup is not None
    assert measured.last_good_backup.begin_time == NOW - timedelta(hours=4)
    assert measured.last_good_backup.duration_seconds == 600


def test_there_is_no_age_without_a_good_backup() -> None:
    assert measure_instance(INSTANCE, [backup(4, "FAILED")], BY).age_hours is None


def test_each_day_has_the_mark_of_its_best_backup() -> None:
    backups = [backup(1, "FAILED"), backup(2, "BUILDING"), backup(25), backup(26, "FAILED"), backup(50, "FAILED")]
    assert measure_instance(INSTANCE, backups, BY).days == "nnfgb"


def test_a_day_before_the_instance_existed_has_no_mark() -> None:
    young = Instance(id=INSTANCE.id, created="2026-11-22T12:00:00+0000")
    assert measure_instance(young, [backup(1)], BY).days == "--nng"


@pytest.mark.parametrize(
    ("now", "backups", "days"),
    [
        (datetime(2026, 10, 26, 7, tzinfo=UTC), ["2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"], "nngn"),
        (datetime(2026, 3, 30, 7, tzinfo=UTC), ["2026-03-28T22:59:00+00:00", "2026-03-28T23:01:00+00:00"], "nggn"),
        (datetime(2026, 11, 24, 23, 30, tzinfo=UTC), ["2026-11-24T23:15:00+00:00"], "nnng"),
    ],
    ids=["two o'clock twice in autumn", "around a midnight in spring", "a day begins at 23:00 UTC"],
)
def test_a_day_is_one_of_the_zone(now: datetime, backups: list[str], days: str) -> None:
    by = CoverageCriteria(now=now, max_age=timedelta(hours=26), days=4, zone=ZoneInfo("Europe/Berlin"))
    listed = [backup(1, id=text, begin_time=text, end_time=None) for text in backups]
    assert measure_instance(INSTANCE, listed, by).days == days


def test_the_usual_duration_is_that_of_the_backups_before_the_last_one() -> None:
    backups = [
        backup(24 * day, end_time=NOW - timedelta(days=day) + timedelta(minutes=took))
        for day, took in ((1, 90), (2, 10), (3, 14), (4, 12))
    ]
    measured = measure_instance(INSTANCE, backups, BY)
    assert measured.durations_seconds == (720, 840, 600, 5400)
    assert measured.usual_duration_seconds == 720
    assert measure_instance(INSTANCE, backups[:1], BY).usual_duration_seconds is None


def test_instances_are_worst_first_and_the_oldest_first_within_a_state() -> None:
    ages: dict[str, list[Backup]] = {
        "ok": [backup(4)], "late-30": [backup(30)], "late-99": [backup(99)], "never": [],
        "failing": [backup(30), backup(1, "FAILED")], "building": [backup(30), backup(1, "BUILDING")],
    }  # fmt: skip
    listed = [one.model_copy(update={"instance_id": id_}) for id_, group in ages.items() for one in group]
    measured = measure_instances([Instance(id=id_) for id_ in ages], listed, BY)
    assert [one.instance_id for one in measured] == ["never", "failing", "late-99", "late-30", "building", "ok"]


statuses = st.sampled_from(["COMPLETED", "AVAILABLE", "FAILED", "BUILDING", "HALTED"])
histories = st.lists(st.tuples(st.floats(-48, 2_000), statuses), max_size=12, unique_by=lambda each: each[0])


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_the_list_is_irrelevant(history: list[tuple[float, str]], rng: random.Random) -> None:
    backups = [backup(hours, status) for hours, status in history]
    shuffled = rng.sample(backups, len(backups))
    assert measure_instance(INSTANCE, shuffled, BY) == measure_instance(INSTANCE, backups, BY)


@given(histories)
def test_an_instance_is_ok_exactly_if_a_good_backup_is_recent_enough(history: list[tuple[float, str]]) -> None:
    measured = measure_instance(INSTANCE, [backup(hours, status) for hours, status in history], BY)
    has_recent = any(-0.25 <= hours <= 26 and status in ("COMPLETED", "AVAILABLE") for hours, status in history)
    assert (measured.state is State.OK) == has_recent


@given(histories, histories)
def test_no_older_backup_makes_an_instance_worse(
    history: list[tuple[float, str]], older: list[tuple[float, str]]
) -> None:
    """What happened before the last good backup is history."""
    good = [hours for hours, status in history if status in ("COMPLETED", "AVAILABLE") and hours >= -0.25]
    backups = [backup(hours, status) for hours, status in history]
    before = [backup(hours + min(good, default=0) + 1, status) for hours, status in older if hours > 0]
    if good:
        assert (
            measure_instance(INSTANCE, [*backups, *before], BY).state == measure_instance(INSTANCE, backups, BY).state
        )


def test_orphans_have_the_name_and_the_size_of_their_backups_and_the_most_are_first() -> None:
    backups = [
        backup(1, id="1", instance_id="gone-1", instance_name="crm", size=None),
        backup(2, id="2", instance_id="gone-2", instance_name="old", size=10),
        backup(3, "FAILED", id="3", instance_id="gone-2", instance_name="older", size=5.5),
        backup(4, id="4"),
    ]
    found = find_orphans(backups, {INSTANCE.id})
    assert [(one.instance_id, one.instance_name, one.backups, one.good, one.size_mb) for one in found] == [
        ("gone-2", "old", 2, 1, 15.5),
        ("gone-1", "crm", 1, 1, 0),
    ]


def coverage(instances: list[Instance], backups: list[Backup], **fields: Any) -> Coverage:
    measured = measure_instances(instances, backups, BY)
    given: dict[str, Any] = {
        "connection": "default", "schedule": "nightly", "scheduled_time": NOW, "audited_at": NOW, "timezone": "UTC",
        "max_age_hours": 26, "first_day": BY.dates[0], "last_day": BY.dates[-1], "audited": len(measured),
        "uncovered": sum(one.state.is_uncovered for one in measured), "instances": measured,
        "states": {state: sum(one.state is state for one in measured) for state in State}, **fields,
    }  # fmt: skip
    return Coverage.model_validate(given)


def test_the_json_of_a_coverage_is_read_back_as_the_same_value() -> None:
    value = coverage([INSTANCE, Instance(id="b" * 32)], [backup(30), backup(1, "FAILED")])
    assert Coverage.model_validate(value.to_json()) == value


def test_a_digest_has_the_counts_and_the_worst_ten() -> None:
    instances = [Instance(id=f"{number:032x}in07", name=f"db-{number}") for number in range(12)]
    digest = make_digest(coverage([*instances, INSTANCE], [backup(4)]))
    assert (digest["outcome"], digest["audited"], digest["uncovered"]) == ("uncovered", 13, 12)
    assert len(digest["worst"]) == len(digest["lines"]) == 10
    assert digest["lines"]["line_1"] == (
        "never: db-0 (00000000000000000000000000000000in07): it has no good backup, none was ever attempted: check "
        "that a plan selects it"
    )
    assert digest["oldest_age_hours"] == 4


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "covered"),
        ({"audited": 0}, "uncovered"),
        ({"not_found": ("x",)}, "uncovered"),
        ({"uncovered": 1}, "uncovered"),
    ],
    ids=["each instance has one", "no instance at all", "an id that does not exist", "one has none"],
)
def test_a_digest_is_good_news_only_if_each_instance_has_a_recent_good_backup(
    fields: dict[str, Any], outcome: str
) -> None:
    assert make_digest(coverage([INSTANCE], [backup(4)], **fields))["outcome"] == outcome


def test_a_digest_leaves_a_name_as_it_is_where_it_formats_nothing() -> None:
    line = make_digest(coverage([Instance(id="b" * 32, name="orders_eu-1_a")], []))["lines"]["line_1"]
    assert line.startswith("never: orders_eu-1_a (")


@pytest.mark.parametrize(
    "name",
    [
        "http://evil.test/x",
        "<a href=x>",
        "a\r\nSubject: x",
        "\u202eedoc",
        "x" * 5_000,
        '", "title": "',
        "a\\",
        "<!channel> @here",
        "*_~`all well`~_*",
        "_all_ _well_",
        "-__a__-",
    ],
)
def test_a_digest_shows_no_link_no_mention_and_no_markup_of_an_instances_name(name: str) -> None:
    line = make_digest(coverage([Instance(id="b" * 32, name=name)], []))["lines"]["line_1"]
    assert not set('/<>\r\n.@!*~`"\\') & set(line)
    assert not re.search(r"\b_|_\b|__", line)
    assert line.isprintable()
    assert len(line) < 400
