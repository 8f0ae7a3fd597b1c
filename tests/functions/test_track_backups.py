"""track_backups: what it responses, puts back, publishes, logs and counts."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.invocation import AWS_ATTEMPTS
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.clock import RUN
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import ORDERS, STOCK, Source, by_key
from tests.helpers.scenario import start_scenario
from tests.helpers.sqs_event import sqs_batch

SAMPLES = sorted((Path(__file__).parents[2] / "events" / "track_backups").glob("*.json"))


@pytest.fixture
def bus(deployment: Deployment) -> Any:
    """The events that were put, as a queue of this test gets them."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    queue = boto3.resource("sqs").Queue(url)
    return lambda: [json.loads(message.body) for message in queue.receive_messages(MaxNumberOfMessages=10)]


def begin(deployment: Deployment, instance_id: str = ORDERS, **changes: Any) -> dict[str, Any]:
    """Start a backup; return the message that has it tracked."""
    session = Session(timeout=timedelta(seconds=5), now=lambda: datetime.now(UTC))
    api = GaussDBApi(Source(by_key(deployment.url)), session, deadline=Deadline.after(timedelta(hours=1)))
    backup = api.create_backup(instance_id=instance_id, name="nightly").backup
    session.close()
    now = datetime.now(UTC)
    return {
        "version": 1,
        "connection": "default",
        "schedule": "nightly",
        "scheduled_time": now.isoformat(),
        "instance_id": instance_id,
        "backup_id": backup.id,
        "backup_name": "nightly",
        "begin_time": backup.begin_time.isoformat() if backup.begin_time else None,
        "deadline": (now + timedelta(hours=6)).isoformat(),
        **changes,
    }


def ends(deployment: Deployment, instance_id: str, word: str | None) -> None:
    deployment.cloud.change_instance(instance_id, backup_seconds=0, backup_ends=word)


def test_a_backup_with_a_final_status_is_reported_and_its_message_deleted(deployment: Deployment, bus: Any) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    message = begin(deployment)
    assert deployment.invoke("track_backups", sqs_batch(message)) == {"batchItemFailures": []}
    [logged] = deployment.records
    assert (logged["message"], logged["level"], logged["status"]) == ("backup status", "INFO", "COMPLETED")
    assert (logged["backup_id"], logged["schedule"], logged["size_mb"]) == (message["backup_id"], "nightly", 512.5)
    [event] = bus()
    assert (event["source"], event["detail-type"]) == ("gaussdb-backup", "GaussDB Backup State Change")
    ours = {key: value for key, value in logged.items() if key in event["detail"]}
    assert event["detail"] == ours
    assert event["detail"]["status"] == "COMPLETED"


UNITS = {"BackupDuration": "Seconds", "BackupSize": "Megabytes"}


@pytest.mark.parametrize(
    ("word", "level", "metrics"),
    [
        ("COMPLETED", "INFO", {"BackupCompleted", "BackupDuration", "BackupSize"}),
        ("AVAILABLE", "INFO", {"BackupCompleted", "BackupDuration", "BackupSize"}),
        ("FAILED", "ERROR", {"BackupFailed"}),
        ("ARCHIVING", "WARNING", {"BackupUnknown"}),
    ],
)
def test_each_status_has_its_level_and_its_metrics(
    deployment: Deployment, word: str, level: str, metrics: set[str]
) -> None:
    ends(deployment, ORDERS, word)
    deployment.invoke("track_backups", sqs_batch(begin(deployment)))
    assert deployment.records[0]["level"] == level
    [document] = deployment.metrics
    [definition] = document["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "GaussDBBackup"
    assert [sorted(dimensions) for dimensions in definition["Dimensions"]] == [["service"], ["connection", "service"]]
    assert {item["Name"]: item["Unit"] for item in definition["Metrics"]} == {
        name: UNITS.get(name, "Count") for name in metrics
    }


def test_tracking_of_an_overdue_backup_stops(deployment: Deployment, bus: Any) -> None:
    message = begin(deployment, deadline=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    assert deployment.invoke("track_backups", sqs_batch(message)) == {"batchItemFailures": []}
    assert (deployment.records[0]["status"], deployment.count("BackupOverdue")) == ("OVERDUE", 1)
    assert bus()[0]["detail"]["status"] == "OVERDUE"


def test_a_backup_that_is_not_there_is_missing(deployment: Deployment, bus: Any) -> None:
    message = begin(deployment) | {
        "backup_id": "gone",
        "begin_time": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
    }
    assert deployment.invoke("track_backups", sqs_batch(message)) == {"batchItemFailures": []}
    assert (deployment.records[0]["status"], deployment.count("BackupMissing")) == ("MISSING", 1)
    assert bus()[0]["detail"]["status"] == "MISSING"


def through_the_queue(deployment: Deployment, *messages: Any) -> dict[str, Any]:
    """Send messages and receive them, so that their receipt handles are real."""
    queue = boto3.resource("sqs").Queue(deployment.queues["TRACKING_QUEUE_URL"])
    for message in messages:
        queue.send_message(MessageBody=message if isinstance(message, str) else json.dumps(message))
    event = sqs_batch(*messages)
    by_body: dict[str, Any] = {}
    for _ in range(20):  # a receive may find nothing although there is something
        by_body |= {item.body: item for item in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1)}
        if len(by_body) == len(messages):
            break
    for item in event["Records"]:
        item["receiptHandle"] = by_body[item["body"]].receipt_handle
    return event


def test_a_building_backup_is_polled_again_later(deployment: Deployment) -> None:
    event = through_the_queue(deployment, begin(deployment))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "20"
    assert deployment.invoke("track_backups", event) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.metrics == []
    assert [(item["level"], item["status"]) for item in deployment.records] == [("DEBUG", "BUILDING")]
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=deployment.queues["TRACKING_QUEUE_URL"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_the_second_poll_is_soon(deployment: Deployment) -> None:
    event = through_the_queue(deployment, begin(deployment))
    deployment.invoke("track_backups", event)
    queue = boto3.resource("sqs").Queue(deployment.queues["TRACKING_QUEUE_URL"])
    assert len(queue.receive_messages(WaitTimeSeconds=3)) == 1


def test_a_change_of_visibility_that_sqs_refuses_loses_nothing(deployment: Deployment) -> None:
    assert deployment.invoke("track_backups", sqs_batch(begin(deployment))) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }


def test_one_connections_missing_secret_leaves_the_others_alone(deployment: Deployment) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    ours = begin(deployment)
    theirs = begin(deployment, STOCK, connection="absent")
    assert deployment.invoke("track_backups", sqs_batch(theirs, ours)) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }
    assert (deployment.count("BackupCompleted"), deployment.count("ConnectionUnusable")) == (1, 1)
    assert deployment.count("TrackingPollFailed") == 1
    logged = next(item for item in deployment.records if item["message"] == "connection unusable")
    assert (logged["connection"], logged["backups"]) == ("absent", 1)


def test_an_unexpected_error_of_a_connection_is_logged_with_its_traceback_and_counted(deployment: Deployment) -> None:
    app = deployment.app("track_backups")
    broken = replace(app.dependencies(), recent_backups=SimpleNamespace(find=None))  # any defect
    with deployment.collecting_output():
        response = app.handle_batch(sqs_batch(begin(deployment)), Context(), broken)
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    [logged] = deployment.records
    assert (logged["message"], logged["error_type"], deployment.count("UnexpectedError")) == (
        "unexpected error",
        "TypeError",
        1,
    )
    assert "Traceback" in logged["exception"]


def test_an_api_that_is_down_is_reported_and_the_backups_are_polled_again(deployment: Deployment) -> None:
    message = begin(deployment)
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=503))
    response = deployment.invoke("track_backups", sqs_batch(message))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    [logged] = deployment.records
    assert (logged["message"], logged["level"], logged["http_status"], logged["backups"]) == (
        "tracking poll failed",
        "WARNING",
        503,
        1,
    )
    assert deployment.count("TrackingPollFailed") == 1


def poll_in_vain(deployment: Deployment, *, overdue_by: timedelta, **changes: Any) -> Any:
    """Begin a backup whose deadline is over, and poll it in vain; return the response."""
    message = begin(deployment, deadline=(datetime.now(UTC) - overdue_by).isoformat(), **changes)
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=503))
    return deployment.invoke("track_backups", sqs_batch(message))


@pytest.mark.parametrize(
    ("connection", "error_type", "error_code"),
    [("default", "TryLater", "APIGW.0613"), ("absent", "InvalidConnection", None)],
)
def test_a_backup_that_still_cannot_be_polled_15_minutes_after_its_deadline_is_overdue(
    deployment: Deployment, bus: Any, connection: str, error_type: str, error_code: str | None
) -> None:
    response = poll_in_vain(deployment, overdue_by=timedelta(minutes=15), connection=connection)
    assert response == {"batchItemFailures": []}
    logged = next(item for item in deployment.records if item["message"] == "backup status")
    assert (logged["level"], logged["status"], logged["reason"]) == ("ERROR", "OVERDUE", "could not be polled")
    assert (logged["error_type"], logged.get("error_code")) == (error_type, error_code)
    assert (deployment.count("BackupOverdue"), deployment.count("TrackingPollFailed")) == (1, 1)
    [event] = bus()
    assert (event["detail"]["status"], event["detail"]["reason"]) == ("OVERDUE", "could not be polled")


def test_a_backup_whose_poll_fails_soon_after_its_deadline_is_polled_again(deployment: Deployment, bus: Any) -> None:
    response = poll_in_vain(deployment, overdue_by=timedelta(minutes=14))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert (deployment.count("TrackingPollFailed"), bus()) == (1, [])


def test_a_malformed_message_is_dead_lettered_at_once_with_its_reason(deployment: Deployment) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    body = json.dumps({"version": 7, "backup_id": ""})
    assert deployment.invoke("track_backups", sqs_batch(body, begin(deployment))) == {"batchItemFailures": []}
    [message] = deployment.messages("TRACKING_DLQ_URL")
    assert message.body == body
    reason = {name: value["StringValue"] for name, value in message.message_attributes.items()}
    assert reason["ErrorType"] == "InvalidRequest"
    assert "version: expected 1; got 7" in reason["ErrorMessage"]
    assert [item["message"] for item in deployment.records] == ["backup status", "malformed message"]


def test_a_malformed_message_that_cannot_be_dead_lettered_is_received_again(deployment: Deployment) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["TRACKING_DLQ_URL"])
    assert deployment.invoke("track_backups", sqs_batch("no JSON")) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }


def test_a_dead_letter_queue_that_refuses_a_message_is_logged_and_counted_by_service_and_by_connection(
    deployment: Deployment,
) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["TRACKING_DLQ_URL"])
    deployment.invoke("track_backups", sqs_batch(begin(deployment), begin(deployment, STOCK, version=7)))
    logged = deployment.records[-1]
    assert (logged["message"], logged["level"]) == ("message not dead-lettered", "ERROR")
    assert (logged["cause"], logged["error_type"]) == ("AWS.SimpleQueueService.NonExistentQueue", "InvalidRequest")
    assert (logged["message_id"], logged["connection"]) == ("message-2", "default")
    assert deployment.dimensions("DeadLetterRefused") == [["service"], ["service", "connection"]]


def test_a_failed_backup_is_logged_and_counted_once_however_long_the_bus_refuses_its_event(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(deployment, ORDERS, "FAILED")
    message = begin(deployment)
    monkeypatch.setenv("EVENT_BUS_NAME", "no-such-bus")
    for _ in range(3):
        assert deployment.invoke("track_backups", sqs_batch(message)) == {
            "batchItemFailures": [{"itemIdentifier": "message-1"}]
        }
    assert [item["message"] for item in deployment.records] == ["backup status", *["state change not published"] * 3]
    assert (deployment.count("BackupFailed"), deployment.count("StateChangeNotPublished")) == (1, 3)
    refused = deployment.records[1]
    assert (refused["level"], refused["status"], refused["cause"]) == ("WARNING", "FAILED", "ResourceNotFoundException")
    assert refused["backup_id"] == message["backup_id"]


def test_a_bus_that_does_not_respond_is_called_once_for_all_events(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    message = begin(deployment)
    with counting_connections() as (address, count):
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", address)
        deployment.invoke("track_backups", sqs_batch(*[message] * 25))
        assert count() == AWS_ATTEMPTS
    assert deployment.count("StateChangeNotPublished") == 25
    assert deployment.records[-1]["cause"] == "ConnectionClosedError"


@contextmanager
def counting_connections() -> Iterator[tuple[str, Any]]:
    """An address where each connection is closed at once; and how many there were."""
    accepted: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                accepted.append(1)
                connection.recv(65_536)
                connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", lambda: len(accepted)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_a_message_whose_event_is_refused_for_too_long_is_dead_lettered_with_its_reason(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(deployment, ORDERS, "FAILED")
    message = begin(deployment, deadline=(datetime.now(UTC) - timedelta(hours=5)).isoformat())
    monkeypatch.setenv("EVENT_BUS_NAME", "no-such-bus")
    assert deployment.invoke("track_backups", sqs_batch(message)) == {"batchItemFailures": []}
    [dead] = deployment.messages("TRACKING_DLQ_URL")
    reason = {name: value["StringValue"] for name, value in dead.message_attributes.items()}
    assert reason["ErrorType"] == "StateChangeRefused"
    assert "FAILED" in reason["ErrorMessage"]
    assert "ResourceNotFoundException" in reason["ErrorMessage"]
    last = deployment.records[-1]
    assert (last["message"], last["level"], last["message_id"]) == ("tracking stopped", "ERROR", "message-1")
    assert deployment.count("BackupFailed") == 1


@pytest.mark.parametrize("field", ["begin_time", "deadline", "scheduled_time"])
@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_a_message_with_an_absurd_time_costs_its_neighbours_nothing(
    deployment: Deployment, field: str, when: str
) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    absurd = begin(deployment, STOCK, **{"backup_id": "gone", field: when})
    deployment.invoke("track_backups", sqs_batch(absurd, begin(deployment)))
    completed = [item for item in deployment.records if item.get("status") == "COMPLETED"]
    assert [item["instance_id"] for item in completed] == [ORDERS]
    assert deployment.count("UnexpectedError") == 0


@pytest.mark.parametrize("size", ["NaN", "1e999", "-1", '"Infinity"', '"nan"', "1e300", "true", "{}"])
def test_whatever_size_the_api_returns_the_end_is_reported_in_strict_json(
    deployment: Deployment, bus: Any, size: str
) -> None:
    message = begin(deployment)
    backup = f'{{"id": "{message["backup_id"]}", "status": "COMPLETED", "size": {size}, "name": null}}'
    body = f'{{"backups": [{backup}], "total_count": 1}}'
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=200, body=body))
    assert deployment.invoke("track_backups", sqs_batch(message)) == {"batchItemFailures": []}
    for line in deployment.printed.splitlines():
        json.loads(line, parse_constant=pytest.fail)
    [event] = bus()
    assert event["detail"]["status"] == "COMPLETED"
    assert "size_mb" not in event["detail"]
    assert (deployment.count("BackupCompleted"), deployment.count("BackupSize")) == (1, 0)


def test_a_silent_endpoint_costs_its_neighbour_no_poll_and_the_function_ends_by_itself(deployment: Deployment) -> None:
    ends(deployment, ORDERS, "COMPLETED")
    ours = begin(deployment)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deployment.put_secret("silent", endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        theirs = begin(deployment, STOCK, connection="silent")
        began = time.monotonic()
        response = deployment.invoke("track_backups", sqs_batch(theirs, ours), milliseconds_left=6_000)
        seconds = time.monotonic() - began
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.count("BackupCompleted") == 1
    assert seconds < 4


@pytest.mark.parametrize(("first_delay", "kept"), [("10", 5), ("40", 20), ("900", 20)])
def test_a_list_is_shared_for_half_of_the_first_delay_and_for_twenty_seconds_at_most(
    first_delay: str, kept: int
) -> None:
    with start_scenario(TRACK_FIRST_DELAY_SECONDS=first_delay) as scenario:
        building = gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN, seconds=3600)
        [backup_id] = scenario.cloud.add_backups(building)
        times = {"begin_time": RUN.isoformat(), "deadline": (RUN + timedelta(hours=6)).isoformat()}
        backup = {"instance_id": ORDERS, "backup_id": backup_id, "backup_name": "nightly"}
        event = sqs_batch({"connection": "default", **backup, **times})
        track = scenario.function("track_backups")
        calls = []
        for seconds in (0, kept, kept + 1):
            scenario.clock.now = RUN + timedelta(seconds=seconds)
            track(event)
            calls.append(len(scenario.cloud.calls("list")))
    assert calls == [1, 1, 2]


@pytest.mark.parametrize("event", [{}, {"Records": []}, [], None, {"Records": [{"body": "x"}]}])
def test_an_event_without_messages_is_an_error(deployment: Deployment, event: Any) -> None:
    with pytest.raises(InvalidRequest, match="Records: expected a list of one or more queue messages"):
        deployment.invoke("track_backups", event)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_a_batch_of_messages_that_can_be_read(sample: Path) -> None:
    for item in json.loads(sample.read_text())["Records"]:
        parse_tracking_message(json.loads(item["body"]))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_handled(deployment: Deployment, sample: Path) -> None:
    event = json.loads(sample.read_text())
    response = deployment.invoke("track_backups", event)
    logged = [item["status"] for item in deployment.records if item["message"] == "backup status"]
    assert len(logged) == len(event["Records"])
    assert len(response["batchItemFailures"]) <= len(event["Records"])
    assert SAMPLES
