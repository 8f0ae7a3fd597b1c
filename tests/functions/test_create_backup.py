"""create_backup: each way of calling it, what it responses, logs and counts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.errors import (
    CircuitBreakerOpen,
    CredentialsRefused,
    GaussDBBackupError,
    InvalidConnection,
    InvalidRequest,
    InvalidSettings,
    TryLater,
)
from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.clock import RUN
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import KEY, ORDERS, STOCK
from tests.helpers.sqs_event import sent_now, sqs_batch, sqs_record

SAMPLES = Path(__file__).parents[2] / "events" / "create_backup"
BUSY: dict[str, Any] = {"operation": "create", "status": 409, "code": "DBS.200019"}


def request(**fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": now, "schedule": "nightly", **fields}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def add_sample_instances(deployment: Deployment) -> None:
    ids = ("d8e6ca5a624745bcb546a227aa3ae1cfin07", "9b2d1f0e6c7a4d3f8e5b4a3c2d1e0f9ain07")
    deployment.cloud.add_instances(*(gaussdb_emulator.Instance(id=id_, name=id_[:8]) for id_ in ids))


# Each way of calling


def test_a_direct_event_returns_the_backup(deployment: Deployment) -> None:
    event = request(description="Before the upgrade")
    response = deployment.invoke("create_backup", event)
    [backup] = deployment.cloud.backups(ORDERS)
    assert response["outcome"] == "created"
    assert response["job_id"] is None
    assert (response["backup"]["id"], response["backup"]["status"]) == (backup.id, "BUILDING")
    assert response["backup"]["description"] == "Before the upgrade"
    assert deployment.invoke("create_backup", event) == {**response, "outcome": "adopted"}
    deployment.delete_state()
    again = deployment.invoke("create_backup", event)
    assert (again["outcome"], again["backup"]["id"]) == ("adopted", backup.id)


def test_the_sample_of_a_direct_request_makes_a_backup(deployment: Deployment) -> None:
    add_sample_instances(deployment)
    event = sample("direct")
    response = deployment.invoke("create_backup", event)
    assert response["outcome"] == "created"
    assert response["backup"]["instance_id"] == event["instance_id"]
    assert response["backup"]["description"] == event["description"]


def test_the_schedules_sample_makes_a_backup_that_is_named_in_its_zone(deployment: Deployment) -> None:
    add_sample_instances(deployment)
    app = deployment.app("create_backup")
    at_its_time = replace(app.dependencies(), now=lambda: RUN)  # once it is 31 days old it is refused
    with deployment.collecting_output():
        response = app.handle_request(sample("schedule"), Context(), at_its_time)
    assert response["outcome"] == "created"
    assert response["backup"]["name"] == "nightly-d8e6ca5a-20261123T023000"


def test_the_sample_of_a_queue_message_makes_a_backup_of_the_time_it_was_sent(deployment: Deployment) -> None:
    add_sample_instances(deployment)
    event = sent_now(sample("queue_message"))
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    sent_at = datetime.fromtimestamp(int(event["Records"][0]["attributes"]["SentTimestamp"]) / 1000, UTC)
    assert [backup.name for backup in deployment.cloud.backups()] == [f"queued-{sent_at:%Y%m%dT%H%M%S}"]


def test_an_invalid_message_is_dead_lettered_and_its_neighbours_are_processed(deployment: Deployment) -> None:
    add_sample_instances(deployment)
    event = sent_now(sample("queue_batch_with_an_invalid_message"))
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert len(deployment.cloud.backups()) == 2
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.body == event["Records"][1]["body"]


def test_a_batch_in_which_all_fail_is_no_error_of_the_function(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    response = deployment.invoke("create_backup", sqs_batch(request(), request(instance_id=STOCK)))
    assert [failure["itemIdentifier"] for failure in response["batchItemFailures"]] == ["message-1", "message-2"]


# Following


@pytest.mark.parametrize("again", [False, True])
def test_every_backup_is_tracked_whether_created_or_adopted(deployment: Deployment, again: bool) -> None:
    event = request()
    if again:
        deployment.invoke("create_backup", event)
        boto3.client("sqs").purge_queue(QueueUrl=deployment.queues["TRACKING_QUEUE_URL"])
        deployment.delete_state()
    response = deployment.invoke("create_backup", event)
    assert delayed(deployment) == 1
    [message] = wait_for_message(deployment)
    tracked = parse_tracking_message(json.loads(message.body))
    assert (tracked.backup_id, tracked.instance_id, tracked.schedule) == (response["backup"]["id"], ORDERS, "nightly")
    assert tracked.begin_time is not None
    assert tracked.deadline - tracked.begin_time == timedelta(hours=6)


def delayed(deployment: Deployment) -> int:
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=deployment.queues["TRACKING_QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    return int(attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"])


def wait_for_message(deployment: Deployment) -> list[Any]:
    queue = boto3.resource("sqs").Queue(deployment.queues["TRACKING_QUEUE_URL"])
    return queue.receive_messages(WaitTimeSeconds=3)


def test_when_the_queue_takes_no_message_the_request_fails_and_the_next_try_adopts(deployment: Deployment) -> None:
    event = request()
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["TRACKING_QUEUE_URL"])
    with pytest.raises(TryLater, match="the queue .* took no message"):
        deployment.invoke("create_backup", event)
    boto3.client("sqs").create_queue(QueueName="tracking")
    assert deployment.invoke("create_backup", event)["outcome"] == "adopted"
    assert len(deployment.cloud.backups(ORDERS)) == 1


# What it tells


def test_the_record_of_a_status_has_run_instance_and_backup(deployment: Deployment) -> None:
    response = deployment.invoke("create_backup", request())
    [logged] = [item for item in deployment.records if item["message"] == "backup status"]
    assert logged["level"] == "INFO"
    assert {
        key: logged[key] for key in ("connection", "schedule", "instance_id", "backup_name", "status", "outcome")
    } == {
        "connection": "default",
        "schedule": "nightly",
        "instance_id": ORDERS,
        "backup_name": "nightly",
        "status": "BUILDING",
        "outcome": "created",
    }
    assert logged["backup_id"] == response["backup"]["id"]
    assert datetime.fromisoformat(logged["scheduled_time"]).tzinfo is not None
    assert datetime.fromisoformat(logged["begin_time"]).tzinfo is not None
    assert logged["service"] == "gaussdb-backup"
    assert logged["function_request_id"]


def test_one_metric_counts_it_by_service_and_by_connection(deployment: Deployment) -> None:
    deployment.invoke("create_backup", request())
    [document] = deployment.metrics
    [definition] = document["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == "GaussDBBackup"
    assert [sorted(dimensions) for dimensions in definition["Dimensions"]] == [["service"], ["connection", "service"]]
    assert definition["Metrics"] == [{"Name": "BackupBuilding", "Unit": "Count"}]
    assert (document["service"], document["connection"], document["BackupBuilding"]) == (
        "gaussdb-backup",
        "default",
        [1],
    )


def test_metrics_by_instance_are_a_choice(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_PER_INSTANCE", "true")
    deployment.invoke("create_backup", request())
    [document] = deployment.metrics
    dimensions = document["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert sorted(dimensions[2]) == ["connection", "instance_id", "service"]
    assert document["instance_id"] == ORDERS


def test_a_request_for_a_busy_instance_is_deferred_with_the_apis_code_and_request_id(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    with pytest.raises(TryLater, match="another operation runs on the instance"):
        deployment.invoke("create_backup", request())
    [logged] = [item for item in deployment.records if item["message"] == "backup request deferred"]
    assert logged["level"] == "WARNING"
    assert "attempt" not in logged
    assert (logged["error_type"], logged["error_code"], logged["http_status"]) == ("InstanceBusy", "DBS.200019", 409)
    assert (logged["instance_id"], logged["backup_name"], logged["operation"]) == (ORDERS, "nightly", "create backup")
    assert logged["request_id"]
    assert (deployment.count("BackupDeferred"), deployment.count("BackupRejected")) == (1, 0)


def test_a_request_that_the_api_refuses_for_good_is_rejected(deployment: Deployment) -> None:
    with pytest.raises(GaussDBBackupError, match="check instance_id"):
        deployment.invoke("create_backup", request(instance_id="f" * 32))
    [logged] = [item for item in deployment.records if item["message"] == "backup request rejected"]
    assert (logged["level"], logged["http_status"], logged["instance_id"]) == ("ERROR", 404, "f" * 32)
    assert deployment.count("BackupRejected") == 1


def test_each_message_of_a_batch_is_reported(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(instance_id=STOCK, **BUSY))
    response = deployment.invoke(
        "create_backup", sqs_batch(request(), request(instance_id=STOCK), {"instance_id": "short"})
    )
    assert [failure["itemIdentifier"] for failure in response["batchItemFailures"]] == ["message-2"]
    assert {item["message"]: item["instance_id"] for item in deployment.records} == {
        "backup status": ORDERS,
        "backup request deferred": STOCK,
        "backup request rejected": "short",
        "backup request dead-lettered": "short",
    }
    assert [deployment.count(metric) for metric in ("BackupBuilding", "BackupDeferred", "BackupRejected")] == [1, 1, 1]


def test_an_unexpected_error_is_logged_with_its_traceback_and_counted(deployment: Deployment) -> None:
    app = deployment.app("create_backup")
    broken = replace(app.dependencies(), tracker=None)  # any defect
    with pytest.raises(AttributeError), deployment.collecting_output():
        app.handle_request(request(), Context(), broken)
    logged = deployment.records[-1]
    assert (logged["message"], logged["level"], logged["error_type"]) == ("unexpected error", "ERROR", "AttributeError")
    assert "Traceback" in logged["exception"]
    assert deployment.count("UnexpectedError") == 1


def test_the_switch_to_the_successors_path_is_reported_once(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.removed_api_prefix("mysql/v3"))
    assert deployment.invoke("create_backup", request())["job_id"]
    deployment.invoke("create_backup", request(instance_id=STOCK))
    warnings = [item for item in deployment.records if item["level"] == "WARNING"]
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


@pytest.mark.parametrize(("event", "expected"), BAD.values(), ids=BAD)
def test_a_bad_event_is_an_error_that_names_the_field_and_never_reaches_the_api(
    deployment: Deployment, event: Any, expected: str
) -> None:
    with pytest.raises(InvalidRequest, match=expected) as raised:
        deployment.invoke("create_backup", event)
    assert "Traceback" not in str(raised.value)
    assert len(str(raised.value)) < 1_000
    assert deployment.cloud.requests == []
    assert deployment.count("BackupRejected") == 1
    [logged] = deployment.records
    assert (logged["message"], logged["level"]) == ("backup request rejected", "ERROR")


@pytest.mark.parametrize("body", ["not JSON", "[]", "null", '{"instance_id": 5}', "x" * 300_000, "[" * 100_000])
def test_a_bad_message_fails_with_a_record_that_names_the_field_and_never_reaches_the_api(
    deployment: Deployment, body: str
) -> None:
    assert deployment.invoke("create_backup", sqs_batch(body)) == {"batchItemFailures": []}
    logged, dead_lettered = deployment.records
    assert (logged["message"], dead_lettered["message"]) == ("backup request rejected", "backup request dead-lettered")
    assert deployment.count("BackupRejected") == 1
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.body == body
    assert message.message_attributes["ErrorType"]["StringValue"] == "InvalidRequest"
    assert logged["error_message"].startswith("invalid backup request: ")
    assert len(logged["error_message"]) < 500
    assert deployment.cloud.requests == []


def test_a_message_is_dated_by_when_it_was_sent_at_each_delivery(deployment: Deployment) -> None:
    sent = str(int((datetime.now(UTC) - timedelta(minutes=10)).timestamp() * 1000))
    event = {"Records": [sqs_record({"instance_id": ORDERS}, SentTimestamp=sent)]}
    deployment.invoke("create_backup", event)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    deployment.invoke("create_backup", event)
    assert len(deployment.cloud.backups(ORDERS)) == 1


# Putting off, and giving up


def sent(ago: timedelta) -> str:
    return str(int((datetime.now(UTC) - ago).timestamp() * 1000))


def through_the_queue(body: Any, deployment: Deployment, **attributes: str) -> dict[str, Any]:
    """Send a message and receive it, so that its receipt handle is real."""
    queue = boto3.resource("sqs").Queue(deployment.queues["BACKUP_QUEUE_URL"])
    queue.send_message(MessageBody=body if isinstance(body, str) else json.dumps(body))
    [received] = queue.receive_messages(WaitTimeSeconds=3)
    event = sqs_record(body)
    event["attributes"] |= attributes
    return {**event, "receiptHandle": received.receipt_handle}


def test_a_request_beyond_the_limit_of_a_day_is_dead_lettered_at_once_with_its_reason(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAXIMUM_BACKUPS_PER_DAY", "1")
    began = datetime.now(UTC) - timedelta(hours=20)
    deployment.cloud.add_backups(gaussdb_emulator.PastBackup(instance_id=ORDERS, name="another", begin_time=began))
    event = sqs_batch(request(), request(instance_id=STOCK))
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.message_attributes["ErrorType"]["StringValue"] == "TooManyBackups"
    assert [deployment.count(metric) for metric in ("BackupRejected", "BackupBuilding")] == [1, 1]


@pytest.mark.parametrize(
    "scheduled_time",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        (datetime.now(UTC) - timedelta(days=32)).isoformat(),
        (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    ],
    ids=["year 1", "year 9999", "32 days ago", "an hour ahead"],
)
def test_a_message_with_an_absurd_time_is_dead_lettered_at_once(deployment: Deployment, scheduled_time: str) -> None:
    event = sqs_batch(request(scheduled_time=scheduled_time))
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.message_attributes["ErrorType"]["StringValue"] == "InvalidRequest"
    assert "scheduled_time: expected ISO 8601" in message.message_attributes["ErrorMessage"]["StringValue"]
    assert deployment.cloud.requests == []


def test_a_deferred_request_is_received_again_later(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    attributes = {"SentTimestamp": sent(timedelta(0)), "ApproximateReceiveCount": "7"}
    event = {"Records": [through_the_queue(request(), deployment, **attributes)]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.records[0]["attempt"] == 7
    assert deployment.counts("BACKUP_QUEUE_URL") == (0, 1)
    assert deployment.counts("BACKUP_DLQ_URL") == (0, 0)


def test_a_request_for_an_instance_that_stays_busy_is_dead_lettered_with_its_reason(
    deployment: Deployment,
) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(**BUSY))
    body = json.dumps(request())
    event = {
        "Records": [sqs_record(body, SentTimestamp=sent(timedelta(hours=4, seconds=-30)), ApproximateReceiveCount="60")]
    }
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    [message] = deployment.messages("BACKUP_DLQ_URL")
    reason = {name: value["StringValue"] for name, value in message.message_attributes.items()}
    assert message.body == body
    assert (reason["ErrorType"], reason["ErrorCode"]) == ("InstanceBusy", "DBS.200019")
    assert "another operation runs on the instance" in reason["ErrorMessage"]
    assert [deployment.count(metric) for metric in ("BackupDeferred", "BackupRejected")] == [1, 1]
    assert deployment.records[-1]["message"] == "backup request dead-lettered"
    assert deployment.records[-1]["instance_id"] == ORDERS


def test_a_redriven_message_still_belongs_to_its_first_run(deployment: Deployment) -> None:
    first = datetime.now(UTC) - timedelta(hours=5)
    began = first + timedelta(minutes=1)
    [backup_id] = deployment.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=began)
    )
    again = sqs_record({"instance_id": ORDERS, "name_template": "nightly"}, SentTimestamp=sent(timedelta(0)))
    again["messageAttributes"] = {"ScheduledTime": {"stringValue": first.isoformat(), "dataType": "String"}}
    deployment.invoke("create_backup", {"Records": [again]})
    assert [backup.id for backup in deployment.cloud.backups(ORDERS)] == [backup_id]
    assert deployment.records[0]["outcome"] == "adopted"


def test_a_dead_lettered_message_keeps_its_run(deployment: Deployment) -> None:
    when = sent(timedelta(minutes=3))
    deployment.invoke("create_backup", {"Records": [sqs_record({"instance_id": "short"}, SentTimestamp=when)]})
    [message] = deployment.messages("BACKUP_DLQ_URL")
    kept = datetime.fromisoformat(message.message_attributes["ScheduledTime"]["StringValue"])
    assert int(kept.timestamp() * 1000) == int(when)


def test_a_message_that_ends_its_function_each_time_is_dead_lettered_without_another_attempt(
    deployment: Deployment,
) -> None:
    old = sent(timedelta(hours=4, minutes=10))
    event = {"Records": [sqs_record(request(), SentTimestamp=old, ApproximateReceiveCount="14")]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.message_attributes["ErrorType"]["StringValue"] == "PoisonMessage"
    assert deployment.cloud.requests == []
    assert deployment.count("BackupRejected") == 1


@pytest.mark.parametrize("attempt", ["1", "30"])
def test_a_message_received_after_its_start_window_is_not_started(deployment: Deployment, attempt: str) -> None:
    first = datetime.now(UTC) - timedelta(hours=41)
    body = json.dumps(request(scheduled_time=first.isoformat()))
    event = {"Records": [sqs_record(body, SentTimestamp=sent(timedelta(hours=41)), ApproximateReceiveCount=attempt)]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert deployment.cloud.requests == []
    [message] = deployment.messages("BACKUP_DLQ_URL")
    assert message.body == body
    assert message.message_attributes["ErrorType"]["StringValue"] == "StartWindowMissed"
    assert message.message_attributes["ScheduledTime"]["StringValue"][:16] == first.isoformat()[:16]
    [logged] = deployment.records
    assert (logged["message"], logged["instance_id"]) == ("backup request dead-lettered", ORDERS)
    assert deployment.count("BackupRejected") == 1


def test_a_direct_request_for_an_old_run_is_a_wanted_backfill(deployment: Deployment) -> None:
    first = datetime.now(UTC) - timedelta(days=3)
    assert deployment.invoke("create_backup", request(scheduled_time=first.isoformat()))["outcome"] == "created"


def test_when_the_dead_letter_queue_takes_nothing_the_message_stays(deployment: Deployment) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["BACKUP_DLQ_URL"])
    response = deployment.invoke("create_backup", sqs_batch({"instance_id": "short"}))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}


def test_a_dead_letter_queue_that_refuses_a_message_is_logged_and_counted_by_service_and_by_connection(
    deployment: Deployment,
) -> None:
    """Else nobody would know: neither queue has an alarm for a message that goes back and forth."""
    deployment.invoke("create_backup", sqs_batch(request()))
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["BACKUP_DLQ_URL"])
    deployment.invoke("create_backup", sqs_batch(request(instance_id="short", connection="default")))
    logged = deployment.records[-1]
    assert (logged["message"], logged["level"]) == ("message not dead-lettered", "ERROR")
    assert (logged["cause"], logged["error_type"]) == ("AWS.SimpleQueueService.NonExistentQueue", "InvalidRequest")
    assert (logged["message_id"], logged["connection"]) == ("message-1", "default")
    assert deployment.dimensions("DeadLetterRefused") == [["service"], ["service", "connection"]]


def test_with_its_time_nearly_over_a_function_puts_messages_back_untouched(deployment: Deployment) -> None:
    response = deployment.invoke("create_backup", sqs_batch(request()), milliseconds_left=1_400)
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.cloud.requests == []
    assert deployment.metrics == []


def test_an_unexpected_error_of_one_message_leaves_it_in_the_queue(deployment: Deployment) -> None:
    app = deployment.app("create_backup")
    broken = replace(app.dependencies(), tracker=None)  # any defect
    with deployment.collecting_output():
        response = app.handle_batch(sqs_batch(request()), Context(), broken)
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.count("UnexpectedError") == 1


def test_a_request_that_another_function_executes_is_deferred(deployment: Deployment) -> None:
    event = request()
    deployment.invoke("create_backup", event)
    table = boto3.resource("dynamodb").Table("state")
    [saved] = [item for item in table.scan()["Items"] if str(item["id"]).startswith("request#")]
    soon = int((datetime.now(UTC) + timedelta(minutes=2)).timestamp() * 1000)
    table.put_item(Item={**saved, "status": "INPROGRESS", "in_progress_expiration": soon})
    with pytest.raises(TryLater, match="another function is creating this backup"):
        deployment.invoke("create_backup", event)
    assert len(deployment.cloud.backups(ORDERS)) == 1


def test_a_state_table_that_does_not_respond_defers_requests(deployment: Deployment) -> None:
    boto3.client("dynamodb").delete_table(TableName="state")
    with pytest.raises(TryLater, match="the table of idempotency records does not respond"):
        deployment.invoke("create_backup", request())
    assert deployment.cloud.calls("create") == []


def test_after_refused_credentials_no_call_is_made_until_the_recovery_timeout(deployment: Deployment) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("create_backup", request())
    with pytest.raises(CircuitBreakerOpen, match="no call is made for connection 'default'") as raised:
        deployment.invoke("create_backup", request())
    assert raised.value.retry_after is not None
    assert timedelta(minutes=4) < raised.value.retry_after <= timedelta(minutes=5)
    assert len(deployment.cloud.requests) == 1


def test_refused_credentials_of_one_connection_stop_no_call_of_another(deployment: Deployment) -> None:
    deployment.put_secret("other", secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("create_backup", request(connection="other"))
    assert deployment.invoke("create_backup", request())["outcome"] == "created"


def test_a_defect_outside_the_messages_is_logged_and_counted(deployment: Deployment) -> None:
    app = deployment.app("create_backup")
    broken = replace(app.dependencies(), consumer=replace(app.dependencies().consumer, queue=None))  # any defect
    with pytest.raises(AttributeError), deployment.collecting_output():
        app.handle_batch(sqs_batch(request()), Context(), broken)
    assert deployment.records[-1]["message"] == "unexpected error"
    assert deployment.count("UnexpectedError") == 1


# Connections


def test_each_connection_has_its_own_secret(deployment: Deployment) -> None:
    other = gaussdb_emulator.AccessKey(access_key="OTHERAK", secret_key="hush-hush-other")
    deployment.cloud.add_key(other)
    deployment.put_secret("other", access_key="OTHERAK", secret_key="hush-hush-other")
    deployment.invoke("create_backup", request(connection="other"))
    assert deployment.records[0]["connection"] == "other"
    assert deployment.metrics[0]["connection"] == "other"


def test_a_missing_secret_is_reported_by_its_name(deployment: Deployment) -> None:
    with pytest.raises(
        InvalidConnection, match="a secret named 'gaussdb-backup/absent' that this function may read; got Resource"
    ):
        deployment.invoke("create_backup", request(connection="absent"))
    assert deployment.records[-1]["message"] == "connection unusable"
    assert deployment.count("ConnectionUnusable") == 1


def test_a_malformed_secret_is_reported_by_its_key(deployment: Deployment) -> None:
    deployment.put_secret(project_id="short")
    with pytest.raises(InvalidConnection, match="project_id: expected 32 letters or digits"):
        deployment.invoke("create_backup", request())


def test_a_secret_of_bytes_is_read_and_an_empty_one_is_reported(deployment: Deployment) -> None:
    client = boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId="gaussdb-backup/default")["SecretString"]
    client.create_secret(Name="gaussdb-backup/bytes", SecretBinary=text.encode())
    client.create_secret(Name="gaussdb-backup/empty", SecretString=" ")
    assert deployment.invoke("create_backup", request(connection="bytes"))["outcome"] == "created"
    with pytest.raises(InvalidConnection, match="SecretString: expected a flat JSON object"):
        deployment.invoke("create_backup", request(connection="empty"))


def test_a_secret_without_tls_is_refused_unless_allowed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_HTTP_ENDPOINT", "false")
    with pytest.raises(InvalidConnection, match="endpoint: expected an https address"):
        deployment.invoke("create_backup", request())


def test_a_rotated_secret_is_noticed_without_a_redeploy(deployment: Deployment) -> None:
    deployment.invoke("create_backup", request())
    deployment.cloud.rotate_key(KEY.access_key, "hush-hush-rotated")
    deployment.put_secret(secret_key="hush-hush-rotated")
    assert deployment.invoke("create_backup", request(instance_id=STOCK))["outcome"] == "created"


def test_refused_credentials_are_reported_after_one_call(deployment: Deployment) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused, match="correct the credentials"):
        deployment.invoke("create_backup", request())
    assert len(deployment.cloud.requests) == 1
    assert deployment.records[-1]["message"] == "connection unusable"
    assert deployment.records[-1]["error_code"] == "APIGW.0301"


def test_secrets_manager_failing_is_worth_another_try(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    with pytest.raises(TryLater, match="Secrets Manager did not return the secret 'gaussdb-backup/default'"):
        deployment.invoke("create_backup", request())
    assert deployment.count("BackupDeferred") == 1


def test_wrong_settings_are_reported_all_at_once(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.delenv("SECRET_PREFIX")
        wrong.setenv("HTTP_TIMEOUT_SECONDS", "soon")
        with pytest.raises(InvalidSettings, match="SECRET_PREFIX: .*HTTP_TIMEOUT_SECONDS: "):
            deployment.invoke("create_backup", request())


def test_invented_connections_make_no_custom_metrics(deployment: Deployment) -> None:
    deployment.invoke("create_backup", sqs_batch(*(request(connection=f"invented-{number}") for number in range(20))))
    assert deployment.count("ConnectionUnusable") == 20
    assert not [document for document in deployment.metrics if "connection" in document]


def test_a_connection_whose_secret_is_malformed_is_a_dimension(deployment: Deployment) -> None:
    deployment.put_secret("broken", endpoint="no address")
    deployment.invoke("create_backup", sqs_batch(request(connection="broken")))
    assert [document["connection"] for document in deployment.metrics if "ConnectionUnusable" in document] == ["broken"]
