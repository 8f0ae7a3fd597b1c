"""track_backups: what it answers, puts back, publishes, logs and counts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from local import gaussdb_emulator
from tests.functions.conftest import World, batch
from tests.support import ORDERS, STOCK, Source, by_key

SAMPLES = sorted((Path(__file__).parents[2] / "events" / "track_backups").glob("*.json"))


@pytest.fixture
def bus(world: World) -> Any:
    """The events that were put, as a queue of this test gets them."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    queue = boto3.resource("sqs").Queue(url)
    return lambda: [json.loads(message.body) for message in queue.receive_messages(MaxNumberOfMessages=10)]


def begin(world: World, instance_id: str = ORDERS, **changes: Any) -> dict[str, Any]:
    """Start a backup; return the message that has it followed."""
    session = Session(Source(by_key(world.url)), timeout=timedelta(seconds=5), now=lambda: datetime.now(UTC))
    api = GaussDBApi(session)
    backup = api.create_backup(instance_id=instance_id, name="nightly").backup
    api.close()
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


def ends(world: World, instance_id: str, word: str | None) -> None:
    world.cloud.change_instance(instance_id, backup_seconds=0, backup_ends=word)


def test_a_backup_that_ended_is_done_with_and_told(world: World, bus: Any) -> None:
    ends(world, ORDERS, "COMPLETED")
    message = begin(world)
    assert world.invoke("track_backups", batch(message)) == {"batchItemFailures": []}
    [told] = world.records
    assert (told["message"], told["level"], told["status"]) == ("backup status", "INFO", "COMPLETED")
    assert (told["backup_id"], told["schedule"], told["size_mb"]) == (message["backup_id"], "nightly", 512.5)
    [event] = bus()
    assert (event["source"], event["detail-type"]) == ("gaussdb-backup", "GaussDB Backup State Change")
    ours = {key: value for key, value in told.items() if key in event["detail"]}
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
def test_each_status_has_its_level_and_its_metrics(world: World, word: str, level: str, metrics: set[str]) -> None:
    ends(world, ORDERS, word)
    world.invoke("track_backups", batch(begin(world)))
    assert world.records[0]["level"] == level
    [document] = world.metrics
    [definition] = document["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "GaussDBBackup"
    assert [sorted(dimensions) for dimensions in definition["Dimensions"]] == [["service"], ["connection", "service"]]
    assert {item["Name"]: item["Unit"] for item in definition["Metrics"]} == {
        name: UNITS.get(name, "Count") for name in metrics
    }


def test_an_overdue_backup_is_followed_no_more(world: World, bus: Any) -> None:
    message = begin(world, deadline=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    assert world.invoke("track_backups", batch(message)) == {"batchItemFailures": []}
    assert (world.records[0]["status"], world.count("BackupOverdue")) == ("OVERDUE", 1)
    assert bus()[0]["detail"]["status"] == "OVERDUE"


def test_a_backup_that_is_not_there_is_missing(world: World, bus: Any) -> None:
    message = begin(world) | {"backup_id": "gone", "begin_time": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    assert world.invoke("track_backups", batch(message)) == {"batchItemFailures": []}
    assert (world.records[0]["status"], world.count("BackupMissing")) == ("MISSING", 1)
    assert bus()[0]["detail"]["status"] == "MISSING"


def through_the_queue(world: World, *messages: Any) -> dict[str, Any]:
    """Send messages and receive them, so that their receipt handles are real."""
    queue = boto3.resource("sqs").Queue(world.queues["TRACKING_QUEUE_URL"])
    for message in messages:
        queue.send_message(MessageBody=message if isinstance(message, str) else json.dumps(message))
    event = batch(*messages)
    by_body: dict[str, Any] = {}
    for _ in range(20):  # a receive may find nothing although there is something
        by_body |= {item.body: item for item in queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1)}
        if len(by_body) == len(messages):
            break
    for item in event["Records"]:
        item["receiptHandle"] = by_body[item["body"]].receipt_handle
    return event


def test_a_backup_that_builds_comes_back_later(world: World) -> None:
    event = through_the_queue(world, begin(world))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "20"
    assert world.invoke("track_backups", event) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert world.metrics == []
    assert [(item["level"], item["status"]) for item in world.records] == [("DEBUG", "BUILDING")]
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=world.queues["TRACKING_QUEUE_URL"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_the_first_look_again_comes_soon(world: World) -> None:
    event = through_the_queue(world, begin(world))
    world.invoke("track_backups", event)
    queue = boto3.resource("sqs").Queue(world.queues["TRACKING_QUEUE_URL"])
    assert len(queue.receive_messages(WaitTimeSeconds=3)) == 1


def test_a_put_back_that_sqs_refuses_loses_nothing(world: World) -> None:
    assert world.invoke("track_backups", batch(begin(world))) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }


def test_one_connections_missing_secret_leaves_the_others_alone(world: World) -> None:
    ends(world, ORDERS, "COMPLETED")
    ours = begin(world)
    theirs = begin(world, STOCK, connection="absent")
    assert world.invoke("track_backups", batch(theirs, ours)) == {
        "batchItemFailures": [{"itemIdentifier": "message-1"}]
    }
    assert (world.count("BackupCompleted"), world.count("ConnectionUnusable")) == (1, 1)
    told = next(item for item in world.records if item["message"] == "connection unusable")
    assert (told["connection"], told["backups"]) == ("absent", 1)


def test_an_unforeseen_error_of_a_connection_is_told_with_its_traceback_and_counted(world: World) -> None:
    app = world.app("track_backups")
    app.bootstrap.services(app.logger).recent = lambda _: None  # any bug of ours
    answer = world.invoke("track_backups", batch(begin(world)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    [told] = world.records
    assert (told["message"], told["error_type"], world.count("UnexpectedError")) == (
        "unexpected error",
        "AttributeError",
        1,
    )
    assert "Traceback" in told["exception"]


def test_an_api_that_is_down_is_told_and_the_backups_come_back(world: World) -> None:
    message = begin(world)
    world.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=503))
    answer = world.invoke("track_backups", batch(message))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    [told] = world.records
    assert (told["message"], told["level"], told["http_status"], told["backups"]) == (
        "tracking poll failed",
        "WARNING",
        503,
        1,
    )


def test_a_malformed_message_goes_to_the_dead_letters_at_once_with_its_reason(world: World) -> None:
    ends(world, ORDERS, "COMPLETED")
    body = json.dumps({"version": 7, "backup_id": ""})
    assert world.invoke("track_backups", batch(body, begin(world))) == {"batchItemFailures": []}
    [letter] = world.messages("TRACKING_DLQ_URL")
    assert letter.body == body
    reason = {name: value["StringValue"] for name, value in letter.message_attributes.items()}
    assert reason["ErrorType"] == "InvalidRequest"
    assert "version: expected 1; got 7" in reason["ErrorMessage"]
    assert [item["message"] for item in world.records] == ["malformed message", "backup status"]


def test_a_malformed_message_that_cannot_be_set_aside_comes_back(world: World) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=world.queues["TRACKING_DLQ_URL"])
    assert world.invoke("track_backups", batch("no JSON")) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_an_end_that_the_bus_does_not_take_comes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(world, ORDERS, "COMPLETED")
    message = begin(world)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://127.0.0.1:9")
    assert world.invoke("track_backups", batch(message)) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert world.records == []


@pytest.mark.parametrize("event", [{}, {"Records": []}, [], None, {"Records": [{"body": "x"}]}])
def test_an_event_without_messages_is_an_error(world: World, event: Any) -> None:
    with pytest.raises(InvalidRequest, match="Records: expected a list of one or more queue messages"):
        world.invoke("track_backups", event)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_a_batch_of_messages_that_can_be_read(sample: Path) -> None:
    for item in json.loads(sample.read_text())["Records"]:
        parse_tracking_message(json.loads(item["body"]))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_answered(world: World, sample: Path) -> None:
    event = json.loads(sample.read_text())
    answer = world.invoke("track_backups", event)
    told = [item["status"] for item in world.records if item["message"] == "backup status"]
    assert len(told) == len(event["Records"])
    assert len(answer["batchItemFailures"]) <= len(event["Records"])
    assert SAMPLES
