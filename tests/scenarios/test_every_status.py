"""One night with a moving clock, from the plan to the end of every backup, with every status there is."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local import gaussdb_emulator
from tests.helpers.clock import RUN
from tests.helpers.scenario import Scenario, start_scenario

ENDS = {
    "well": {"backup_seconds": 900},
    "available": {"backup_seconds": 300, "backup_ends": "AVAILABLE"},
    "failing": {"backup_seconds": 600, "backup_ends": "FAILED"},
    "stuck": {"backup_ends": None},
    "new-word": {"backup_seconds": 120, "backup_ends": "ARCHIVING"},
    "deleted": {"backup_seconds": 60},
}


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        for name in ("orders", "stock (übung)", "billing"):
            scenario.cloud.remove_instance(next(item.id for item in scenario.cloud.instances() if item.name == name))
        for number, (name, fields) in enumerate(ENDS.items(), 1000):
            scenario.cloud.add_instances(gaussdb_emulator.Instance(id=f"{number:032x}in07", name=name, **fields))  # type: ignore[arg-type]  # a table
        yield scenario


def test_every_status_is_reported_once_it_is_known(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"schedule": "nightly", "name_template": "{schedule}-{instance_name}", "scheduled_time": RUN.isoformat()}
    dispatch, create, track = (
        scenario.function(name) for name in ("dispatch_backups", "create_backup", "track_backups")
    )
    assert len(dispatch(plan)["queued"]) == 6
    while scenario.deliver_requests(create):
        pass
    _delete(scenario, "deleted")
    end = scenario.clock() + timedelta(hours=12)
    while scenario.tracking.messages and scenario.clock() < end:
        if not scenario.deliver_tracking(track):
            scenario.move_to(max(scenario.clock(), scenario.tracking.next_visible() or end))
    names = {backup.id: backup.instance_name for backup in scenario.cloud.store.all()}
    logged = {names[backup_id]: status for backup_id, status in scenario.final_statuses().items()}
    assert logged == {
        "well": "COMPLETED",
        "available": "AVAILABLE",
        "failing": "FAILED",
        "stuck": "OVERDUE",
        "new-word": "OVERDUE",
        "deleted": "MISSING",
    }
    assert len(scenario.events.details) == 6
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


def _delete(scenario: Scenario, name: str) -> None:
    backup = next(backup for backup in scenario.cloud.backups() if backup.instance_name == name)
    scenario.cloud.store.delete(backup, scenario.clock())


def test_a_tracking_message_that_is_delivered_twice_or_late_changes_nothing(scenario: Scenario) -> None:
    plan = {"schedule": "nightly", "name_template": "{schedule}-{instance_name}", "scheduled_time": RUN.isoformat()}
    scenario.function("dispatch_backups")(plan)
    create = scenario.function("create_backup")
    while scenario.deliver_requests(create):
        pass
    bodies = [item.body for item in scenario.tracking.messages.values()]
    for body in bodies:
        scenario.tracking.send(body)
    scenario.run()
    first = scenario.final_statuses()
    for body in bodies:
        scenario.tracking.send(body)
    scenario.run()
    assert scenario.final_statuses() == first
    assert len(scenario.events.details) == 3 * len(first)


@pytest.mark.parametrize("odd_id", ["<a> b", "x" * 5_000], ids=["odd", "long"])
def test_a_backup_whose_creation_got_an_odd_response_is_tracked_to_its_end(scenario: Scenario, odd_id: Any) -> None:
    instance_id = scenario.cloud.instances()[0].id
    odd = {"id": odd_id, "name": None, "instance_id": None, "status": "??", "begin_time": "9999-12-31T23:59:59Z"}
    body = json.dumps({"backup": odd, "job_id": ["j"]})
    scenario.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", status=200, body=body, after_commit=True, times=1)
    )
    request = {"instance_id": instance_id, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
    scenario.requests.send(json.dumps(request))
    scenario.run()
    assert len(scenario.cloud.backups()) == 1
    assert [detail["backup_name"] for detail in scenario.events.details] == ["nightly"]
    assert scenario.tracking.messages == {}
    assert [detail["status"] for detail in scenario.events.details] == ["COMPLETED"]


def test_a_backup_that_ended_well_is_not_overdue_by_one_poll_that_fails_at_its_deadline(scenario: Scenario) -> None:
    instance_id = scenario.cloud.instances()[0].id
    scenario.cloud.change_instance(instance_id, backup_seconds=6 * 3600 - 120)
    scenario.requests.send(json.dumps({"instance_id": instance_id, "scheduled_time": RUN.isoformat()}))
    scenario.run(hours=5.8)
    scenario.move_to(RUN + timedelta(hours=6, seconds=1))
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(60))
    scenario.run()
    assert list(scenario.final_statuses().values()) == ["COMPLETED"]


def test_a_backup_that_still_cannot_be_polled_after_its_deadline_ends_as_overdue(scenario: Scenario) -> None:
    instance_id = scenario.cloud.instances()[0].id
    scenario.requests.send(json.dumps({"instance_id": instance_id, "scheduled_time": RUN.isoformat()}))
    scenario.deliver_requests(scenario.function("create_backup"))
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(86_400))
    scenario.run()
    [detail] = scenario.events.details
    assert (detail["status"], detail["reason"]) == ("OVERDUE", "could not be polled")
    assert timedelta(hours=6, minutes=15) <= scenario.clock() - RUN <= timedelta(hours=6, minutes=25)
    assert scenario.tracking.messages == {}
