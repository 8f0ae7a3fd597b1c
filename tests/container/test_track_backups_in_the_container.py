"""track_backups as it is deployed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.container.conftest import Machine, sample

pytestmark = pytest.mark.container


def retarget(record: dict[str, Any], backup_id: str, began: datetime) -> None:
    """Make a record of a sample track a backup of this test."""
    times = {"begin_time": began.isoformat(), "deadline": (began + timedelta(hours=6)).isoformat()}
    record["body"] = json.dumps({**json.loads(record["body"]), **times, "backup_id": backup_id})


def test_a_backup_with_a_final_status_is_reported(machine: Machine) -> None:
    event = sample("track_backups/tracking_message")
    began = datetime.now(UTC) - timedelta(minutes=5)
    ended = machine.add_backup(machine.add_instance(), name="nightly", begin_time=began.isoformat())
    retarget(event["Records"][0], ended, began)
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.response == {"batchItemFailures": []}
    assert [(record["status"], record["backup_id"]) for record in done.records] == [("COMPLETED", ended)]
    assert done.metrics == ["BackupCompleted", "BackupDuration", "BackupSize"]


def test_of_a_batch_a_building_backup_stays_in_the_queue_and_a_deleted_one_is_missing(machine: Machine) -> None:
    event = sample("track_backups/tracking_batch")
    began = datetime.now(UTC) - timedelta(hours=1)
    builds = machine.add_backup(machine.add_instance(), name="nightly", begin_time=began.isoformat(), status=None)
    for record, backup_id in zip(event["Records"], (builds, "gone"), strict=True):
        retarget(record, backup_id, began)
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.response == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    statuses = [(record["backup_id"], record["status"]) for record in done.records if "status" in record]
    assert ("gone", "MISSING") in statuses
    assert done.metrics == ["BackupMissing"]
