"""What a backup that fails brings about: an event on the bus, a text for people, and nothing in another stack."""

import json
from collections.abc import Iterator

import pytest

from tests.helpers.deployed import DeployedStack, Inbox, Project, eventually, scheduled_time

pytestmark = pytest.mark.deployed


@pytest.fixture
def failed(stack: DeployedStack, project: Project) -> str:
    """The id of an instance whose backup was requested and fails."""
    instance = project.add_instance(backup_ends="FAILED")
    request = {"instance_id": instance, "name_template": "bad-night", "scheduled_time": scheduled_time()}
    stack.send("BackupQueue", request)
    return instance


@pytest.fixture
def events(stack: DeployedStack) -> Iterator[Inbox]:
    with Inbox.of_bus(stack, {"source": ["gaussdb-backup"]}) as inbox:
        yield inbox


@pytest.fixture
def texts(stack: DeployedStack) -> Iterator[Inbox]:
    with Inbox.of_topic(stack) as inbox:
        yield inbox


def test_a_backup_that_fails_is_an_event_and_a_text(
    stack: DeployedStack, project: Project, events: Inbox, texts: Inbox, failed: str
) -> None:
    event = json.loads(events.wait_for(failed))
    assert event["detail-type"] == "GaussDB Backup State Change"
    detail = event["detail"]
    assert (detail["service"], detail["status"], detail["backup_name"]) == (stack.name, "FAILED", "bad-night")
    assert project.backups(failed) == [("bad-night", "FAILED")]
    text = json.loads(texts.wait_for(failed))["Message"]
    assert "A GaussDB backup FAILED." in text
    assert f"Instance: {failed}" in text
    assert f"Backup id: {detail['backup_id']}" in text
    assert "runbook, section Backup failed" in text


def test_a_backup_that_ends_well_is_an_event_and_no_text(
    stack: DeployedStack, project: Project, events: Inbox, texts: Inbox
) -> None:
    instance = project.add_instance()
    stack.send("BackupQueue", {"instance_id": instance, "name_template": "good-night"})
    assert json.loads(events.wait_for(instance))["detail"]["status"] == "COMPLETED"
    assert texts.holding(instance) == []


def test_a_failure_in_one_stack_is_not_notified_by_another(
    scheduled_stack: DeployedStack, events: Inbox, texts: Inbox, failed: str
) -> None:
    with Inbox.of_topic(scheduled_stack) as other:
        assert json.loads(events.wait_for(failed))["detail"]["status"] == "FAILED"
        texts.wait_for(failed)
        assert other.holding(failed) == []
    assert scheduled_stack.logged("TrackBackupsFunction", failed) == []
    assert eventually(lambda: scheduled_stack.count("TrackingQueue") == 0)
