"""Which backups of an instance are kept, which go, and why."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.retention import RetentionPolicy, decide
from gaussdb_backup.domain.validation import parse_strictly
from gaussdb_backup.errors import InvalidRequest
from tests.helpers.retention import make_backup, make_policy

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
GONE: tuple[str, ...] = ()


def reasons_of(
    backups: Sequence[Backup], policy: RetentionPolicy, *, now: datetime = NOW, in_use: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """The reasons by the backup's id, newest first; an id with none is deleted."""
    return {one.backup.id: one.reasons for one in decide(backups, policy, now=now, in_use=in_use)}


def one_a_day(count: int) -> list[Backup]:
    """d0 of today, d1 of yesterday, …"""
    return [make_backup(f"d{number}", NOW - number * DAY) for number in range(count)]


def in_berlin(times: Sequence[str], **rules: Any) -> list[str]:
    """The times, newest first, of the backups that are kept by rules in Berlin's zone."""
    backups = [make_backup(time, f"{time}Z") for time in times]
    return [one.backup.id for one in decide(backups, make_policy(zone="Europe/Berlin", **rules), now=NOW) if one.keep]


def test_a_weekly_and_a_daily_rule_keep_what_either_keeps() -> None:
    reasons = reasons_of(one_a_day(10), make_policy(daily=3, weekly=2))
    kept = {id_: given for id_, given in reasons.items() if given}
    assert kept == {"d0": ("daily", "weekly"), "d1": ("daily", "weekly"), "d2": ("daily",)}


def test_reasons_are_in_the_order_of_the_rules_and_the_oldest_fills_up_what_is_left() -> None:
    policy = make_policy(
        last=1,
        hourly=1,
        daily=9,
        weekly=9,
        monthly=9,
        yearly=9,
        within="1d",
        within_hourly="7d",
        within_daily="7d",
        within_weekly="7d",
        within_monthly="1m",
        within_yearly="1y",
    )
    within = ("hourly within 7d", "daily within 7d")
    assert reasons_of(one_a_day(2), policy) == {
        "d0": (
            *("within 1d", "last", "hourly", "daily", "weekly", "monthly", "yearly", *within),
            *("weekly within 7d", "monthly within 1m", "yearly within 1y"),
        ),
        "d1": (
            *("daily", "weekly", "oldest monthly", "oldest yearly", *within),
            *("weekly within 7d", "oldest monthly within 1m", "oldest yearly within 1y"),
        ),
    }


def test_a_backup_that_is_exactly_as_old_as_the_duration_goes() -> None:
    latest = make_backup("latest", NOW)
    edge, inside = make_backup("edge", NOW - 7 * DAY), make_backup("inside", NOW - 7 * DAY + SECOND)
    assert reasons_of([latest, inside, edge], make_policy(within="7d")) == {
        "latest": ("within 7d",),
        "inside": ("within 7d",),
        "edge": GONE,
    }


def test_durations_reach_back_from_the_newest_counted_backup_and_not_from_now() -> None:
    failed = make_backup("failed", NOW, status="FAILED")
    old = [make_backup("a", NOW - 400 * DAY), make_backup("b", NOW - 402 * DAY), make_backup("c", NOW - 404 * DAY)]
    reasons = reasons_of([failed, *old], make_policy(within="3d"))
    assert reasons == {"failed": ("failed recently",), "a": ("within 3d",), "b": ("within 3d",), "c": GONE}


AUTUMN_HOURS = ["2026-10-25T02:30", "2026-10-25T01:30", "2026-10-25T00:30", "2026-10-24T23:30"]
AUTUMN_DAYS = ["2026-10-25T23:00", "2026-10-25T22:59", "2026-10-24T22:00", "2026-10-24T21:59", "2026-10-24T21:58"]
SPRING_HOURS = ["2026-03-29T01:59", "2026-03-29T01:00", "2026-03-29T00:59", "2026-03-29T00:00"]
SPRING_DAYS = ["2026-03-29T22:00", "2026-03-29T21:59", "2026-03-28T23:00", "2026-03-28T22:59", "2026-03-28T22:58"]


@pytest.mark.parametrize(
    ("times", "rules", "gone"),
    [
        (AUTUMN_HOURS, {"hourly": 3}, ["2026-10-25T00:30"]),
        (AUTUMN_DAYS, {"daily": 3}, ["2026-10-24T22:00", "2026-10-24T21:58"]),
        (SPRING_HOURS, {"hourly": 2}, ["2026-03-29T01:00", "2026-03-29T00:00"]),
        (SPRING_DAYS, {"daily": 3}, ["2026-03-28T23:00", "2026-03-28T22:58"]),
        (AUTUMN_HOURS, {"within_hourly": "3h"}, ["2026-10-25T00:30", "2026-10-24T23:30"]),
        (AUTUMN_DAYS, {"within": "1d"}, ["2026-10-24T22:00", "2026-10-24T21:59", "2026-10-24T21:58"]),
        (SPRING_DAYS, {"within": "1d"}, ["2026-03-28T23:00", "2026-03-28T22:59", "2026-03-28T22:58"]),
    ],
    ids=[
        "02:30 twice is one hour",
        "a day of 25 hours",
        "no hour between 01:59 and 03:00",
        "a day of 23 hours",
        "hours of a duration are elapsed",
        "a day of a duration may have 25 hours",
        "a day of a duration may have 23 hours",
    ],
)
def test_periods_are_those_of_the_clock_in_the_policys_zone(
    times: list[str], rules: dict[str, Any], gone: list[str]
) -> None:
    assert in_berlin(times, **rules) == [time for time in times if time not in gone]


def test_the_same_backups_are_of_other_days_in_another_zone() -> None:
    backups = [make_backup("late", "2026-11-22T16:30Z"), make_backup("early", "2026-11-22T15:30Z")]
    assert reasons_of(backups, make_policy(daily=1, zone="UTC"))["early"] == GONE
    assert reasons_of(backups, make_policy(daily=2, zone="Asia/Shanghai"))["early"] == ("daily",)
    assert reasons_of(backups, make_policy(daily=2, zone="UTC"))["early"] == ("oldest daily",)


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("hourly", ["2026-11-23T03:30Z", "2026-11-22T03:30Z", "2026-10-22T03:30Z"]),
        ("daily", ["2026-11-23T03:30Z", "2026-10-23T03:30Z", "2025-10-23T03:30Z"]),
        ("weekly", ["2026-11-23T03:30Z", "2025-11-17T03:30Z", "2024-11-18T03:30Z"]),
        ("monthly", ["2026-11-23T03:30Z", "2025-11-23T03:30Z", "2024-11-23T03:30Z"]),
        ("yearly", ["2026-11-23T03:30Z", "2016-11-23T03:30Z", "2006-11-23T03:30Z"]),
    ],
)
def test_what_is_as_far_into_another_day_month_or_year_is_in_another_period(rule: str, times: list[str]) -> None:
    backups = [make_backup(time, time) for time in [*times, "2001-01-01T00:00Z"]]
    rules: dict[str, Any] = {rule: 3}
    assert list(reasons_of(backups, make_policy(**rules)).values()) == [(rule,), (rule,), (rule,), GONE]


EXEMPT = {
    "building": ({"status": "BUILDING"}, "building"),
    "an unknown status": ({"status": "ARCHIVED"}, "unknown status"),
    "no status": ({"status": None}, "unknown status"),
    "another's name": ({"name": "before-migration"}, "not ours"),
    "the prefix within the name": ({"name": "my-nightly-1"}, "not ours"),
    "the prefix in capitals": ({"name": "NIGHTLY-1"}, "not ours"),
    "no name": ({"name": None}, "not ours"),
    "automatic": ({"type": "auto"}, "not manual"),
    "another type": ({"type": "Manual "}, "not manual"),
    "no begin time": ({"begin_time": None}, "no begin time"),
    "failed, without a begin time": ({"status": "FAILED", "begin_time": None}, "no begin time"),
    "in the future": ({"begin_time": NOW + SECOND}, "future"),
    "failed in the future": ({"begin_time": NOW + SECOND, "status": "FAILED"}, "future"),
    "building, without a begin time": ({"status": "BUILDING", "begin_time": None}, "building"),
    "failed a moment ago": ({"status": "FAILED", "begin_time": NOW}, "failed recently"),
    "failed almost 7 days ago": ({"status": "FAILED", "begin_time": NOW - 7 * DAY + SECOND}, "failed recently"),
    "another's, failed long ago": ({"status": "FAILED", "name": "x", "begin_time": NOW - 70 * DAY}, "not ours"),
    "automatic, failed long ago": ({"status": "FAILED", "type": "auto", "begin_time": NOW - 70 * DAY}, "not manual"),
}


@pytest.mark.parametrize(("fields", "reason"), EXEMPT.values(), ids=EXEMPT)
def test_what_is_in_doubt_neither_goes_nor_counts(fields: dict[str, Any], reason: str) -> None:
    odd = make_backup("odd", **{"begin_time": NOW - SECOND, **fields})
    policy = make_policy(last=2, daily=2)
    reasons = reasons_of([odd, *one_a_day(4)], policy)
    assert reasons.pop("odd") == (reason,)
    assert (
        reasons
        == reasons_of(one_a_day(4), policy)
        == {
            "d0": ("last", "daily"),
            "d1": ("last", "daily"),
            "d2": GONE,
            "d3": GONE,
        }
    )


def test_what_failed_goes_seven_days_after_its_begin_and_counts_for_nothing() -> None:
    failed = make_backup("failed", NOW - 7 * DAY, status="FAILED")
    decisions = decide([failed, *one_a_day(1)], make_policy(last=9, minimum_good=9), now=NOW)
    assert [(one.backup.id, one.keep, one.reasons) for one in decisions] == [
        ("d0", True, ("last",)),
        ("failed", False, ("failed",)),
    ]


@pytest.mark.parametrize(
    "fields",
    [{}, {"status": "AVAILABLE"}, {"type": None}, {"begin_time": NOW}, {"name": "nightly-"}],
    ids=["completed", "available", "no type", "begun this second", "nothing behind the prefix"],
)
def test_a_good_manual_backup_of_the_policys_own_counts(fields: dict[str, Any]) -> None:
    newest = make_backup("newest", **{"begin_time": NOW - SECOND, **fields})
    older = make_backup("older", NOW - DAY)
    assert reasons_of([newest, older], make_policy(last=1)) == {"newest": ("last",), "older": GONE}


def test_without_a_prefix_every_manual_backup_counts() -> None:
    theirs, unnamed = make_backup("theirs", NOW, name="x"), make_backup("unnamed", NOW - DAY, name=None)
    reasons = reasons_of([theirs, unnamed], make_policy(last=1, name_prefix=""))
    assert reasons == {"theirs": ("last",), "unnamed": GONE}


def test_the_order_of_the_input_means_nothing_even_within_a_second() -> None:
    same = [make_backup(id_, NOW) for id_ in "abc"]
    for backups in permutations([*same, make_backup("d", NOW - DAY), make_backup("none", None)]):
        reasons = reasons_of(backups, make_policy(last=2))
        assert list(reasons.items()) == [
            ("a", ("last",)),
            ("b", ("last",)),
            ("c", GONE),
            ("d", GONE),
            ("none", ("no begin time",)),
        ]


def test_both_backups_of_an_hour_that_the_clock_has_twice_are_in_order() -> None:
    second, first = make_backup("second", "2026-10-25T01:10Z"), make_backup("first", "2026-10-25T00:50Z")
    for backups in ([first, second], [second, first]):
        reasons = reasons_of(backups, make_policy(last=1, zone="Europe/Berlin"))
        assert list(reasons.items()) == [("second", ("last",)), ("first", GONE)]


def test_a_backup_that_is_listed_twice_counts_once() -> None:
    backups = one_a_day(3)
    assert reasons_of([*backups, backups[0]], make_policy(last=2)) == {"d0": ("last",), "d1": ("last",), "d2": GONE}


def test_the_newest_good_ones_stay_where_the_rules_keep_fewer() -> None:
    reasons = reasons_of(one_a_day(5), make_policy(last=1, minimum_good=3))
    minimum = ("minimum_good",)
    assert reasons == {"d0": ("last",), "d1": minimum, "d2": minimum, "d3": GONE, "d4": GONE}


def test_one_in_use_and_one_that_a_rule_keeps_are_among_the_newest_good_ones() -> None:
    backups = [make_backup(f"h{number}", NOW - number * timedelta(hours=1)) for number in range(4)]
    reasons = reasons_of(backups, make_policy(daily=1, minimum_good=2), in_use=["h1"])
    assert reasons == {"h0": ("daily",), "h1": ("minimum_good", "drill"), "h2": GONE, "h3": GONE}


@pytest.mark.parametrize("minimum_good", [1, 0, -5])
def test_the_newest_good_one_stays_even_where_no_rule_keeps_it(minimum_good: int) -> None:
    # Samoa had no 30 December 2011: a day before the 31st began, by its clock, was the 31st.
    begin = datetime(2011, 12, 31, 10, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    backups = [make_backup("newest", begin), make_backup("older", begin - DAY)]
    reasons = reasons_of(backups, make_policy(within="1d", minimum_good=minimum_good, zone="Pacific/Apia"))
    assert reasons == {"newest": ("minimum_good",), "older": GONE}


def test_one_in_use_stays_and_counts_as_any_other() -> None:
    reasons = reasons_of(one_a_day(4), make_policy(last=2), in_use={"d1", "d3"})
    assert reasons == {"d0": ("last",), "d1": ("last", "drill"), "d2": GONE, "d3": ("drill",)}


def test_one_in_use_stays_even_if_it_failed_or_is_in_doubt() -> None:
    failed = make_backup("failed", NOW - 70 * DAY, status="FAILED")
    building = make_backup("building", NOW, status="BUILDING")
    decisions = decide([failed, building, *one_a_day(1)], make_policy(last=1), now=NOW, in_use={"failed", "building"})
    assert all(one.keep for one in decisions)
    assert {one.backup.id: one.reasons for one in decisions} == {
        "building": ("building", "drill"),
        "d0": ("last",),
        "failed": ("drill",),
    }


def test_an_instance_without_backups_has_no_decisions() -> None:
    assert decide([], make_policy(last=1), now=NOW) == []


@pytest.mark.parametrize("rules", [{}, {"last": 0, "daily": 0}, {"within": "0d"}], ids=["none", "zeros", "no duration"])
def test_a_policy_that_keeps_nothing_is_refused_and_never_deletes(rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decide(one_a_day(9), make_policy(**rules), now=NOW)
    expected = "keep: expected at least one rule that keeps something, such as daily: 7; got none"
    assert str(raised.value) == f"invalid retention policy: {expected}"


@pytest.mark.parametrize("name", KeepRules.model_fields)
def test_each_rule_alone_makes_a_policy(name: str) -> None:
    assert KeepRules.model_validate({name: "1d" if "within" in name else -1}).has_rules


def test_an_unlimited_rule_keeps_a_backup_of_every_period() -> None:
    assert set(reasons_of(one_a_day(300), make_policy(daily=-1)).values()) == {("daily",)}


WRONG = {
    "a text for a count": ({"daily": "7"}, "; got '7'"),
    "less than unlimited": ({"last": -2}, "; got -2"),
    "true for a count": ({"yearly": True}, "; got true"),
    "a fraction": ({"monthly": 1.0}, "; got 1.0"),
    "null for a count": ({"hourly": None}, "; got null"),
    "weeks": ({"within": "2w"}, r"; got '2w' \(not numbers of y, m, d or h, such as 1y6m7d12h\)"),
    "an empty duration": ({"within_daily": ""}, r"; got '' \(not numbers of y, m, d or h, such as 1y6m7d12h\)"),
    "a number for a duration": ({"within_weekly": 7}, r"; got 7 \(not a text\)"),
    "an unknown rule": ({"minutely": 1}, r"minutely: expected no such field \(there are last, hourly, daily, "),
}


@pytest.mark.parametrize(("rules", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_rule_is_named_with_what_was_expected_and_given(rules: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as raised:
        parse_strictly(KeepRules, rules, "retention policy")
    assert [problem.field for problem in raised.value.problems] == list(rules)


def test_the_errors_of_rules_describe_a_count_and_a_duration() -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_strictly(KeepRules, {"daily": "7", "within_daily": "2w"}, "retention policy")
    assert str(raised.value) == (
        "invalid retention policy: "
        "daily: expected how many days, by their newest backup, to keep: a whole number, 0 for none or -1 for all; "
        "got '7' | within_daily: expected how far back from the newest backup to keep the newest backup of each day: "
        "a duration such as 1y6m7d12h (there are no weeks); got '2w' (not numbers of y, m, d or h, such as 1y6m7d12h)"
    )


def test_rules_are_written_as_they_are_read() -> None:
    rules = KeepRules.model_validate({"daily": 7, "within": "12h1d"})
    written = rules.model_dump(mode="json", exclude_defaults=True)
    assert written == {"daily": 7, "within": "1d12h"}
    assert KeepRules.model_validate(written) == rules


def test_an_absent_duration_is_written_as_none() -> None:
    assert KeepRules().model_dump(mode="json")["within"] is None
    assert KeepRules.model_validate({"within": None}).within is None
