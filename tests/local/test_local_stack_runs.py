"""The functions of the stack on this machine: invoked over HTTP, and by their queues in the background."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gaussdb_backup_cli.checks.resources import list_resources
from local import gaussdb_emulator
from local import stack as local_stack
from local.aws_emulator.stack import STACK_NAME
from local.demo import scenario

DRY_RUN = {"schedule": "nightly", "connection": scenario.CONNECTION, "dry_run": True}
TIME_LIMIT_SECONDS = 20.0
COUNTS = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]


@pytest.fixture(scope="module")
def output() -> StringIO:
    """What the functions print."""
    return StringIO()


@pytest.fixture(scope="module")
def running(output: StringIO) -> Iterator[local_stack.RunningStack]:
    cloud = scenario.make_interactive_cloud(datetime.now(UTC))
    settings = scenario.INTERACTIVE_SETTINGS | {"TRACK_FIRST_DELAY_SECONDS": "1"}
    parameters = scenario.STACK_PARAMETERS
    with local_stack.serve(cloud, scenario.KEY, parameters=parameters, settings=settings, output=output) as running:
        yield running


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(0xA0)


@pytest.fixture
def instance(running: local_stack.RunningStack, numbers: Iterator[int]) -> gaussdb_emulator.Instance:
    """An instance of the test's own, without a backup, whose backups take a second."""
    number = next(numbers)
    created = gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"own-{number:x}", backup_seconds=1)
    running.cloud.add_instances(created)
    return created


@pytest.fixture
def request_(instance: gaussdb_emulator.Instance) -> dict[str, Any]:
    return {"instance_id": instance.id, "connection": scenario.CONNECTION}


@pytest.fixture
def statuses(running: local_stack.RunningStack, instance: gaussdb_emulator.Instance) -> Callable[[], list[str | None]]:
    """Returns the statuses of the instance's backups."""
    return lambda: [running.cloud.status_of(each.id) for each in running.cloud.backups(instance.id)]


def alias(running: local_stack.RunningStack, function: str) -> str:
    return running.aws.stack.outputs()[f"{function}FunctionAliasArn"]


def invoke(running: local_stack.RunningStack, name: str, event: object, **options: str) -> dict[str, Any]:
    payload = json.dumps(event).encode()
    return dict(running.aws.client("lambda").invoke(FunctionName=name, Payload=payload, **options))


def send(running: local_stack.RunningStack, queue: str, message: dict[str, Any]) -> None:
    url = running.aws.stack.resources[queue]
    running.aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))


def count_messages(running: local_stack.RunningStack, queue: str) -> int:
    url = running.aws.stack.resources[queue]
    found = running.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return sum(int(found[name]) for name in COUNTS)


def wait_for(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + TIME_LIMIT_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("by", ["alias", "name", "qualifier"])
def test_an_invocation_returns_what_the_function_does(
    running: local_stack.RunningStack, instance: gaussdb_emulator.Instance, by: str
) -> None:
    name = alias(running, "DispatchBackups") if by == "alias" else "gaussdb-backup-dispatch-backups"
    response = invoke(running, name, DRY_RUN, **({"Qualifier": "live"} if by == "qualifier" else {}))
    result = json.loads(response["Payload"].read())
    assert (response["StatusCode"], "FunctionError" in response) == (200, False)
    assert instance.id in {each["instance_id"] for each in result["queued"]}
    assert [each["instance_id"] for each in result["skipped"]] == [scenario.INSTANCES["legacy"].id]


def test_an_invoked_function_makes_a_backup_in_the_cloud(
    running: local_stack.RunningStack, request_: dict[str, Any], instance: gaussdb_emulator.Instance
) -> None:
    result = json.loads(invoke(running, alias(running, "CreateBackup"), request_)["Payload"].read())
    assert result["outcome"] == "created"
    assert [each.id for each in running.cloud.backups(instance.id)] == [result["backup"]["id"]]


def test_the_error_of_a_function_is_reported_as_lambda_does(running: local_stack.RunningStack) -> None:
    response = invoke(running, alias(running, "CreateBackup"), scenario.request("orders", instance_id="orders"))
    failure = json.loads(response["Payload"].read())
    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert failure["errorType"] == "InvalidRequest"
    assert "instance_id" in failure["errorMessage"]
    assert any("app.py" in line for line in failure["stackTrace"])


def test_the_page_of_an_audit_can_be_read_from_the_bucket(running: local_stack.RunningStack) -> None:
    event = {"schedule": "nightly", "connection": scenario.CONNECTION, "scheduled_time": datetime.now(UTC).isoformat()}
    coverage = json.loads(invoke(running, alias(running, "AuditBackups"), event)["Payload"].read())
    bucket, _, key = coverage["report"].removeprefix("s3://").partition("/")
    page = running.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert bucket == running.aws.stack.outputs()["ReportBucketName"]
    assert scenario.INSTANCES["orders"].id in page


def test_an_asynchronous_invocation_is_accepted_and_runs_later(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]]
) -> None:
    response = invoke(running, alias(running, "CreateBackup"), request_, InvocationType="Event")
    assert (response["StatusCode"], response["Payload"].read()) == (202, b"")
    assert wait_for(statuses)


def test_an_invocation_as_a_dry_run_of_lambda_runs_nothing(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]]
) -> None:
    response = invoke(running, alias(running, "CreateBackup"), request_, InvocationType="DryRun")
    assert response["StatusCode"] == 204
    assert statuses() == []


@pytest.mark.parametrize("name", ["gaussdb-backup-other", "gaussdb-backup-create-backup:next"])
def test_an_unknown_function_or_version_is_not_found(running: local_stack.RunningStack, name: str) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(running, name, {})


def test_a_payload_that_is_no_json_is_refused(running: local_stack.RunningStack) -> None:
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        running.aws.client("lambda").invoke(FunctionName=alias(running, "CreateBackup"), Payload=b"{")


def test_a_call_of_lambda_that_is_not_emulated_is_refused(running: local_stack.RunningStack) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        running.aws.client("lambda").list_functions()


def test_invocations_at_once_all_succeed_and_leave_nothing_behind(running: local_stack.RunningStack) -> None:
    """A function calls AWS itself: were the emulator held meanwhile, none would end."""
    name, before = alias(running, "DispatchBackups"), (dict(os.environ), sys.stdout)
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: invoke(running, name, DRY_RUN), range(4)))
    assert [response.get("FunctionError") for response in responses] == [None] * 4
    assert (dict(os.environ), sys.stdout) == before


def test_a_request_in_the_queue_becomes_a_backup_that_is_tracked_to_its_end(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]], output: StringIO
) -> None:
    def is_reported() -> bool:
        lines = output.getvalue().splitlines()
        return any(request_["instance_id"] in line and '"status":"COMPLETED"' in line for line in lines)

    with running.in_background():
        send(running, "BackupQueue", request_)
        assert wait_for(is_reported)
        assert wait_for(lambda: count_messages(running, "TrackingQueue") == 0)
    assert statuses() == ["COMPLETED"]


def test_a_plan_in_the_queue_becomes_a_backup_of_each_selected_instance(
    running: local_stack.RunningStack, instance: gaussdb_emulator.Instance, statuses: Callable[[], list[str]]
) -> None:
    select, now = {"instance_ids": [instance.id]}, datetime.now(UTC).isoformat()
    send(running, "PlanQueue", {**DRY_RUN, "dry_run": False, "select": select, "scheduled_time": now})
    with running.in_background():
        assert wait_for(statuses)


def test_a_queue_whose_mapping_is_disabled_keeps_its_messages(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]]
) -> None:
    client = running.aws.client("lambda")
    mappings = list_resources(running.aws.client("cloudformation"), STACK_NAME).of_type(
        "AWS::Lambda::EventSourceMapping"
    )
    uuid = mappings["CreateBackupFunctionRequests"]
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabled"
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    send(running, "BackupQueue", request_)
    running.deliver()
    with running.in_background():
        time.sleep(1)
        assert statuses() == []
        client.update_event_source_mapping(UUID=uuid, Enabled=True)
        assert wait_for(statuses)


def test_a_deferred_request_is_retried_within_seconds(
    running: local_stack.RunningStack, request_: dict[str, Any], instance: gaussdb_emulator.Instance
) -> None:
    running.cloud.change_instance(instance.id, status="REBOOTING")
    send(running, "BackupQueue", request_)
    running.deliver()
    running.cloud.change_instance(instance.id, status="ACTIVE")
    end = time.monotonic() + local_stack.RETRY_AFTER_SECONDS + 3
    while not running.cloud.backups(instance.id) and time.monotonic() < end:
        running.deliver()
        time.sleep(0.1)
    assert len(running.cloud.backups(instance.id)) == 1


def test_what_is_delivered_at_once_is_done_when_it_returns(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]]
) -> None:
    send(running, "BackupQueue", request_)
    running.deliver()
    assert statuses() == ["BUILDING"]


def test_nothing_is_delivered_after_the_block(
    running: local_stack.RunningStack, request_: dict[str, Any], statuses: Callable[[], list[str]]
) -> None:
    with running.in_background():
        pass
    send(running, "BackupQueue", request_)
    time.sleep(1)
    assert statuses() == []
    running.deliver()
