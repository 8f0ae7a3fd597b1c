"""track_backups as it is deployed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.container.conftest import Machine, sample

pytestmark = pytest.mark.container


def follow(record: dict[str, Any], backup_id: str, began: datetime) -> None:
    """Make a record of a sample follow a backup of this test."""
    times = {"begin_time": began.isoformat(), "deadline": (began + timedelta(hours=6)).isoformat()}
    record["body"] = json.dumps({**json.loads(record["body"]), **times, "backup_id": backup_id})


@pytest.mark.parametrize("name", ["tracking_message", "tracking_batch"])
def test_the_backups_of_a_sample_are_followed_to_their_end(machine: Machine, name: str) -> None:
    event = sample(f"track_backups/{name}")
    began = datetime.now(UTC) - timedelta(minutes=5)
    for record in event["Records"]:
        past = {"name": "nightly", "begin_time": began.isoformat()}
        follow(record, machine.add_backup(machine.add_instance(), **past), began)
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.answer == {"batchItemFailures": []}
    assert [record["status"] for record in done.records] == ["COMPLETED"] * len(event["Records"])
    assert done.metrics == ["BackupCompleted", "BackupDuration", "BackupSize"] * len(event["Records"])


def test_a_backup_that_builds_comes_back(machine: Machine) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    past = {"name": "nightly", "begin_time": began.isoformat(), "status": None}
    event = sample("track_backups/tracking_message")
    follow(event["Records"][0], machine.add_backup(machine.add_instance(), **past), began)
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert done.metrics == []


def test_a_backup_that_the_cloud_does_not_have_is_missing(machine: Machine) -> None:
    event = sample("track_backups/tracking_message")
    follow(event["Records"][0], "gone", datetime.now(UTC) - timedelta(hours=1))
    done = machine.invoke("TrackBackupsFunction", event)
    assert done.answer == {"batchItemFailures": []}
    assert [(record["level"], record["status"]) for record in done.records] == [("ERROR", "MISSING")]
    assert done.metrics == ["BackupMissing"]
