"""track_backups as it is deployed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local import huawei
from tests.container.conftest import INSTANCES, Machine

pytestmark = pytest.mark.container

SAMPLES = Path(__file__).parents[2] / "events" / "track_backups"


@pytest.mark.parametrize("sample", ["tracking_message", "tracking_batch"])
def test_the_backups_of_a_sample_are_followed_to_their_end(machine: Machine, sample: str) -> None:
    event = json.loads((SAMPLES / f"{sample}.json").read_text())
    began = datetime.now(UTC) - timedelta(minutes=5)
    for record in event["Records"]:
        body = json.loads(record["body"])
        past = huawei.PastBackup(instance_id=body["instance_id"], name=body["backup_name"], begin_time=began)
        [backup_id] = machine.cloud.add_backups(past)
        record["body"] = json.dumps(body | {"backup_id": backup_id, "begin_time": began.isoformat()})
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.answer == {"batchItemFailures": []}
    assert [record["status"] for record in done.records] == ["COMPLETED"] * len(event["Records"])
    assert done.metrics == ["BackupCompleted", "BackupDuration", "BackupSize"] * len(event["Records"])


def test_the_samples_as_they_are_name_backups_that_the_cloud_does_not_have(machine: Machine) -> None:
    done = machine.invoke("TrackBackupsFunction", "track_backups/tracking_batch.json")
    told = [record["status"] for record in done.records]
    assert len(told) == 2
    assert set(told) <= {"BUILDING", "MISSING", "OVERDUE"}


def test_a_backup_that_builds_is_put_back(machine: Machine) -> None:
    machine.cloud.change_instance(INSTANCES[0], backup_seconds=600)
    machine.invoke("CreateBackupFunction", {"instance_id": INSTANCES[0]})
    [backup] = machine.cloud.backups()
    event = json.loads((SAMPLES / "tracking_message.json").read_text())
    now = datetime.now(UTC)
    body = json.loads(event["Records"][0]["body"])
    times = {"begin_time": now.isoformat(), "deadline": (now + timedelta(hours=1)).isoformat()}
    event["Records"][0]["body"] = json.dumps(body | {"backup_id": backup.id, **times})
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert done.metrics == []
