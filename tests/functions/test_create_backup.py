"""create_backup: each way of calling it, what it answers, logs and counts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.errors import (
    ConnectionPaused,
    CredentialsRefused,
    GaussDBBackupError,
    InvalidConnection,
    InvalidRequest,
    InvalidSettings,
    TryLater,
)
from local import gaussdb_emulator
from tests.functions.conftest import World, batch, record
from tests.support import KEY, ORDERS, STOCK

SAMPLES = Path(__file__).parents[2] / "events" / "create_backup"
BUSY: dict[str, Any] = {"operation": "create", "status": 409, "code": "DBS.200019"}


def request(**fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": now, "schedule": "nightly", **fields}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def add_sample_instances(world: World) -> None:
    ids = ("d8e6ca5a624745bcb546a227aa3ae1cfin07", "9b2d1f0e6c7a4d3f8e5b4a3c2d1e0f9ain07")
    world.cloud.add_instances(*(gaussdb_emulator.Instance(id=id_, name=id_[:8]) for id_ in ids))


# Each way of calling


def test_a_direct_event_answers_with_the_backup(world: World) -> None:
    event = request(description="Before the upgrade")
    answer = world.invoke("create_backup", event)
    [backup] = world.cloud.backups(ORDERS)
    assert answer["outcome"] == "created"
    assert answer["job_id"] is None
    assert (answer["backup"]["id"], answer["backup"]["status"]) == (backup.id, "BUILDING")
    assert answer["backup"]["description"] == "Before the upgrade"
    assert world.invoke("create_backup", event) == answer
    world.forget_claims()
    again = world.invoke("create_backup", event)
    assert (again["outcome"], again["backup"]["id"]) == ("adopted", backup.id)


@pytest.mark.parametrize("name", ["direct", "schedule"])
def test_the_sample_of_a_single_request_makes_a_backup(world: World, name: str) -> None:
    add_sample_instances(world)
    event = sample(name)
    answer = world.invoke("create_backup", event)
    assert answer["outcome"] == "created"
    assert answer["backup"]["instance_id"] == event["instance_id"]
    assert answer["backup"]["description"] == event["description"]


def test_the_schedules_sample_names_its_backup_in_its_zone(world: World) -> None:
    add_sample_instances(world)
    assert world.invoke("create_backup", sample("schedule"))["backup"]["name"] == "nightly-d8e6ca5a-20261123T023000"


def test_the_sample_of_a_queue_message_makes_a_backup_of_the_time_it_was_sent(world: World) -> None:
    add_sample_instances(world)
    assert world.invoke("create_backup", sample("queue_message")) == {"batchItemFailures": []}
    assert [backup.name for backup in world.cloud.backups()] == ["queued-20261123T013000"]


def test_an_invalid_message_becomes_a_dead_letter_and_its_neighbours_go_on(world: World) -> None:
    add_sample_instances(world)
    event = sample("queue_batch_with_an_invalid_message")
    assert world.invoke("create_backup", event) == {"batchItemFailures": []}
    assert len(world.cloud.backups()) == 2
    [letter] = world.messages("BACKUP_DLQ_URL")
    assert letter.body == event["Records"][1]["body"]


def test_a_batch_in_which_all_fail_is_no_error_of_the_function(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    answer = world.invoke("create_backup", batch(request(), request(instance_id=STOCK)))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["message-1", "message-2"]


# Following


@pytest.mark.parametrize("again", [False, True])
def test_every_backup_is_followed_whether_created_or_adopted(world: World, again: bool) -> None:
    event = request()
    if again:
        world.invoke("create_backup", event)
        boto3.client("sqs").purge_queue(QueueUrl=world.queues["TRACKING_QUEUE_URL"])
        world.forget_claims()
    answer = world.invoke("create_backup", event)
    assert delayed(world) == 1
    [message] = wait_for_message(world)
    followed = parse_tracking_message(json.loads(message.body))
    assert (followed.backup_id, followed.instance_id, followed.schedule) == (answer["backup"]["id"], ORDERS, "nightly")
    assert followed.begin_time is not None
    assert followed.deadline - followed.begin_time == timedelta(hours=6)


def delayed(world: World) -> int:
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=world.queues["TRACKING_QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    return int(attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"])


def wait_for_message(world: World) -> list[Any]:
    queue = boto3.resource("sqs").Queue(world.queues["TRACKING_QUEUE_URL"])
    return queue.receive_messages(WaitTimeSeconds=3)


def test_when_the_queue_takes_no_message_the_request_fails_and_the_next_try_adopts(world: World) -> None:
    event = request()
    boto3.client("sqs").delete_queue(QueueUrl=world.queues["TRACKING_QUEUE_URL"])
    with pytest.raises(TryLater, match="the queue .* took no message"):
        world.invoke("create_backup", event)
    boto3.client("sqs").create_queue(QueueName="tracking")
    assert world.invoke("create_backup", event)["outcome"] == "adopted"
    assert len(world.cloud.backups(ORDERS)) == 1


# What it tells


def test_one_record_tells_the_status_with_run_instance_and_backup(world: World) -> None:
    answer = world.invoke("create_backup", request())
    [told] = [item for item in world.records if item["message"] == "backup status"]
    assert told["level"] == "INFO"
    assert {
        key: told[key] for key in ("connection", "schedule", "instance_id", "backup_name", "status", "outcome")
    } == {
        "connection": "default",
        "schedule": "nightly",
        "instance_id": ORDERS,
        "backup_name": "nightly",
        "status": "BUILDING",
        "outcome": "created",
    }
    assert told["backup_id"] == answer["backup"]["id"]
    assert datetime.fromisoformat(told["scheduled_time"]).tzinfo is not None
    assert datetime.fromisoformat(told["begin_time"]).tzinfo is not None
    assert told["service"] == "gaussdb-backup"
    assert told["function_request_id"]


def test_one_metric_counts_it_by_service_and_by_connection(world: World) -> None:
    world.invoke("create_backup", request())
    [document] = world.metrics
    [definition] = document["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "GaussDBBackup"
    assert [sorted(dimensions) for dimensions in definition["Dimensions"]] == [["service"], ["connection", "service"]]
    assert definition["Metrics"] == [{"Name": "BackupBuilding", "Unit": "Count"}]
    assert (document["service"], document["connection"], document["BackupBuilding"]) == (
        "gaussdb-backup",
        "default",
        [1],
    )


def test_metrics_by_instance_are_a_choice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PER_INSTANCE", "true")
    world.invoke("create_backup", request())
    [document] = world.metrics
    dimensions = document["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert sorted(dimensions[2]) == ["connection", "instance_id", "service"]
    assert document["instance_id"] == ORDERS


def test_a_busy_instance_is_put_off_with_the_apis_code_and_request_id(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    with pytest.raises(TryLater, match="another operation runs on the instance"):
        world.invoke("create_backup", request())
    [told] = [item for item in world.records if item["message"] == "backup request deferred"]
    assert told["level"] == "WARNING"
    assert "attempt" not in told
    assert (told["error_type"], told["error_code"], told["http_status"]) == ("InstanceBusy", "DBS.200019", 409)
    assert (told["instance_id"], told["backup_name"], told["operation"]) == (ORDERS, "nightly", "create backup")
    assert told["request_id"]
    assert (world.count("BackupDeferred"), world.count("BackupRejected")) == (1, 0)


def test_a_request_that_the_api_refuses_for_good_is_rejected(world: World) -> None:
    with pytest.raises(GaussDBBackupError, match="check instance_id"):
        world.invoke("create_backup", request(instance_id="f" * 32))
    [told] = [item for item in world.records if item["message"] == "backup request rejected"]
    assert (told["level"], told["http_status"], told["instance_id"]) == ("ERROR", 404, "f" * 32)
    assert world.count("BackupRejected") == 1


def test_one_batch_tells_of_each_message(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.Fault(instance_id=STOCK, **BUSY))
    answer = world.invoke("create_backup", batch(request(), request(instance_id=STOCK), {"instance_id": "short"}))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["message-2"]
    assert [item["message"] for item in world.records] == [
        "backup status",
        "backup request deferred",
        "backup request rejected",
        "backup request dead-lettered",
    ]
    assert [world.count(metric) for metric in ("BackupBuilding", "BackupDeferred", "BackupRejected")] == [1, 1, 1]
    assert world.records[2]["instance_id"] == "short"


def test_an_unforeseen_error_is_told_with_its_traceback_and_counted(world: World) -> None:
    app = world.app("create_backup")
    services = app.bootstrap.services(app.logger)
    services.__dict__["tracking_queue"] = None  # any bug of ours
    with pytest.raises(AttributeError):
        world.invoke("create_backup", request())
    told = world.records[-1]
    assert (told["message"], told["level"], told["error_type"]) == ("unexpected error", "ERROR", "AttributeError")
    assert "Traceback" in told["exception"]
    assert world.count("UnexpectedError") == 1


def test_the_switch_to_the_successors_path_is_told_once(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.removed_family("mysql/v3"))
    assert world.invoke("create_backup", request())["job_id"]
    world.invoke("create_backup", request(instance_id=STOCK))
    warnings = [item for item in world.records if item["level"] == "WARNING"]
    assert [(item["message"][:39], item["connection"]) for item in warnings] == [
        ("the API no longer serves mysql/v3, usin", "default")
    ]


# Bad events

BAD: dict[str, tuple[Any, str]] = {
    "missing field": ({}, "instance_id: expected 32 letters or digits"),
    "wrong type": ({"instance_id": 5}, "instance_id: expected 32 letters or digits.*; got 5"),
    "unknown field": ({"instance_id": ORDERS, "instance": 1}, "instance: expected no such field"),
    "a list": ([], "body: expected a JSON object; got a list"),
    "a string": ("text", "body: expected a JSON object; got 'text'"),
    "nothing": (None, "body: expected a JSON object; got null"),
    "no records": ({"Records": []}, "Records: expected a list of one or more queue messages; got none"),
    "records of another kind": (
        {"Records": [{"s3": {}}]},
        "Records: expected a list of one or more queue messages; got a list",
    ),
    "300 KB": ({"instance_id": ORDERS, "description": "x" * 300_000}, "description: expected at most 256 characters"),
    "300 KB of field": ({"instance_id": ORDERS, "x" * 300_000: 1}, "xxx.*: expected no such field"),
}


@pytest.mark.parametrize(("event", "told"), BAD.values(), ids=BAD)
def test_a_bad_event_is_an_error_that_names_the_field_and_never_reaches_the_api(
    world: World, event: Any, told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told) as raised:
        world.invoke("create_backup", event)
    assert "Traceback" not in str(raised.value)
    assert len(str(raised.value)) < 1_000
    assert world.cloud.requests == []
    assert world.count("BackupRejected") == 1
    [told_record] = world.records
    assert (told_record["message"], told_record["level"]) == ("backup request rejected", "ERROR")


@pytest.mark.parametrize("body", ["not JSON", "[]", "null", '{"instance_id": 5}', "x" * 300_000, "[" * 100_000])
def test_a_bad_message_fails_with_a_record_that_names_the_field_and_never_reaches_the_api(
    world: World, body: str
) -> None:
    assert world.invoke("create_backup", batch(body)) == {"batchItemFailures": []}
    told, buried = world.records
    assert (told["message"], buried["message"]) == ("backup request rejected", "backup request dead-lettered")
    assert world.count("BackupRejected") == 1
    [letter] = world.messages("BACKUP_DLQ_URL")
    assert letter.body == body
    assert letter.message_attributes["ErrorType"]["StringValue"] == "InvalidRequest"
    assert told["error_message"].startswith("invalid backup request: ")
    assert len(told["error_message"]) < 500
    assert world.cloud.requests == []


def test_a_message_is_dated_by_when_it_was_sent_at_each_delivery(world: World) -> None:
    sent = str(int((datetime.now(UTC) - timedelta(minutes=10)).timestamp() * 1000))
    event = {"Records": [record({"instance_id": ORDERS}, SentTimestamp=sent)]}
    world.invoke("create_backup", event)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    world.invoke("create_backup", event)
    assert len(world.cloud.backups(ORDERS)) == 1


# Putting off, and giving up


def sent(ago: timedelta) -> str:
    return str(int((datetime.now(UTC) - ago).timestamp() * 1000))


def through_the_queue(body: Any, world: World, **attributes: str) -> dict[str, Any]:
    """Send a message and receive it, so that its receipt handle is real."""
    queue = boto3.resource("sqs").Queue(world.queues["BACKUP_QUEUE_URL"])
    queue.send_message(MessageBody=body if isinstance(body, str) else json.dumps(body))
    [received] = queue.receive_messages(WaitTimeSeconds=3)
    return {**record(body, 1, **attributes), "receiptHandle": received.receipt_handle}


def test_a_request_that_is_put_off_comes_back_later(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    attributes = {"SentTimestamp": sent(timedelta(0)), "ApproximateReceiveCount": "7"}
    event = {"Records": [through_the_queue(request(), world, **attributes)]}
    assert world.invoke("create_backup", event) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert world.records[0]["attempt"] == 7
    assert world.counts("BACKUP_QUEUE_URL") == (0, 1)
    assert world.counts("BACKUP_DLQ_URL") == (0, 0)


def test_a_request_that_is_busy_until_its_deadline_becomes_a_dead_letter_with_its_reason(world: World) -> None:
    world.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    body = json.dumps(request())
    event = {"Records": [record(body, SentTimestamp=sent(timedelta(hours=4, seconds=1)), ApproximateReceiveCount="60")]}
    assert world.invoke("create_backup", event) == {"batchItemFailures": []}
    [letter] = world.messages("BACKUP_DLQ_URL")
    reason = {name: value["StringValue"] for name, value in letter.message_attributes.items()}
    assert letter.body == body
    assert (reason["ErrorType"], reason["ErrorCode"]) == ("InstanceBusy", "DBS.200019")
    assert "another operation runs on the instance" in reason["ErrorMessage"]
    assert [world.count(metric) for metric in ("BackupDeferred", "BackupRejected")] == [1, 1]
    assert world.records[-1]["message"] == "backup request dead-lettered"
    assert world.records[-1]["instance_id"] == ORDERS


def test_a_dead_letter_that_is_sent_again_still_belongs_to_its_first_run(world: World) -> None:
    first = datetime.now(UTC) - timedelta(hours=5)
    began = first + timedelta(minutes=1)
    [backup_id] = world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=began)
    )
    again = record({"instance_id": ORDERS, "name_template": "nightly"}, SentTimestamp=sent(timedelta(0)))
    again["messageAttributes"] = {"ScheduledTime": {"stringValue": first.isoformat(), "dataType": "String"}}
    world.invoke("create_backup", {"Records": [again]})
    assert [backup.id for backup in world.cloud.backups(ORDERS)] == [backup_id]
    assert world.records[0]["outcome"] == "adopted"


def test_a_letter_keeps_the_run_it_belongs_to(world: World) -> None:
    when = sent(timedelta(minutes=3))
    world.invoke("create_backup", {"Records": [record({"instance_id": "short"}, SentTimestamp=when)]})
    [letter] = world.messages("BACKUP_DLQ_URL")
    kept = datetime.fromisoformat(letter.message_attributes["ScheduledTime"]["StringValue"])
    assert int(kept.timestamp() * 1000) == int(when)


def test_a_message_that_keeps_ending_its_function_becomes_a_dead_letter_untried(world: World) -> None:
    event = {"Records": [record(request(), SentTimestamp=sent(timedelta(hours=6)), ApproximateReceiveCount="2")]}
    assert world.invoke("create_backup", event) == {"batchItemFailures": []}
    [letter] = world.messages("BACKUP_DLQ_URL")
    assert letter.message_attributes["ErrorType"]["StringValue"] == "NeverAnswered"
    assert world.cloud.requests == []
    assert world.count("BackupRejected") == 1


def test_a_message_that_waited_long_is_tried_once_all_the_same(world: World) -> None:
    event = {"Records": [record(request(), SentTimestamp=sent(timedelta(hours=20)))]}
    world.invoke("create_backup", event)
    assert len(world.cloud.backups(ORDERS)) == 1


def test_when_the_dead_letter_queue_takes_nothing_the_message_stays(world: World) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=world.queues["BACKUP_DLQ_URL"])
    answer = world.invoke("create_backup", batch({"instance_id": "short"}))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_with_its_time_nearly_over_a_function_puts_messages_back_untouched(world: World) -> None:
    answer = world.invoke("create_backup", batch(request()), milliseconds_left=59_000)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert world.cloud.requests == []
    assert world.metrics == []


def test_an_unforeseen_error_of_one_message_leaves_it_in_the_queue(world: World) -> None:
    app = world.app("create_backup")
    services = app.bootstrap.services(app.logger)
    services.__dict__["tracking_queue"] = None  # any bug of ours
    answer = world.invoke("create_backup", {"Records": [record(request(), SentTimestamp=sent(timedelta(0)))]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert world.count("UnexpectedError") == 1


def test_a_claim_that_another_function_has_is_waited_for(world: World) -> None:
    event = request()
    world.invoke("create_backup", event)
    table = boto3.resource("dynamodb").Table("state")
    [claim] = [item for item in table.scan()["Items"] if str(item["id"]).startswith("claim")]
    soon = int((datetime.now(UTC) + timedelta(minutes=2)).timestamp() * 1000)
    table.put_item(Item={**claim, "status": "INPROGRESS", "in_progress_expiration": soon})
    with pytest.raises(TryLater, match="another function is making this backup"):
        world.invoke("create_backup", event)
    assert len(world.cloud.backups(ORDERS)) == 1


def test_a_claims_table_that_does_not_answer_puts_requests_off(world: World) -> None:
    boto3.client("dynamodb").delete_table(TableName="state")
    with pytest.raises(TryLater, match="the claims table does not answer"):
        world.invoke("create_backup", request())
    assert world.cloud.calls("create") == []


def test_after_refused_credentials_no_call_is_made_until_the_pause_is_over(world: World) -> None:
    world.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        world.invoke("create_backup", request())
    with pytest.raises(ConnectionPaused, match="no call is made for connection 'default'") as raised:
        world.invoke("create_backup", request())
    assert raised.value.retry_after is not None
    assert timedelta(minutes=4) < raised.value.retry_after <= timedelta(minutes=5)
    assert len(world.cloud.requests) == 1


# Connections


def test_each_connection_has_its_own_secret(world: World) -> None:
    other = gaussdb_emulator.AccessKey(access_key="OTHERAK", secret_key="hush-hush-other")
    world.cloud.add_key(other)
    world.put_secret("other", access_key="OTHERAK", secret_key="hush-hush-other")
    world.invoke("create_backup", request(connection="other"))
    assert world.records[0]["connection"] == "other"
    assert world.metrics[0]["connection"] == "other"


def test_a_missing_secret_is_told_by_its_name(world: World) -> None:
    with pytest.raises(
        InvalidConnection, match="a secret named 'gaussdb-backup/absent' that this function may read; got Resource"
    ):
        world.invoke("create_backup", request(connection="absent"))
    assert world.records[-1]["message"] == "connection unusable"
    assert world.count("ConnectionUnusable") == 1


def test_a_malformed_secret_is_told_by_its_key(world: World) -> None:
    world.put_secret(project_id="short")
    with pytest.raises(InvalidConnection, match="project_id: expected 32 letters or digits"):
        world.invoke("create_backup", request())


def test_a_secret_of_bytes_is_read_and_an_empty_one_is_told(world: World) -> None:
    client = boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId="gaussdb-backup/default")["SecretString"]
    client.create_secret(Name="gaussdb-backup/bytes", SecretBinary=text.encode())
    client.create_secret(Name="gaussdb-backup/empty", SecretString=" ")
    assert world.invoke("create_backup", request(connection="bytes"))["outcome"] == "created"
    with pytest.raises(InvalidConnection, match="SecretString: expected a flat JSON object"):
        world.invoke("create_backup", request(connection="empty"))


def test_a_secret_without_tls_is_refused_unless_allowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_HTTP_ENDPOINT", "false")
    with pytest.raises(InvalidConnection, match="endpoint: expected an https address"):
        world.invoke("create_backup", request())


def test_a_rotated_secret_is_noticed_without_a_redeploy(world: World) -> None:
    world.invoke("create_backup", request())
    world.cloud.rotate_key(KEY.access_key, "hush-hush-rotated")
    world.put_secret(secret_key="hush-hush-rotated")
    assert world.invoke("create_backup", request(instance_id=STOCK))["outcome"] == "created"


def test_refused_credentials_are_told_and_asked_for_once(world: World) -> None:
    world.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused, match="correct the credentials"):
        world.invoke("create_backup", request())
    assert len(world.cloud.requests) == 1
    assert world.records[-1]["message"] == "connection unusable"
    assert world.records[-1]["error_code"] == "APIGW.0301"


def test_secrets_manager_failing_is_worth_another_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    with pytest.raises(TryLater, match="Secrets Manager did not give the secret 'gaussdb-backup/default'"):
        world.invoke("create_backup", request())
    assert world.count("BackupDeferred") == 1


def test_wrong_settings_are_told_all_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.delenv("SECRET_PREFIX")
        wrong.setenv("HTTP_TIMEOUT_SECONDS", "soon")
        with pytest.raises(InvalidSettings, match="SECRET_PREFIX: .*HTTP_TIMEOUT_SECONDS: "):
            world.invoke("create_backup", request())
