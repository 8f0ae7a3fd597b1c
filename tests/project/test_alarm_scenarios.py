"""What each alarm makes of what is published: it is fed with values and evaluated as CloudWatch does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.aws_emulator.stack import STACK_NAME
from tests.helpers.alarms import MetricData, fires
from tests.helpers.clock import RUN

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FUNCTIONS = ("create_backup", "dispatch_backups")
ALARMS = {
    "create_backup": "CreateBackupErrorsAlarm",
    "dispatch_backups": "DispatchBackupsErrorsAlarm",
    "track_backups": "TrackBackupsErrorsAlarm",
}
LOGICAL_IDS = {
    "create_backup": "CreateBackupFunction",
    "dispatch_backups": "DispatchBackupsFunction",
    "track_backups": "TrackBackupsFunction",
}

type Fires = Callable[..., bool]


class Published(MetricData):
    """What Lambda, SQS and the functions publish."""

    def invocation(self, function: str, at: datetime, *, failed: bool = False, reported: bool = False) -> None:
        """One invocation of a function; `reported` is an error that the function accounted for itself."""
        self.put("AWS/Lambda", "Errors", float(failed), at, FunctionName=LOGICAL_IDS[function])
        if reported:
            self.put("GaussDBBackup", "InvocationFailed", 1, at, service=STACK_NAME, function=function)

    def count(self, metric: str, at: datetime) -> None:
        self.put("GaussDBBackup", metric, 1, at, service=STACK_NAME)

    def queue(self, name: str, at: datetime, *, visible: int, received: int | None) -> None:
        dimension = {"QueueName": f"{name}.QueueName"}
        self.put("AWS/SQS", "ApproximateNumberOfMessagesVisible", visible, at, **dimension)
        if received is not None:
            self.put("AWS/SQS", "NumberOfMessagesReceived", received, at, **dimension)


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def goes_off(alarms: dict[str, Any], published: Published) -> Fires:
    """Whether an alarm goes off in the hours after a time."""

    def check(alarm: str, *, start: datetime = RUN, hours: float = 2, every: timedelta = MINUTE) -> bool:
        end = start + timedelta(hours=hours)
        return fires(alarms[alarm], published, start=start, end=end, every=every)

    return check


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
    published.count("PlanDispatched", RUN)
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
    assert [name for name in alarms if goes_off(name, hours=0.5)] == []
