"""Plans: sent to their queue, sent twice, sent while the API is away, and sent by the stack's own schedule."""

import json
from datetime import UTC, datetime

import pytest

from local.gaussdb_emulator import Fault
from tests.helpers.deployed import DeployedStack, Project, eventually, scheduled_time

pytestmark = pytest.mark.deployed


def test_the_same_plan_twice_makes_one_backup_of_each_instance(stack: DeployedStack, project: Project) -> None:
    instances = [project.add_instance(tags={"plan": "twice"}) for _ in range(3)]
    plan = {"schedule": "twice", "select": {"tags": {"plan": "twice"}}, "scheduled_time": scheduled_time()}
    stack.send("PlanQueue", plan)
    eventually(lambda: all(project.names(each) for each in instances))
    stack.send("PlanQueue", plan)
    eventually(lambda: len(stack.logged("DispatchBackupsFunction", '"schedule":"twice"')) == 2)
    eventually(lambda: stack.count("BackupQueue") == 0)
    assert [len(project.names(each)) for each in instances] == [1, 1, 1]


def test_the_requests_of_a_plan_are_in_the_group_of_their_connection(
    stack: DeployedStack, project_of_its_own: Project
) -> None:
    """So that SQS treats the projects fairly: a thousand requests of one do not delay ten of another."""
    instance = project_of_its_own.add_instance()
    with stack.stopped("BackupQueue"):
        stack.send("PlanQueue", {"connection": project_of_its_own.connection, "scheduled_time": scheduled_time()})
        message = stack.message("BackupQueue", instance)
    assert message["Attributes"]["MessageGroupId"] == project_of_its_own.connection


def test_tracked_backups_are_in_the_group_of_their_connection(
    stack: DeployedStack, project_of_its_own: Project
) -> None:
    instance, connection = project_of_its_own.add_instance(), project_of_its_own.connection
    with stack.stopped("TrackingQueue"):
        stack.invoke("CreateBackupFunction", {"instance_id": instance, "connection": connection})
        message = stack.message("TrackingQueue", instance)
    assert message["Attributes"]["MessageGroupId"] == connection


def test_a_plan_that_is_due_while_the_api_is_away_is_carried_out_afterwards(
    stack: DeployedStack, project_of_its_own: Project
) -> None:
    project = project_of_its_own
    instance = project.add_instance()
    project.cloud.add_fault(Fault(project_id=project.project_id, status=503))
    stack.send("PlanQueue", {"connection": project.connection, "scheduled_time": scheduled_time()})
    eventually(lambda: stack.logged("DispatchBackupsFunction", project.connection))
    assert project.names(instance) == []
    project.cloud.remove_fault()
    eventually(lambda: len(project.names(instance)) == 1, within=60, what="the backup after the outage")
    eventually(lambda: stack.count("PlanQueue") == 0)


def test_the_schedule_sends_its_plan_and_the_plan_makes_the_backups(
    scheduled_stack: DeployedStack, scheduled_instance: str, project: Project
) -> None:
    """The emulator does not fill in the time of the run, so the plan as it was sent is a dead letter first."""
    [first, *_] = eventually(
        lambda: scheduled_stack.peek("PlanDeadLetterQueue", scheduled_instance), within=180, what="the plan as sent"
    )
    sent = first["Body"]
    assert json.loads(sent)["scheduled_time"] == "<aws.scheduler.scheduled-time>"
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    scheduled_stack.send("PlanQueue", sent.replace("<aws.scheduler.scheduled-time>", time))
    eventually(lambda: len(project.names(scheduled_instance)) == 1)
    [name] = project.names(scheduled_instance)
    assert name.startswith("nightly-")
