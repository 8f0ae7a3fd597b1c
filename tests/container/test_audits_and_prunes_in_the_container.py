"""audit_backups and prune_backups as they are deployed: the page's template and Jinja2 are in the layers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.container.conftest import Machine, sample

pytestmark = pytest.mark.container


def add_backups(machine: Machine, instance_id: str, days: range) -> None:
    for day in days:
        begin = datetime.now(UTC) - timedelta(days=day, minutes=10)
        machine.add_backup(instance_id, name=f"nightly-{day}", begin_time=begin.isoformat())


def read_page(machine: Machine, address: str) -> str:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    body: bytes = machine.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body.decode()


def current(event: dict[str, Any]) -> dict[str, Any]:
    """A sample with the present time, which a schedule fills in."""
    return {**event, "scheduled_time": datetime.now(UTC).isoformat()}


def test_the_schedules_sample_audits_and_stores_a_page(machine: Machine) -> None:
    instance_id = machine.add_instance(name="audited", tags={"env": "prod", "only": "audit"})
    event = current(sample("audit_backups/schedule"))
    event["select"] = {"tags": {"only": "audit"}}
    done = machine.invoke("AuditBackupsFunction", event)
    assert [(one["instance_id"], one["state"]) for one in done.response["instances"]] == [(instance_id, "never")]
    assert [record["message"] for record in done.records][-2:] == ["instance uncovered", "audit finished"]
    assert {"InstancesAudited", "InstancesUncovered"} <= set(done.metrics)
    page = read_page(machine, done.response["report"])
    assert instance_id in page
    assert "<script" not in page


def test_the_sample_of_everything_audits_each_instance(machine: Machine) -> None:
    machine.add_instance(name="one-more")
    done = machine.invoke("AuditBackupsFunction", current(sample("audit_backups/everything")))
    assert done.response["audited"] >= 3
    assert sum(done.response["states"].values()) == done.response["audited"]


def test_the_dry_runs_sample_deletes_nothing_and_the_schedules_deletes_what_it_showed(machine: Machine) -> None:
    instance_id = machine.add_instance(name="pruned")
    add_backups(machine, instance_id, range(6))
    event = sample("prune_backups/dry_run") | {"select": {"instance_ids": [instance_id]}, "keep": {"last": 2}}
    shown = machine.invoke("PruneBackupsFunction", event)
    assert len(shown.response["deleted"]) == 4
    assert len(machine.backups(instance_id)) == 6
    event = sample("prune_backups/schedule") | {"select": {"instance_ids": [instance_id]}, "keep": {"last": 2}}
    done = machine.invoke("PruneBackupsFunction", current({**event, "dry_run": False}))
    assert done.response["deleted"] == shown.response["deleted"]
    messages = [record["message"] for record in done.records]
    assert messages == ["deletion requested", *["backup pruned"] * 4, "prune finished"]
