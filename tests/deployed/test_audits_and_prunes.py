"""Audits and prunes of the deployed stack: what people get, what is stored, what is made and what is deleted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from local.gaussdb_emulator import PastBackup
from tests.helpers.deployed import DeployedStack, Inbox, InvocationFailed, Project, eventually, scheduled_time

pytestmark = pytest.mark.deployed


@pytest.fixture
def texts(stack: DeployedStack) -> Iterator[Inbox]:
    with Inbox.of_topic(stack) as inbox:
        yield inbox


def add_backups(project: Project, instance: str, days: range) -> None:
    now = datetime.now(UTC)
    for day in days:
        begin = now - timedelta(days=day, minutes=5)
        project.cloud.add_backups(PastBackup(instance_id=instance, name=f"old-{day:03d}", begin_time=begin))


def test_an_audit_that_finds_a_gap_is_a_text_a_page_and_one_backup(
    stack: DeployedStack, project_of_its_own: Project, texts: Inbox
) -> None:
    project = project_of_its_own
    bare, covered = project.add_instance("bare"), project.add_instance("covered")
    add_backups(project, covered, range(1))
    event = {
        "connection": project.connection,
        "schedule": "nightly",
        "catch_up": True,
        "name_template": "caught-up-{scheduled_time:%H%M}",
        "scheduled_time": scheduled_time(),
        "prune": {"name_prefix": "old-", "keep": {"last": 1}},
    }
    response = stack.invoke("AuditBackupsFunction", event)
    assert [(one["instance_id"], one["state"]) for one in response["instances"]] == [(bare, "never"), (covered, "ok")]
    assert response["catch_up"] == [bare]
    text = json.loads(texts.wait_for(bare))["Message"]
    assert "A GaussDB audit found instances WITHOUT a recent good backup." in text
    assert f"never: bare ({bare}): it has no good backup" in text
    assert "Instances uncovered: 1" in text
    assert f"Page: {response['report']}" in text
    assert "runbook, section Instances uncovered" in text
    bucket, _, key = response["report"].removeprefix("s3://").partition("/")
    assert bucket == stack.outputs["ReportBucketName"]
    page = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert bare in page
    assert "<script" not in page
    eventually(lambda: project.names(bare))
    assert len(stack.invoke("AuditBackupsFunction", event)["instances"]) == 2
    eventually(lambda: project.backups(bare)[0][1] == "COMPLETED")
    assert len(project.names(bare)) == 1


def test_good_news_are_a_text_only_where_they_are_requested(
    stack: DeployedStack, scheduled_stack: DeployedStack, project_of_its_own: Project, texts: Inbox
) -> None:
    """The second stack is deployed with NotifyOfEachAudit."""
    project = project_of_its_own
    add_backups(project, project.add_instance("covered"), range(1))
    event = {"connection": project.connection, "schedule": uuid4().hex, "scheduled_time": scheduled_time()}
    with Inbox.of_topic(scheduled_stack) as requested:
        assert stack.invoke("AuditBackupsFunction", event)["uncovered"] == 0
        assert scheduled_stack.invoke("AuditBackupsFunction", event)["uncovered"] == 0
        text = json.loads(requested.wait_for(event["schedule"]))["Message"]
        assert "A GaussDB audit found a recent good backup of each instance." in text
        assert texts.holding(event["schedule"]) == []


def test_a_prune_deletes_what_its_dry_run_showed(stack: DeployedStack, project_of_its_own: Project) -> None:
    project = project_of_its_own
    instance = project.add_instance("orders")
    add_backups(project, instance, range(10))
    with Inbox.of_bus(stack, {"detail-type": ["GaussDB Backup Prune Finished"]}) as events:
        event = {"connection": project.connection, "name_prefix": "old-", "keep": {"last": 2}, "minimum_good": 3}
        shown = stack.invoke("PruneBackupsFunction", event)
        assert (shown["dry_run"], len(shown["deleted"]), len(project.names(instance))) == (True, 7, 10)
        done = stack.invoke("PruneBackupsFunction", {**event, "dry_run": False})
        assert done["deleted"] == shown["deleted"]
        detail = json.loads(events.wait_for(project.connection))["detail"]
    assert (detail["deleted"], detail["kept"], detail["service"]) == (7, 3, stack.name)
    project.cloud.advance(timedelta(minutes=1))
    assert sorted(project.names(instance)) == ["old-000", "old-001", "old-002"]


def test_a_prune_without_rules_fails_and_names_the_field(stack: DeployedStack) -> None:
    with pytest.raises(InvocationFailed, match="keep: expected an object with at least one rule"):
        stack.invoke("PruneBackupsFunction", {"name_prefix": "old-", "keep": {}})


def payload(stack: DeployedStack, name: str) -> dict[str, Any]:
    """The payload of a schedule of the stack, completed as EventBridge Scheduler does."""
    schedule = stack.client("scheduler").get_schedule(
        Name=f"{stack.name}-{name}", GroupName=stack.outputs["ScheduleGroupName"]
    )
    text = schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", scheduled_time())
    event: dict[str, Any] = json.loads(text)
    return event


def test_the_payloads_of_the_schedules_are_taken_by_their_functions(
    scheduled_stack: DeployedStack, project: Project, scheduled_instance: str
) -> None:
    """Of the second stack, whose parameters give retention rules and the one instance."""
    audit = payload(scheduled_stack, "audit")
    response = scheduled_stack.invoke("AuditBackupsFunction", audit)
    assert [one["instance_id"] for one in response["instances"]] == [scheduled_instance]
    assert response["next_prune"] is not None
    shown = scheduled_stack.invoke("PruneBackupsFunction", payload(scheduled_stack, "prune"))
    assert (shown["dry_run"], shown["failed"]) == (True, [])
    assert {one["instance_id"] for one in shown["kept"]} <= {scheduled_instance}


def test_without_retention_rules_there_is_no_schedule_that_prunes(stack: DeployedStack) -> None:
    assert "PruneSchedule" not in stack.resources
    assert "AuditSchedule" in stack.resources


def test_an_audit_that_fails_at_every_attempt_is_kept(stack: DeployedStack) -> None:
    marker = uuid4().hex
    stack.invoke_asynchronously("AuditBackupsFunction", {"connection": marker, "scheduled_time": scheduled_time()})
    message = stack.message("FailedInvocationsQueue", marker, within=240)
    assert json.loads(message["Body"])["requestPayload"]["connection"] == marker
