"""One night with a moving clock, from the plan to the end of every backup, with every status there is."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gaussdb_backup.telemetry.reporter import make_logger
from local import gaussdb_emulator
from tests.scenarios.night import Night, begin
from tests.support import RUN

ENDS = {
    "well": {"backup_seconds": 900},
    "available": {"backup_seconds": 300, "backup_ends": "AVAILABLE"},
    "failing": {"backup_seconds": 600, "backup_ends": "FAILED"},
    "stuck": {"backup_ends": None},
    "new-word": {"backup_seconds": 120, "backup_ends": "ARCHIVING"},
    "deleted": {"backup_seconds": 60},
}


@pytest.fixture
def night() -> Iterator[Night]:
    with begin() as night:
        for name in ("orders", "stock (übung)", "billing"):
            night.cloud.remove_instance(next(item.id for item in night.cloud.instances() if item.name == name))
        for number, (name, fields) in enumerate(ENDS.items(), 1000):
            night.cloud.add_instances(gaussdb_emulator.Instance(id=f"{number:032x}in07", name=name, **fields))  # type: ignore[arg-type]  # a table
        yield night


def test_every_status_is_told_once_it_is_known(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"schedule": "nightly", "name_template": "{schedule}-{instance_name}", "scheduled_time": RUN.isoformat()}
    dispatch, create, track = (night.worker(name) for name in ("dispatch_backups", "create_backup", "track_backups"))
    track.services.telemetry._logger = make_logger()
    assert len(dispatch(plan)["queued"]) == 6
    while night.deliver(night.requests, create, 5):
        pass
    _delete(night, "deleted")
    end = night.clock() + timedelta(hours=12)
    while night.tracking.items and night.clock() < end:
        if not night.deliver(night.tracking, track, 100):
            night.move_to(max(night.clock(), night.tracking.next_visible() or end))
    names = {backup.id: backup.instance_name for backup in night.cloud.store.all()}
    told = {names[backup_id]: status for backup_id, status in night.ends().items()}
    assert told == {
        "well": "COMPLETED",
        "available": "AVAILABLE",
        "failing": "FAILED",
        "stuck": "OVERDUE",
        "new-word": "OVERDUE",
        "deleted": "MISSING",
    }
    assert len(night.events) == 6
    metrics = Counter(
        name
        for line in capsys.readouterr().out.splitlines()
        if '"_aws"' in line
        for name in (item["Name"] for item in json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"])
    )
    expected = {"BackupBuilding": 6, "BackupCompleted": 2, "BackupFailed": 1, "BackupOverdue": 2, "BackupMissing": 1}
    assert {name: metrics[name] for name in expected} == expected
    assert metrics["BackupUnknown"] > 1
    assert metrics["BackupDuration"] == metrics["BackupSize"] == 2


def _delete(night: Night, name: str) -> None:
    backup = next(backup for backup in night.cloud.backups() if backup.instance_name == name)
    night.cloud.store.vanish(backup, night.clock())


def test_a_tracking_message_that_comes_twice_or_late_changes_nothing(night: Night) -> None:
    plan = {"schedule": "nightly", "name_template": "{schedule}-{instance_name}", "scheduled_time": RUN.isoformat()}
    night.worker("dispatch_backups")(plan)
    create = night.worker("create_backup")
    while night.deliver(night.requests, create, 5):
        pass
    bodies = [item.body for item in night.tracking.items.values()]
    for body in bodies:
        night.tracking.send(body)
    night.run()
    first = night.ends()
    for body in bodies:
        night.tracking.send(body)
    night.run()
    assert night.ends() == first
    assert len(night.events) == 3 * len(first)
