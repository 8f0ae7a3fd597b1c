"""create_backup as it is deployed: built by `sam build`, run by the runtime's container."""

import json
from datetime import UTC, datetime

import pytest

from tests.container.conftest import INSTANCES, Machine

pytestmark = pytest.mark.container

COLD_START_MS = 3_000
"""Generous: measured 500 to 900 ms here for a whole first invocation; without bytecode it is three times that."""


@pytest.mark.parametrize("sample", ["direct", "schedule"])
def test_a_sample_of_a_single_request_makes_one_backup(machine: Machine, sample: str) -> None:
    done = machine.invoke("CreateBackupFunction", f"create_backup/{sample}.json")
    assert done.answer["outcome"] == "created"
    [backup] = machine.cloud.backups()
    assert (done.answer["backup"]["id"], done.answer["backup"]["status"]) == (backup.id, "BUILDING")
    assert [(record["message"], record["status"]) for record in done.records] == [("backup status", "BUILDING")]
    assert done.metrics == ["BackupBuilding"]
    print(f"\nfirst invocation of create_backup in the container: {done.milliseconds:.0f} ms")  # noqa: T201 - a figure
    assert done.milliseconds < COLD_START_MS


def test_a_queue_message_makes_one_backup_and_has_it_followed(machine: Machine) -> None:
    done = machine.invoke("CreateBackupFunction", "create_backup/queue_message.json")
    assert done.answer == {"batchItemFailures": []}
    [backup] = machine.cloud.backups()
    assert backup.name == "queued-20261123T013000"
    attributes = machine.aws.client("sqs").get_queue_attributes(
        QueueUrl=machine.aws.stack.resources["TrackingQueue"], AttributeNames=["All"]
    )["Attributes"]
    assert int(attributes["ApproximateNumberOfMessagesDelayed"]) >= 1


def test_an_invalid_message_fails_alone(machine: Machine) -> None:
    done = machine.invoke("CreateBackupFunction", "create_backup/queue_batch_with_an_invalid_message.json")
    assert [failure["itemIdentifier"][:8] for failure in done.answer["batchItemFailures"]] == ["00000002"]
    assert sorted(backup.instance_id for backup in machine.cloud.backups()) == sorted(INSTANCES)
    assert sorted(done.metrics) == ["BackupBuilding", "BackupBuilding", "BackupRejected"]


def test_an_invalid_event_is_an_error_that_names_the_field(machine: Machine) -> None:
    done = machine.invoke("CreateBackupFunction", {"instance_id": "short"})
    assert done.answer["errorType"] == "InvalidRequest"
    assert done.answer["errorMessage"].startswith("invalid backup request: instance_id: expected 32 letters or digits")
    assert machine.cloud.requests == []


def test_a_wrong_secret_is_a_clear_error_without_the_secret(machine: Machine) -> None:
    machine.put_secret(secret_key="hush-hush-wrong")
    done = machine.invoke("CreateBackupFunction", {"instance_id": INSTANCES[0]})
    assert done.answer["errorType"] == "CredentialsRefused"
    assert "correct the credentials in the connection's secret" in done.answer["errorMessage"]
    assert "hush-hush" not in done.printed + json.dumps(done.answer)
    assert len(machine.cloud.requests) == 1


def test_time_zones_are_known_in_the_container(machine: Machine) -> None:
    event = {
        "instance_id": INSTANCES[0],
        "name_template": "kathmandu-{scheduled_time:%H%M}",
        "timezone": "Asia/Kathmandu",
        "scheduled_time": datetime.now(UTC).replace(hour=0, minute=0).isoformat(),
    }
    assert machine.invoke("CreateBackupFunction", event).answer["backup"]["name"] == "kathmandu-0545"
