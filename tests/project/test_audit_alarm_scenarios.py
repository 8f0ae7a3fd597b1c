"""What the alarms make of audits and prunes: of what they measure, and of their absence."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.helpers.alarms import fires, list_states
from tests.helpers.clock import RUN
from tests.helpers.published_metrics import DAY, HOUR, MINUTE, Published
from tests.project.conftest import Fires

QUARTERS: dict[str, Any] = {"every": 15 * MINUTE}
BREACHING: dict[str, dict[str, Any]] = {
    "InstancesUncoveredAlarm": {"uncovered": 1},
    "OldestBackupAgeAlarm": {"age": 53 * HOUR},
}
"""Alarms that keep their state, and what an audit finds that sets them: the age may be 52 hours, twice the default."""


def states_of(alarm: dict[str, Any], published: Published, *, hours: float) -> list[str]:
    return list_states(alarm, published, start=RUN, end=RUN + timedelta(hours=hours))


@pytest.mark.parametrize("name", BREACHING)
def test_what_an_audit_finds_is_an_alarm_until_a_good_audit_and_no_shorter(
    published: Published, alarms: dict[str, Any], name: str
) -> None:
    """The hours without an audit change nothing."""
    published.audit(RUN + MINUTE)
    published.audit(RUN + 6 * HOUR, **BREACHING[name])
    assert states_of(alarms[name], published, hours=5) == ["INSUFFICIENT_DATA", "OK"]
    assert states_of(alarms[name], published, hours=23) == ["INSUFFICIENT_DATA", "OK", "ALARM"]
    published.audit(RUN + 24 * HOUR)
    assert states_of(alarms[name], published, hours=40) == ["INSUFFICIENT_DATA", "OK", "ALARM", "OK"]


@pytest.mark.parametrize("name", BREACHING)
def test_audits_that_find_the_same_each_time_are_one_notification(
    published: Published, alarms: dict[str, Any], name: str
) -> None:
    for hours in range(1, 24, 6):
        published.audit(RUN + hours * HOUR, **BREACHING[name])
    assert states_of(alarms[name], published, hours=30) == ["INSUFFICIENT_DATA", "ALARM"]


@pytest.mark.parametrize("other", [{"connection": "other"}, {"schedule": "by-hand"}], ids=["connection", "schedule"])
@pytest.mark.parametrize("name", BREACHING)
def test_a_good_audit_of_another_connection_or_schedule_ends_no_alarm(
    published: Published, alarms: dict[str, Any], name: str, other: dict[str, Any]
) -> None:
    published.audit(RUN + MINUTE, **BREACHING[name])
    published.audit(RUN + HOUR, **other)
    assert states_of(alarms[name], published, hours=8) == ["INSUFFICIENT_DATA", "ALARM"]


@pytest.mark.parametrize("name", BREACHING)
def test_an_audit_of_no_instance_ends_no_alarm(published: Published, alarms: dict[str, Any], name: str) -> None:
    published.audit(RUN + MINUTE, **BREACHING[name])
    published.audit(RUN + HOUR, audited=0)
    assert states_of(alarms[name], published, hours=8) == ["INSUFFICIENT_DATA", "ALARM"]


@pytest.mark.parametrize("name", BREACHING)
def test_an_audit_of_another_connection_sets_no_alarm(published: Published, alarms: dict[str, Any], name: str) -> None:
    published.audit(RUN + MINUTE)
    published.audit(RUN + HOUR, connection="other", **BREACHING[name])
    assert states_of(alarms[name], published, hours=8) == ["INSUFFICIENT_DATA", "OK"]


def test_an_age_within_twice_what_is_admitted_is_no_alarm_of_the_oldest_backup(
    published: Published, alarms: dict[str, Any]
) -> None:
    """The instance is uncovered then, which is the other alarm, and catching up has its time."""
    published.audit(RUN + MINUTE, uncovered=1, age=51 * HOUR)
    assert states_of(alarms["OldestBackupAgeAlarm"], published, hours=2) == ["INSUFFICIENT_DATA", "OK"]
    assert states_of(alarms["InstancesUncoveredAlarm"], published, hours=2) == ["INSUFFICIENT_DATA", "ALARM"]


def audits(published: Published, first: datetime, last: datetime, **found: Any) -> None:
    """Audits as the default schedule has them: three times a day."""
    at = first
    while at <= last:
        published.audit(at, **found)
        at += 8 * HOUR


def test_audits_three_times_a_day_are_no_alarm(published: Published, goes_off: Fires) -> None:
    audits(published, RUN - 2 * DAY, RUN + 3 * DAY)
    assert not goes_off("AuditMissingAlarm", hours=72, **QUARTERS)


def test_no_audit_is_an_alarm_after_26_hours(published: Published, goes_off: Fires) -> None:
    audits(published, RUN - 2 * DAY, RUN)
    assert not goes_off("AuditMissingAlarm", hours=26, **QUARTERS)
    assert goes_off("AuditMissingAlarm", hours=28, **QUARTERS)


@pytest.mark.parametrize(
    "found",
    [{"audited": 0}, {"connection": "other"}, {"schedule": "other"}],
    ids=["of no instance", "of another connection", "of another schedule"],
)
def test_audits_that_audit_nothing_of_the_stacks_connection_are_missing_ones(
    published: Published, goes_off: Fires, found: dict[str, Any]
) -> None:
    audits(published, RUN - 2 * DAY, RUN)
    audits(published, RUN + 8 * HOUR, RUN + 3 * DAY, **found)
    assert goes_off("AuditMissingAlarm", hours=28, **QUARTERS)


def test_an_audit_that_never_was_is_an_alarm_after_its_warm_up(published: Published, alarms: dict[str, Any]) -> None:
    span: dict[str, Any] = {"start": RUN, "end": RUN + 2 * DAY, "created_at": RUN, **QUARTERS}
    assert fires(alarms["AuditMissingAlarm"], published, **span)
    audits(published, RUN + 25 * HOUR, RUN + 2 * DAY)
    assert not fires(alarms["AuditMissingAlarm"], published, **span)


def test_an_audit_that_nobody_made_yet_sets_no_other_alarm(published: Published, alarms: dict[str, Any]) -> None:
    for name in BREACHING:
        assert states_of(alarms[name], published, hours=48) == ["INSUFFICIENT_DATA"]


def test_a_prune_each_day_is_no_alarm(published: Published, goes_off: Fires) -> None:
    for day in range(-8, 8):
        published.prune(RUN + day * DAY)
    assert not goes_off("PruneMissingAlarm", hours=7 * 24, every=HOUR)


@pytest.mark.parametrize(
    "found",
    [None, {"kept": 0}, {"connection": "other"}, {"schedule": "other"}],
    ids=["none at all", "none that keeps a backup", "only of another connection", "only of another schedule"],
)
def test_a_week_without_a_prune_is_an_alarm(
    published: Published, goes_off: Fires, found: dict[str, Any] | None
) -> None:
    for day in range(-8, 1):
        published.prune(RUN + day * DAY)
    for day in range(1, 9) if found else ():
        published.prune(RUN + day * DAY, **(found or {}))
    assert not goes_off("PruneMissingAlarm", hours=7 * 24, every=HOUR)
    assert goes_off("PruneMissingAlarm", hours=7 * 24 + 2, every=HOUR)


def test_a_prune_that_is_younger_than_the_alarms_periods_is_no_alarm_before_its_first_run(
    published: Published, alarms: dict[str, Any]
) -> None:
    """The alarm waits two days, and the default schedule has a prune each day."""
    published.prune(RUN + 24 * HOUR)
    span: dict[str, Any] = {"start": RUN, "end": RUN + 7 * DAY, "created_at": RUN, "every": HOUR}
    assert not fires(alarms["PruneMissingAlarm"], published, **span)
