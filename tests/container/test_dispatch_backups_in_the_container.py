"""dispatch_backups as it is deployed."""

import pytest

from tests.container.conftest import Machine, sample

pytestmark = pytest.mark.container


def test_the_schedules_sample_queues_one_request_per_instance(machine: Machine) -> None:
    instance_id = machine.add_instance(name="tagged", tags={"env": "prod", "only": "dispatch"})
    event = sample("dispatch_backups/schedule")
    event["select"]["tags"]["only"] = "dispatch"
    done = machine.invoke("DispatchBackupsFunction", event)
    assert [entry["instance_id"] for entry in done.response["queued"]] == [instance_id]
    assert done.response["queued"][0]["backup_name"] == "nightly-tagged-20261123-0230"
    assert [(record["message"], record["queued"]) for record in done.records] == [("plan dispatched", 1)]


def test_the_dry_runs_sample_queues_nothing(machine: Machine) -> None:
    done = machine.invoke("DispatchBackupsFunction", sample("dispatch_backups/dry_run"))
    assert (len(done.response["queued"]), done.response["dry_run"]) == (2, True)
    assert {request["operation"] for request in machine.requests()} == {"instances"}
