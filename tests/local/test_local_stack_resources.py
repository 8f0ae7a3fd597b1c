"""What AWS reports of the stack on this machine, read as the command line reads a deployed one."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gaussdb_backup_cli.checks.resources import list_resources
from local import stack as local_stack
from local.aws_emulator.stack import STACK_NAME, default_parameters, read_template
from local.demo import scenario

SCHEDULE = {
    "ScheduleExpression": "cron(0 4 ? * SUN *)",
    "ScheduleExpressionTimezone": "Europe/Berlin",
    "FlexibleTimeWindow": {"Mode": "OFF"},
}
PARAMETERS = (
    scenario.STACK_PARAMETERS | scenario.NOTIFIED | {"RunbookUrl": "https://wiki.test/?page=runbook&of=gaussdb"}
)


@pytest.fixture(scope="module")
def running() -> Iterator[local_stack.RunningStack]:
    cloud = scenario.make_interactive_cloud(datetime.now(UTC))
    with local_stack.serve(cloud, scenario.KEY, parameters=PARAMETERS) as running:
        yield running


def describe(running: local_stack.RunningStack) -> dict[str, Any]:
    [stack] = running.aws.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    return dict(stack)


def list_types(running: local_stack.RunningStack) -> Counter[str]:
    summaries = running.aws.client("cloudformation").list_stack_resources(StackName=STACK_NAME)
    return Counter(each["ResourceType"] for each in summaries["StackResourceSummaries"])


def physical_ids(running: local_stack.RunningStack, resource_type: str) -> dict[str, str]:
    return dict(list_resources(running.aws.client("cloudformation"), STACK_NAME).of_type(resource_type))


def in_template(running: local_stack.RunningStack, resource_type: str) -> int:
    resources = read_template()["Resources"]
    return sum(each["Type"] == resource_type and running.aws.stack.exists(name) for name, each in resources.items())


def test_the_stack_is_complete_and_has_the_parameters(running: local_stack.RunningStack) -> None:
    stack = describe(running)
    found = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert found == default_parameters(read_template()) | PARAMETERS


def test_the_outputs_are_the_templates(running: local_stack.RunningStack) -> None:
    outputs = {each["OutputKey"]: each["OutputValue"] for each in describe(running)["Outputs"]}
    unconditional = {name for name, output in read_template()["Outputs"].items() if "Condition" not in output}
    assert set(outputs) == unconditional
    function = "arn:aws:lambda:eu-central-1:123456789012:function:gaussdb-backup-create-backup"
    assert outputs["CreateBackupFunctionAliasArn"] == f"{function}:live"
    assert outputs["BackupQueueUrl"] == f"{running.endpoint}/123456789012/gaussdb-backup-backup-requests"
    assert outputs["ReportBucketName"] == "gaussdb-backup-reportbucket"
    assert outputs["ScheduleGroupName"] == "gaussdb-backup"
    assert outputs["SchedulesRoleArn"].startswith("arn:aws:iam::123456789012:role/")


@pytest.mark.parametrize("name", ["other", "arn:aws:cloudformation:eu-central-1:123456789012:stack/other/1"])
def test_another_stack_does_not_exist(running: local_stack.RunningStack, name: str) -> None:
    with pytest.raises(ClientError, match=f"Stack with id {name} does not exist") as caught:
        running.aws.client("cloudformation").describe_stacks(StackName=name)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_a_call_of_cloudformation_that_is_not_emulated_is_refused(running: local_stack.RunningStack) -> None:
    with pytest.raises(ClientError, match="InvalidAction"):
        running.aws.client("cloudformation").delete_stack(StackName=STACK_NAME)


@pytest.mark.parametrize(
    "resource_type",
    [
        "AWS::CloudWatch::Alarm",
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::Scheduler::Schedule",
        "AWS::Scheduler::ScheduleGroup",
    ],
)
def test_the_resources_of_a_type_are_listed_as_in_the_template(
    running: local_stack.RunningStack, resource_type: str
) -> None:
    assert list_types(running)[resource_type] == in_template(running, resource_type) > 0


@pytest.mark.parametrize(
    ("resource_type", "number"),
    [("AWS::Lambda::Function", 5), ("AWS::Lambda::Alias", 5), ("AWS::Lambda::EventSourceMapping", 3)],
)
def test_what_sam_makes_of_the_functions_is_listed(
    running: local_stack.RunningStack, resource_type: str, number: int
) -> None:
    assert list_types(running)[resource_type] == number


@pytest.mark.parametrize("qualified", [True, False], ids=["by its alias", "by its name"])
def test_each_function_is_active(running: local_stack.RunningStack, qualified: bool) -> None:
    kind = "AWS::Lambda::Alias" if qualified else "AWS::Lambda::Function"
    client = running.aws.client("lambda")
    for name in physical_ids(running, kind).values():
        found = client.get_function_configuration(FunctionName=name)
        assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")
        assert (found["Runtime"], found["Version"]) == ("python3.13", "1" if qualified else "$LATEST")
        assert found["Timeout"] == (900 if "audit" in name or "prune" in name else 180)
        assert found["FunctionArn"].endswith(name)


def test_the_configuration_of_a_function_has_its_variables(running: local_stack.RunningStack) -> None:
    found = running.aws.client("lambda").get_function_configuration(FunctionName="gaussdb-backup-create-backup")
    assert found["Environment"]["Variables"]["BACKUP_QUEUE_URL"] == running.aws.stack.resources["BackupQueue"]


def test_each_event_source_mapping_is_enabled_and_names_its_queue(running: local_stack.RunningStack) -> None:
    client = running.aws.client("lambda")
    queues = set()
    for uuid in physical_ids(running, "AWS::Lambda::EventSourceMapping").values():
        mapping = client.get_event_source_mapping(UUID=uuid)
        assert mapping["State"] == "Enabled"
        assert mapping["FunctionArn"].endswith(":live")
        queues.add(mapping["EventSourceArn"].rpartition(":")[2])
    assert queues == {"gaussdb-backup-plans", "gaussdb-backup-backup-requests", "gaussdb-backup-tracked-backups"}


def test_an_unknown_event_source_mapping_is_not_found(running: local_stack.RunningStack) -> None:
    client = running.aws.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_event_source_mapping(UUID="00000000-0000-4000-8000-000000000000")


def test_every_alarm_is_there_with_its_threshold_and_its_topic(running: local_stack.RunningStack) -> None:
    pages = running.aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    expected = {each["AlarmName"]: each for each in running.aws.stack.of_type("AWS::CloudWatch::Alarm").values()}
    assert set(found) == set(expected) == set(physical_ids(running, "AWS::CloudWatch::Alarm").values())
    for name, alarm in expected.items():
        assert found[name]["Threshold"] == float(alarm["Threshold"])
        assert (
            found[name]["AlarmActions"] == alarm["AlarmActions"] == [running.aws.stack.resources["BackupNotifications"]]
        )


def test_the_schedules_have_the_templates_payload_and_target(running: local_stack.RunningStack) -> None:
    client = running.aws.client("scheduler")
    for logical_id, name in physical_ids(running, "AWS::Scheduler::Schedule").items():
        schedule = client.get_schedule(GroupName=STACK_NAME, Name=name)
        assert schedule["State"] == "ENABLED"
        assert schedule["Target"]["Input"] == running.aws.stack.schedule_input(logical_id)
    nightly = client.get_schedule(GroupName=STACK_NAME, Name="gaussdb-backup-nightly")
    assert nightly["Target"]["Arn"] == running.aws.stack.attributes["PlanQueue.Arn"]


def test_a_schedule_can_be_created_changed_and_deleted_in_the_group(running: local_stack.RunningStack) -> None:
    client, stack = running.aws.client("scheduler"), running.aws.stack
    target = {"Arn": stack.attributes["PlanQueue.Arn"], "RoleArn": stack.outputs()["SchedulesRoleArn"], "Input": "{}"}
    of_ours: dict[str, Any] = {"GroupName": STACK_NAME, "Name": "weekly"}
    client.create_schedule(**of_ours, State="ENABLED", Target=target, **SCHEDULE)
    assert "weekly" in [each["Name"] for each in client.list_schedules(GroupName=STACK_NAME)["Schedules"]]
    client.update_schedule(**of_ours, State="DISABLED", Target={**target, "Input": '{"a": 1}'}, **SCHEDULE)
    changed = client.get_schedule(**of_ours)
    assert (changed["State"], changed["Target"]["Input"]) == ("DISABLED", '{"a": 1}')
    client.delete_schedule(**of_ours)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_schedule(**of_ours)


def test_somebody_is_notified_and_the_secret_of_the_connection_is_there(running: local_stack.RunningStack) -> None:
    topic = running.aws.stack.resources["BackupNotifications"]
    [subscription] = running.aws.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", scenario.NOTIFIED["NotificationEmail"])
    secret = running.aws.client("secretsmanager").describe_secret(SecretId=f"gaussdb-backup/{scenario.CONNECTION}")
    assert "DeletedDate" not in secret
