"""What each alarm makes of what is published: it is fed with values and evaluated as CloudWatch does."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.aws_emulator.stack import Stack, default_parameters
from tests.helpers.alarms import evaluate, fires
from tests.helpers.clock import RUN
from tests.helpers.published_metrics import DAY, HOUR, LOGICAL_IDS, MINUTE, Published
from tests.project.conftest import ATTRIBUTES, EVERYTHING_ENABLED, Fires

FUNCTIONS = ("create_backup", "dispatch_backups", "audit_backups", "prune_backups")
ALARMS = {
    "create_backup": "CreateBackupErrorsAlarm",
    "dispatch_backups": "DispatchBackupsErrorsAlarm",
    "track_backups": "TrackBackupsErrorsAlarm",
    "audit_backups": "AuditBackupsErrorsAlarm",
    "prune_backups": "PruneBackupsErrorsAlarm",
}


def busy_run(published: Published) -> None:
    """Ten invocations a minute for half an hour; many requests of the queue are deferred, which is no error."""
    for second in range(0, 1800, 6):
        at = RUN + timedelta(seconds=second)
        published.invocation("create_backup", at)
        published.count("BackupDeferred", at)


def test_a_busy_run_with_deferred_requests_is_no_alarm(
    published: Published, goes_off: Fires, alarms: dict[str, Any]
) -> None:
    busy_run(published)
    published.count("BackupBuilding", RUN + MINUTE)
    published.day_before()
    assert [name for name in alarms if goes_off(name)] == []


def test_a_defect_in_a_busy_run_is_an_alarm(published: Published, goes_off: Fires) -> None:
    busy_run(published)
    published.invocation("create_backup", RUN + 10 * MINUTE, failed=True)
    assert goes_off("CreateBackupErrorsAlarm")


@pytest.mark.parametrize("function", ALARMS)
def test_a_nightly_function_that_fails_fast_once_is_an_alarm(
    published: Published, goes_off: Fires, function: str
) -> None:
    """As one whose import fails: nothing of its own has ever been published."""
    published.invocation(function, RUN, failed=True)
    assert goes_off(ALARMS[function])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_error_that_the_function_reported_is_no_alarm(published: Published, goes_off: Fires, function: str) -> None:
    """A deferral, somebody's invalid request, a connection that is unusable: each has an alarm of its own, or none."""
    for minutes in (0, 1, 3):
        published.invocation(function, RUN + minutes * MINUTE, failed=True, reported=True)
    assert not goes_off(ALARMS[function])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_defect_beside_reported_errors_is_an_alarm(published: Published, goes_off: Fires, function: str) -> None:
    published.invocation(function, RUN, failed=True, reported=True)
    published.invocation(function, RUN + MINUTE, failed=True)
    assert goes_off(ALARMS[function])


def test_errors_reported_by_one_function_hide_none_of_another(published: Published, goes_off: Fires) -> None:
    published.invocation("create_backup", RUN, failed=True, reported=True)
    published.invocation("dispatch_backups", RUN, failed=True)
    assert goes_off("DispatchBackupsErrorsAlarm")
    assert not goes_off("CreateBackupErrorsAlarm")


def test_a_fresh_install_without_data_is_no_alarm(goes_off: Fires, alarms: dict[str, Any]) -> None:
    quarters = {"hours": 47.75, "every": 15 * MINUTE}
    assert [name for name in alarms if goes_off(name, **quarters, created_at=RUN)] == []


SINGLE_FAILURES = {
    "BackupFailedAlarm": "BackupFailed",
    "BackupOverdueAlarm": "BackupOverdue",
    "BackupMissingAlarm": "BackupMissing",
    "BackupRejectedAlarm": "BackupRejected",
    "PlanSelectedNothingAlarm": "PlanSelectedNothing",
    "ConnectionUnusableAlarm": "ConnectionUnusable",
    "UnexpectedErrorAlarm": "UnexpectedError",
    "DeadLetterRefusedAlarm": "DeadLetterRefused",
    "PruneRefusedAlarm": "PruneRefused",
    "DeletionsFailedAlarm": "DeletionsFailed",
    "ReportNotDeliveredAlarm": "ReportNotDelivered",
}
LASTING_FAILURES = {
    "TrackingPollFailedAlarm": "TrackingPollFailed",
    "StateChangeNotPublishedAlarm": "StateChangeNotPublished",
}


@pytest.mark.parametrize("alarm", SINGLE_FAILURES)
def test_a_single_failure_is_an_alarm(published: Published, goes_off: Fires, alarm: str) -> None:
    published.count(SINGLE_FAILURES[alarm], RUN)
    assert goes_off(alarm)
    assert not goes_off(alarm, start=RUN + 2 * HOUR)


@pytest.mark.parametrize("alarm", LASTING_FAILURES)
def test_a_failure_that_is_tried_again_is_an_alarm_only_if_it_lasts(
    published: Published, goes_off: Fires, alarm: str
) -> None:
    """A poll comes at most ten minutes after the one before."""
    for minutes in (0, 5, 12):
        published.count(LASTING_FAILURES[alarm], RUN + minutes * MINUTE)
    assert not goes_off(alarm)
    for minutes in (22, 31, 40):
        published.count(LASTING_FAILURES[alarm], RUN + minutes * MINUTE)
    assert goes_off(alarm)


def test_a_connection_that_stays_unusable_is_one_notification(published: Published, alarms: dict[str, Any]) -> None:
    """A request is tried when the circuit breaker lets it, every 5 to 6 minutes."""
    for minutes in range(0, 120, 6):
        published.count("ConnectionUnusable", RUN + minutes * MINUTE)
    states = {
        evaluate(alarms["ConnectionUnusableAlarm"], published, now=RUN + minutes * MINUTE) for minutes in range(1, 120)
    }
    assert states == {"ALARM"}


def test_an_api_that_is_away_for_two_hours_is_reported_by_the_polls_that_fail_and_nothing_else(
    published: Published, goes_off: Fires, alarms: dict[str, Any]
) -> None:
    """The run is a day after the one before; its plan and its requests are deferred, then carried out."""
    published.day_before()
    for minutes in range(0, 120, 6):
        at = RUN + minutes * MINUTE
        published.invocation("dispatch_backups", at)
        published.count("BackupDeferred", at)
        published.invocation("track_backups", at)
        published.count("TrackingPollFailed", at)
        published.queue("PlanQueue", at, visible=0, received=1)
    published.count("PlanDispatched", RUN + 110 * MINUTE)
    assert [name for name in alarms if goes_off(name, hours=3)] == ["TrackingPollFailedAlarm"]


def every_day(published: Published, days: range) -> None:
    for day in days:
        published.count("PlanDispatched", RUN + day * DAY)


def test_a_run_each_day_is_no_alarm(published: Published, goes_off: Fires) -> None:
    every_day(published, range(-2, 4))
    published.count("PlanDispatched", RUN + 4 * DAY + HOUR)
    assert not goes_off("RunMissingAlarm", hours=24 * 5, every=15 * MINUTE)


def test_a_weekend_without_runs_is_an_alarm_after_26_hours(published: Published, goes_off: Fires) -> None:
    every_day(published, range(-4, 1))
    assert not goes_off("RunMissingAlarm", hours=26, every=15 * MINUTE)
    assert goes_off("RunMissingAlarm", hours=27, every=15 * MINUTE)
    assert goes_off("RunMissingAlarm", start=RUN + 2 * DAY, hours=0)


@pytest.fixture
def run_missing(template: dict[str, Any]) -> Callable[[int], dict[str, Any]]:
    """The alarm with that number of hours between runs."""

    def make(hours: int) -> dict[str, Any]:
        ids = {name: name for name in template["Resources"]}
        parameters = {"ScheduleState": "ENABLED", "MaximumHoursBetweenRuns": str(hours)}
        attributes = {f"{name}.{attribute}": name for name in ids for attribute in ATTRIBUTES}
        stack = Stack(template, default_parameters(template) | parameters, ids, attributes)
        alarm: dict[str, Any] = stack.of_type("AWS::CloudWatch::Alarm")["RunMissingAlarm"]
        return alarm

    return make


@pytest.mark.parametrize("hours_between_runs", [26, 48])
def test_a_schedule_that_never_ran_is_an_alarm_after_its_warm_up_and_not_before_its_first_run(
    published: Published, run_missing: Callable[[int], dict[str, Any]], hours_between_runs: int
) -> None:
    """Also if the first run is as late as runs may be apart."""
    alarm, week = run_missing(hours_between_runs), RUN + 7 * DAY
    assert fires(alarm, published, start=RUN, end=RUN + 2 * DAY, every=15 * MINUTE, created_at=RUN)
    first = RUN + hours_between_runs * HOUR - MINUTE
    for run in range(4):
        published.count("PlanDispatched", first + run * (hours_between_runs - 1) * HOUR)
    last = first + 3 * (hours_between_runs - 1) * HOUR
    assert not fires(alarm, published, start=RUN, end=min(last, week), every=15 * MINUTE, created_at=RUN)


OPTIONAL = {
    "RunMissingAlarm": ("ScheduleIsEnabled", [{"ScheduleState": "DISABLED"}]),
    "AuditMissingAlarm": ("AuditIsEnabled", [{"AuditState": "DISABLED"}]),
    "PruneMissingAlarm": (
        "PruneIsEnabled",
        [{"PruneState": "DRY_RUN"}, {"PruneState": "DISABLED"}, {"RetentionRules": ""}],
    ),
}
"""Alarms that exist only with a condition, and the parameters by which each of them does not."""


@pytest.mark.parametrize("alarm", OPTIONAL)
def test_what_is_disabled_has_no_alarm_for_being_missing_and_none_on_the_dashboard(
    template: dict[str, Any], alarm: str
) -> None:
    condition, disabling = OPTIONAL[alarm]
    assert template["Resources"][alarm]["Condition"] == condition
    for parameters in disabling:
        ids = {name: name for name in template["Resources"]}
        attributes = {f"{name}.{attribute}": name for name in ids for attribute in ATTRIBUTES}
        del attributes[f"{alarm}.Arn"]
        stack = Stack(template, default_parameters(template) | EVERYTHING_ENABLED | parameters, ids, attributes)
        [dashboard] = stack.of_type("AWS::CloudWatch::Dashboard").values()
        [widget] = [each for each in json.loads(dashboard["DashboardBody"])["widgets"] if each["type"] == "alarm"]
        assert set(widget["properties"]["alarms"]) == set(stack.of_type("AWS::CloudWatch::Alarm")) - {alarm}


STALLED = {
    "PlanQueueStalledAlarm": "PlanQueue",
    "BackupQueueStalledAlarm": "BackupQueue",
    "TrackingQueueStalledAlarm": "TrackingQueue",
}


@pytest.mark.parametrize("received", [0, None], ids=["none received now", "none ever received"])
@pytest.mark.parametrize("alarm", STALLED)
def test_a_queue_whose_messages_wait_and_are_not_received_is_stalled(
    published: Published, goes_off: Fires, alarm: str, received: int | None
) -> None:
    for minutes in range(45):
        published.queue(STALLED[alarm], RUN + minutes * MINUTE, visible=3, received=received)
    assert goes_off(alarm, hours=0.75)


@pytest.mark.parametrize("alarm", STALLED)
def test_a_queue_whose_messages_wait_while_others_are_received_is_not(
    published: Published, goes_off: Fires, alarm: str
) -> None:
    for minutes in range(90):
        published.queue(STALLED[alarm], RUN + minutes * MINUTE, visible=500, received=int(minutes % 4 == 0))
    assert not goes_off(alarm)


DEAD_LETTERS = {
    "PlanDeadLetterQueueAlarm": "PlanDeadLetterQueue",
    "BackupDeadLetterQueueAlarm": "BackupDeadLetterQueue",
    "TrackingDeadLetterQueueAlarm": "TrackingDeadLetterQueue",
    "FailedInvocationsAlarm": "FailedInvocationsQueue",
}


@pytest.mark.parametrize("alarm", DEAD_LETTERS)
def test_a_single_dead_letter_is_an_alarm_for_as_long_as_it_is_there(
    published: Published, goes_off: Fires, alarm: str
) -> None:
    for minutes in range(120):
        published.queue(DEAD_LETTERS[alarm], RUN + minutes * MINUTE, visible=int(minutes < 60), received=0)
    assert goes_off(alarm)
    assert goes_off(alarm, start=RUN + HOUR, hours=0)
    assert not goes_off(alarm, start=RUN + HOUR + 6 * MINUTE, hours=0.5)


@pytest.mark.parametrize("function", LOGICAL_IDS)
def test_throttling_is_an_alarm_if_it_lasts(published: Published, goes_off: Fires, function: str) -> None:
    alarm = ALARMS[function].replace("Errors", "Throttled")
    published.put("AWS/Lambda", "Throttles", 4, RUN, FunctionName=LOGICAL_IDS[function])
    assert not goes_off(alarm)
    for minutes in range(20):
        published.put("AWS/Lambda", "Throttles", 1, RUN + minutes * MINUTE, FunctionName=LOGICAL_IDS[function])
    assert goes_off(alarm)
