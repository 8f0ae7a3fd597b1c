"""What holds of every policy and every list of backups, whatever they are."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.durations import Duration
from gaussdb_backup.domain.keep_rules import UNLIMITED, KeepRules
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.retention import RetentionPolicy, decide
from tests.helpers.retention import PREFIX, make_backup, make_policy

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
FUTURE = timedelta(hours=3)
COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
DURATIONS = tuple(name for name in KeepRules.model_fields if name not in COUNTS)
ZONES = ("UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")

# Close together, days apart and months apart, so that periods of every kind have none, one and several.
AGES = st.one_of(
    st.integers(0, 180),
    st.integers(0, 120).map(lambda hours: 60 * hours),
    st.integers(0, 40).map(lambda days: 1440 * days),
    st.integers(0, 900).map(lambda days: 1440 * days),
)
ODD: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"status": "BUILDING"},
        {"status": "DELETING"},
        {"status": "FAILED"},
        {"name": "theirs"},
        {"type": "auto"},
        {"begin_time": None},
        {"begin_time": NOW + FUTURE},
        {"begin_time": NOW + FUTURE, "status": "FAILED"},
        {"begin_time": None, "status": "FAILED"},
        {"name": "theirs", "status": "FAILED"},
    ]
)
NONE: st.SearchStrategy[dict[str, Any]] = st.just({})
FIELDS = st.one_of(NONE, NONE, NONE, ODD)


def build(number: int, minutes: int, fields: dict[str, Any]) -> Backup:
    return make_backup(f"b{number:03}", **{"begin_time": NOW - timedelta(minutes=minutes), **fields})


BACKUPS = st.lists(st.tuples(AGES, FIELDS), max_size=25).map(
    lambda drawn: [build(number, minutes, fields) for number, (minutes, fields) in enumerate(drawn)]
)
PARTS = st.integers(0, 3)
DURATION = st.builds(Duration, st.integers(0, 1), PARTS, st.integers(0, 40), st.integers(0, 30))
COUNT = st.one_of(st.integers(0, 5), st.just(UNLIMITED))
HOURS = st.builds(Duration, hours=st.integers(0, 2000))


def rules_of(**kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=kinds).filter(lambda rules: any(rules.values()))


def build_policy(rules: dict[str, Any], zone: str, minimum_good: int) -> RetentionPolicy:
    return make_policy(zone=zone, minimum_good=minimum_good, **rules)


def policies_of(rules: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[RetentionPolicy]:
    return st.builds(build_policy, rules, st.sampled_from(ZONES), st.integers(1, 4))


RULES = rules_of(**dict.fromkeys(COUNTS, COUNT), **dict.fromkeys(DURATIONS, DURATION))
POLICIES = policies_of(RULES)
POLICIES_WITHOUT_PERIODS_WITHIN = policies_of(rules_of(**dict.fromkeys(COUNTS, COUNT), within=DURATION))
POLICIES_OF_COUNTS_AND_HOURS = policies_of(rules_of(**dict.fromkeys(COUNTS, COUNT), **dict.fromkeys(DURATIONS, HOURS)))
IN_USE = st.sets(st.integers(0, 25).map("b{:03}".format), max_size=3)
CHOICES = st.lists(st.booleans(), min_size=25, max_size=25)


def deleted_by(
    policy: RetentionPolicy, backups: Sequence[Backup], in_use: Collection[str] = (), *, now: datetime = NOW
) -> set[str]:
    return {one.backup.id for one in decide(backups, policy, now=now, in_use=in_use) if not one.keep}


def is_counted(backup: Backup) -> bool:
    begin = backup.begin_time
    is_ours = backup.name.startswith(PREFIX) and backup.type == "manual"
    return is_ours and backup.status.is_good and begin is not None and begin <= NOW


def newest_first(backups: Sequence[Backup]) -> list[Backup]:
    return sorted(filter(is_counted, backups), key=lambda one: (NOW - (one.begin_time or NOW), one.id))


@given(BACKUPS, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_the_list_means_nothing(backups: list[Backup], policy: RetentionPolicy, random: Any) -> None:
    shuffled = random.sample(backups, len(backups))
    assert decide(shuffled, policy, now=NOW) == decide(backups, policy, now=NOW)


@given(BACKUPS, POLICIES, IN_USE)
def test_each_backup_has_one_decision_and_a_reason_where_it_is_kept(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str]
) -> None:
    decisions = decide(backups, policy, now=NOW, in_use=in_use)
    assert sorted(one.backup.id for one in decisions) == [backup.id for backup in backups]
    assert all(one.keep == bool(one.reasons) for one in decisions if one.reasons != ("failed",))


@given(BACKUPS, POLICIES, IN_USE)
def test_the_newest_good_ones_are_never_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str]
) -> None:
    newest = {backup.id for backup in newest_first(backups)[: policy.minimum_good]}
    assert not newest & deleted_by(policy, backups, in_use)


@given(BACKUPS, POLICIES, IN_USE)
def test_only_good_and_failed_ones_of_the_policys_own_are_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str]
) -> None:
    week_ago = NOW - timedelta(days=7)
    failed = {
        one.id
        for one in backups
        if one.status == "FAILED" and one.name.startswith(PREFIX) and one.begin_time and one.begin_time <= week_ago
    }
    may_go = (failed | {one.id for one in filter(is_counted, backups)}) - in_use
    deleted = deleted_by(policy, backups, in_use)
    assert deleted <= may_go
    assert failed - in_use <= deleted


def remove(backups: Sequence[Backup], deleted: set[str], choices: list[bool]) -> tuple[list[Backup], set[str]]:
    """What is left after some of the deletions, and the other deletions."""
    done = {backup.id for backup, is_done in zip(backups, choices, strict=False) if is_done} & deleted
    return [backup for backup in backups if backup.id not in done], deleted - done


@given(BACKUPS, POLICIES, IN_USE)
def test_after_the_deletions_nothing_more_is_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str]
) -> None:
    left, _ = remove(backups, deleted_by(policy, backups, in_use), [True] * 25)
    assert deleted_by(policy, left, in_use) == set()


@given(BACKUPS, POLICIES, IN_USE, CHOICES)
def test_after_some_of_the_deletions_only_others_of_them_are_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str], choices: list[bool]
) -> None:
    left, rest = remove(backups, deleted_by(policy, backups, in_use), choices)
    assert deleted_by(policy, left, in_use) <= rest


@given(BACKUPS, POLICIES_WITHOUT_PERIODS_WITHIN, IN_USE, CHOICES)
def test_after_some_of_the_deletions_exactly_the_rest_are_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str], choices: list[bool]
) -> None:
    left, rest = remove(backups, deleted_by(policy, backups, in_use), choices)
    assert deleted_by(policy, left, in_use) == rest


def test_a_period_within_a_duration_may_keep_one_more_after_some_of_the_deletions() -> None:
    """As of restic: the oldest of all is kept where it lies within the duration, and it was not the oldest before."""
    newest, second, oldest = (build(number, 60 * number, {}) for number in range(3))
    policy = make_policy(within_yearly="2h")
    assert deleted_by(policy, [newest, second, oldest]) == {second.id, oldest.id}
    assert deleted_by(policy, [newest, second]) == set()


@given(BACKUPS, POLICIES, RULES, IN_USE, st.integers(0, 3))
def test_a_longer_policy_never_deletes_more(
    backups: list[Backup], policy: RetentionPolicy, more: dict[str, Any], in_use: set[str], more_good: int
) -> None:
    rules = policy.rules
    counts = {name: add_counts(getattr(rules, name), more.get(name, 0)) for name in COUNTS}
    durations = {name: add_durations(getattr(rules, name), more.get(name)) for name in DURATIONS}
    longer = replace(
        policy,
        rules=KeepRules.model_validate({**counts, **durations}),
        minimum_good=policy.minimum_good + more_good,
    )
    assert deleted_by(longer, backups, in_use) <= deleted_by(policy, backups, in_use)


def add_counts(one: int, other: int) -> int:
    return UNLIMITED if UNLIMITED in (one, other) else one + other


def add_durations(one: Duration | None, other: Duration | None) -> Duration:
    pair = [duration or Duration() for duration in (one, other)]
    return Duration(*(sum(getattr(each, unit) for each in pair) for unit in ("years", "months", "days", "hours")))


def hide(backups: Sequence[Backup], choices: list[bool]) -> list[Backup]:
    return [backup for backup, is_shown in zip(backups, choices, strict=False) if is_shown]


@given(BACKUPS, POLICIES, IN_USE, CHOICES)
def test_a_list_that_has_the_newest_but_lacks_others_never_has_more_deleted(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str], choices: list[bool]
) -> None:
    newest = newest_first(backups)[:1]
    shown = [*newest, *(one for one in hide(backups, choices) if one not in newest)]
    assert deleted_by(policy, shown, in_use) <= deleted_by(policy, backups, in_use)


@given(BACKUPS, POLICIES_OF_COUNTS_AND_HOURS, IN_USE, CHOICES)
def test_a_list_that_lacks_any_never_has_more_deleted_by_counts_and_hours(
    backups: list[Backup], policy: RetentionPolicy, in_use: set[str], choices: list[bool]
) -> None:
    assert deleted_by(policy, hide(backups, choices), in_use) <= deleted_by(policy, backups, in_use)


@pytest.mark.parametrize(
    ("zone", "duration", "newest", "second", "oldest"),
    [
        ("UTC", "1m", "2026-04-01T00:00Z", "2026-03-31T00:00Z", "2026-03-02T00:00Z"),
        ("UTC", "1y", "2024-03-01T00:00Z", "2024-02-29T12:00Z", "2023-03-01T06:00Z"),
        ("Europe/Berlin", "1d", "2025-10-26T01:00Z", "2025-10-26T00:30Z", "2025-10-25T00:15Z"),
    ],
    ids=["31 February is 3 March", "29 February 2023 is 1 March", "02:30 before 02:00"],
)
def test_a_list_that_lacks_the_newest_may_lose_one_by_the_calendar(
    zone: str, duration: str, newest: str, second: str, oldest: str
) -> None:
    """As of restic: of two moments a duration before the later may be the earlier, by the calendar."""
    backups = [make_backup(time, time) for time in (newest, second, oldest)]
    policy = make_policy(within=duration, zone=zone)
    assert deleted_by(policy, backups) == set()
    assert deleted_by(policy, backups[1:]) == {oldest}
