"""create_backup as it is deployed: built by `sam build`, run by the runtime's container."""

import json
from typing import Any

import pytest

from tests.container.conftest import Machine, sample
from tests.helpers.sqs_event import sent_now

pytestmark = pytest.mark.container

COLD_START_MS = 3_000
"""Generous: measured 590 and 690 ms on two cores; without bytecode it is three times that."""


def retarget(event: Any, *instance_ids: str) -> Any:
    """Give a sample the instances of this test, in the order of its requests."""
    if "Records" not in event:
        return {**event, "instance_id": instance_ids[0]}
    valid = [record for record in event["Records"] if len(json.loads(record["body"])["instance_id"]) > 30]
    for record, instance_id in zip(valid, instance_ids, strict=True):
        record["body"] = json.dumps({**json.loads(record["body"]), "instance_id": instance_id})
    return event


@pytest.mark.parametrize(
    ("name", "backup_name"),
    [("direct", "{:.8}"), ("schedule", "nightly-{:.8}-20261123T023000")],
    ids=["direct", "schedule, in its time zone"],
)
def test_a_sample_of_a_single_request_makes_one_backup_soon(
    machine: Machine, capsys: pytest.CaptureFixture[str], name: str, backup_name: str
) -> None:
    instance_id = machine.add_instance()
    done = machine.invoke("CreateBackupFunction", retarget(sample(f"create_backup/{name}"), instance_id))
    assert done.response["outcome"] == "created"
    [backup] = machine.backups(instance_id)
    assert (done.response["backup"]["id"], done.response["backup"]["status"]) == (backup["id"], "BUILDING")
    assert backup_name.format(instance_id) in backup["name"]
    assert [(record["message"], record["status"]) for record in done.records] == [("backup status", "BUILDING")]
    assert done.metrics == ["BackupBuilding"]
    assert done.milliseconds < COLD_START_MS
    with capsys.disabled():
        print(f"\nfirst invocation of create_backup in the container: {done.milliseconds:.0f} ms")  # noqa: T201 - a measurement


def test_a_queue_message_makes_one_backup_and_has_it_tracked(machine: Machine) -> None:
    instance_id = machine.add_instance()
    event = retarget(sent_now(sample("create_backup/queue_message")), instance_id)
    done = machine.invoke("CreateBackupFunction", event)
    assert done.response == {"batchItemFailures": []}
    [backup] = machine.backups(instance_id)
    assert backup["name"].startswith("queued-")
    assert [record["backup_id"] for record in done.records] == [backup["id"]]
    assert done.metrics == ["BackupBuilding"]
    message = machine.message("TRACKING_QUEUE_URL", holding=instance_id)
    assert json.loads(message["Body"])["backup_id"] == backup["id"]


def test_an_invalid_message_is_dead_lettered_and_its_neighbours_go_on(machine: Machine) -> None:
    ids = machine.add_instance(), machine.add_instance()
    event = retarget(sent_now(sample("create_backup/queue_batch_with_an_invalid_message")), *ids)
    done = machine.invoke("CreateBackupFunction", event)
    assert done.response == {"batchItemFailures": []}
    assert [len(machine.backups(instance_id)) for instance_id in ids] == [1, 1]
    assert sorted(done.metrics) == ["BackupBuilding", "BackupBuilding", "BackupRejected"]
    dead_lettered = machine.message("BACKUP_DLQ_URL", holding="too-short")
    assert dead_lettered["Body"] == event["Records"][1]["body"]
    assert dead_lettered["MessageAttributes"]["ErrorType"]["StringValue"] == "InvalidRequest"


def test_an_invalid_event_is_an_error_that_names_the_field(machine: Machine) -> None:
    done = machine.invoke("CreateBackupFunction", {"instance_id": "short"})
    assert done.response["errorType"] == "InvalidRequest"
    assert done.response["errorMessage"].startswith(
        "invalid backup request: instance_id: expected 32 letters or digits"
    )
    assert machine.requests() == []


def test_a_wrong_secret_is_a_clear_error_without_the_secret(machine: Machine) -> None:
    # A connection of its own: refused credentials open the connection's circuit breaker.
    event = {"instance_id": machine.add_instance(), "connection": machine.add_connection(secret_key="hush-hush-wrong")}
    done = machine.invoke("CreateBackupFunction", event)
    assert done.response["errorType"] == "CredentialsRefused"
    assert "correct the credentials in the connection's secret" in done.response["errorMessage"]
    assert "hush-hush" not in done.printed + json.dumps(done.response)
    assert len(machine.requests()) == 1
