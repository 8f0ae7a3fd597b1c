"""An update with other parameters, a roll-back, and what a deletion leaves behind, on a stack of their own."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.deployed.conftest import Deploy
from tests.helpers.deployed import DeployedStack, Project, attributes_of, eventually, scheduled_time

pytestmark = pytest.mark.deployed
FUNCTIONS = ("CreateBackupFunction", "DispatchBackupsFunction", "TrackBackupsFunction")


@pytest.fixture(scope="module")
def updated(deploy_stack: Deploy, project: Project) -> "Updated":
    """A stack that was deployed, and then deployed again with another parameter."""
    stack = deploy_stack("third", {"MaximumBackupsPerDay": "1"})
    before = live_versions(stack)
    resources = dict(stack.resources)
    again = deploy_stack("third", {"MaximumBackupsPerDay": "2"})
    return Updated(again, before, resources)


@dataclass
class Updated:
    stack: DeployedStack
    versions_before: dict[str, str]
    resources_before: dict[str, str]


def live_versions(stack: DeployedStack) -> dict[str, str]:
    client = stack.client("lambda")
    return {
        name: client.get_alias(FunctionName=stack.resources[name], Name="live")["FunctionVersion"] for name in FUNCTIONS
    }


def make_backups(stack: DeployedStack, project: Project, number: int) -> list[str]:
    """Request some backups of one instance on one day; return the errors of those that were rejected."""
    instance = project.add_instance(backup_seconds=0.1)
    for done in range(number):
        request = {"instance_id": instance, "name_template": f"backup-{done}", "scheduled_time": scheduled_time()}
        stack.send("BackupQueue", request)
        eventually(lambda: stack.count("BackupQueue") == 0)
        eventually(lambda: {status for _, status in project.backups(instance)} == {"COMPLETED"})
    return [attributes_of(each)["ErrorType"] for each in stack.peek("BackupDeadLetterQueue", instance)]


def test_a_parameter_that_changed_is_in_force_and_only_its_function_has_a_new_version(
    updated: Updated, project: Project
) -> None:
    after = live_versions(updated.stack)
    assert [name for name in FUNCTIONS if after[name] != updated.versions_before[name]] == ["CreateBackupFunction"]
    assert make_backups(updated.stack, project, 2) == []


def test_an_update_replaces_no_queue_and_no_table(updated: Updated) -> None:
    kept = ("PlanQueue", "BackupQueue", "TrackingQueue", "StateTable", "ReportBucket", "BackupNotifications")
    assert {name: updated.stack.resources[name] for name in kept} == {
        name: updated.resources_before[name] for name in kept
    }


def test_a_roll_back_runs_the_version_before_with_its_parameters(updated: Updated, project: Project) -> None:
    stack, name = updated.stack, updated.stack.resources["CreateBackupFunction"]
    client = stack.client("lambda")
    after = live_versions(stack)["CreateBackupFunction"]
    before = updated.versions_before["CreateBackupFunction"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=before)
    assert make_backups(stack, project, 2) == ["TooManyBackups"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=after)
    assert make_backups(stack, project, 2) == []


@pytest.fixture(scope="module")
def deleted(updated: Updated) -> DeployedStack:
    """The same stack, with a report in its bucket, after it was deleted."""
    stack = updated.stack
    stack.client("s3").put_object(Bucket=stack.resources["ReportBucket"], Key="report.html", Body=b"a report")
    for queue in (
        "BackupQueue",
        "TrackingQueue",
    ):  # the emulator makes the log group of a function that still runs again
        eventually(lambda name=queue: stack.count(name) == 0)  # type: ignore[misc]
    stack.client("cloudformation").delete_stack(StackName=stack.name)
    eventually(lambda: stack.is_gone, within=60, what="the deletion of the stack")
    return stack


def test_a_deleted_stack_leaves_the_secret_and_the_reports_and_nothing_else(deleted: DeployedStack) -> None:
    assert remains_of(deleted) == {"bucket": [deleted.resources["ReportBucket"]]}
    body = deleted.client("s3").get_object(Bucket=deleted.resources["ReportBucket"], Key="report.html")["Body"]
    assert body.read() == b"a report"
    assert deleted.client("secretsmanager").get_secret_value(SecretId="gaussdb-backup/default")["SecretString"]


def remains_of(stack: DeployedStack) -> dict[str, list[str]]:
    """What the account still has whose name begins with the stack's, by kind."""

    def every(service: str, operation: str, key: str, name: str | None = None, **given: Any) -> list[str]:
        pages = stack.client(service).get_paginator(operation).paginate(**given)
        return [each[name] if name else each for page in pages for each in page.get(key, [])]

    found = {
        "alarm": every("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "bucket": [each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]],
        "dashboard": every("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "function": every("lambda", "list_functions", "Functions", "FunctionName"),
        "layer": every("lambda", "list_layers", "Layers", "LayerName"),
        "log group": every("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "mapping": every("lambda", "list_event_source_mappings", "EventSourceMappings", "EventSourceArn"),
        "queue": every("sqs", "list_queues", "QueueUrls"),
        "role": every("iam", "list_roles", "Roles", "RoleName"),
        "rule": every("events", "list_rules", "Rules", "Name"),
        "schedule": every("scheduler", "list_schedules", "Schedules", "Name"),
        "schedule group": every("scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
        "table": every("dynamodb", "list_tables", "TableNames"),
        "topic": every("sns", "list_topics", "Topics", "TopicArn"),
    }
    own = {kind: [each for each in names if f"{stack.name}-" in f"{each}-"] for kind, names in found.items()}
    return {kind: names for kind, names in own.items() if names}
