"""The alarm on a function's errors, fed with what the function emits and with what Lambda counts."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import gaussdb_emulator
from local.aws_emulator import Context
from local.aws_emulator.stack import ROOT, Stack, default_parameters, read_template
from tests.helpers.alarms import MetricData, fires
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import ORDERS
from tests.helpers.sqs_event import sqs_batch

IDS = {
    "create_backup": "CreateBackup",
    "dispatch_backups": "DispatchBackups",
    "track_backups": "TrackBackups",
}
BUSY = gaussdb_emulator.Fault(operation="create", status=409, code="DBS.200019")
AWAY = gaussdb_emulator.Fault(operation="instances", status=503)


def now() -> datetime:
    return datetime.now(UTC)


def request() -> dict[str, Any]:
    return {"instance_id": ORDERS, "name_template": "nightly"}


def plan() -> dict[str, Any]:
    return {"schedule": "nightly", "name_template": "nightly-{instance_id:.8}", "scheduled_time": now().isoformat()}


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    template = read_template(ROOT / "template.yaml")
    names = {name: name for name in template["Resources"]}
    attributes = {f"{name}.{attribute}": f"{name}.{attribute}" for name in names for attribute in ("Arn", "QueueName")}
    return Stack(template, default_parameters(template), names, attributes).of_type("AWS::CloudWatch::Alarm")


@pytest.fixture
def alarm_after(deployment: Deployment, alarms: dict[str, Any]) -> Callable[..., bool]:
    """Invoke a function, and return whether the alarm on its errors goes off."""

    def check(function: str, invoke: Callable[[], Any]) -> bool:
        data, started_at, failed = MetricData(), now(), True
        with suppress(Exception):
            invoke()
            failed = False
        data.put("AWS/Lambda", "Errors", failed, started_at, FunctionName=f"{IDS[function]}Function")
        for document in deployment.metrics:
            data.put_emf(document)
        alarm = alarms[f"{IDS[function]}ErrorsAlarm"]
        assert failed == (deployment.count("InvocationFailed") + deployment.count("UnexpectedError") > 0)
        return fires(alarm, data, start=started_at, end=started_at + timedelta(minutes=12))

    return check


def test_a_deferred_request_is_no_alarm(deployment: Deployment, alarm_after: Callable[..., bool]) -> None:
    deployment.cloud.add_fault(BUSY)
    assert not alarm_after("create_backup", lambda: deployment.invoke("create_backup", request()))
    assert deployment.count("BackupDeferred") == 1


def test_a_deferred_plan_is_no_alarm(deployment: Deployment, alarm_after: Callable[..., bool]) -> None:
    deployment.cloud.add_fault(AWAY)
    assert not alarm_after("dispatch_backups", lambda: deployment.invoke("dispatch_backups", plan()))
    assert deployment.count("BackupDeferred") == 1


@pytest.mark.parametrize("function", IDS)
@pytest.mark.parametrize("event", [{}, [], {"Records": []}], ids=["empty", "a list", "no records"])
def test_somebodys_invalid_event_is_no_alarm(
    deployment: Deployment, alarm_after: Callable[..., bool], function: str, event: Any
) -> None:
    assert not alarm_after(function, lambda: deployment.invoke(function, event))


def test_an_unusable_connection_is_no_alarm_on_errors(deployment: Deployment, alarm_after: Callable[..., bool]) -> None:
    event = {**request(), "connection": "missing"}
    assert not alarm_after("create_backup", lambda: deployment.invoke("create_backup", event))
    assert deployment.count("ConnectionUnusable") == 1


def test_a_defect_is_an_alarm(deployment: Deployment, alarm_after: Callable[..., bool]) -> None:
    app = deployment.app("create_backup")
    broken = replace(app.dependencies(), tracker=None)  # any defect

    def invoke() -> None:
        with deployment.collecting_output():
            app.handle_request(request(), Context(), broken)

    assert alarm_after("create_backup", invoke)


def test_a_deferred_message_of_the_queue_is_no_error_and_accounts_for_none(
    deployment: Deployment, alarm_after: Callable[..., bool]
) -> None:
    deployment.cloud.add_fault(BUSY)
    assert not alarm_after("create_backup", lambda: deployment.invoke("create_backup", sqs_batch(request())))
    assert (deployment.count("BackupDeferred"), deployment.count("InvocationFailed")) == (1, 0)


def test_an_error_is_accounted_for_under_the_time_at_which_the_invocation_began(deployment: Deployment) -> None:
    """Lambda counts it there, however long the function ran."""
    app = deployment.app("create_backup")
    times = iter([datetime(2026, 11, 23, 1, 30, tzinfo=UTC), *[datetime(2026, 11, 23, 1, 32, tzinfo=UTC)] * 9])
    slow = replace(app.dependencies(), now=lambda: next(times))
    with suppress(Exception), deployment.collecting_output():
        app.handle_request({}, Context(), slow)
    [document] = [each for each in deployment.metrics if "InvocationFailed" in each]
    assert document["_aws"]["Timestamp"] == datetime(2026, 11, 23, 1, 30, tzinfo=UTC).timestamp() * 1000
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["function", "service"]]
    assert (document["service"], document["function"]) == ("gaussdb-backup", "create_backup")
