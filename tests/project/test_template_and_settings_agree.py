"""The template sets what the code reads, and its resources are configured as the code expects."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.aws_emulator.stack import Stack, default_parameters


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def statements(template: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each statement of each role, those too that a role has only with some parameter."""
    return [
        (name, statement["Fn::If"][1] if "Fn::If" in statement else statement)
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


OF_NO_FUNCTION = {"SchedulesRole", "NotificationsRole", "DestinationsRole"}
OF_NO_RESOURCE = {"ConnectToSubnets", "LeaveNetworkInterfacesToLambda"}
"""The actions on network interfaces know no resource that a policy could name beforehand."""


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_role_has_a_wildcard_action_or_resource(template: dict[str, Any]) -> None:
    assert statements(template)
    for name, statement in statements(template):
        assert not any("*" in action for action in as_list(statement["Action"])), name
        assert ("*" in as_list(statement["Resource"])) == (statement["Sid"] in OF_NO_RESOURCE), name


def test_what_a_role_may_do_to_any_network_interface_only_lambda_itself_may(template: dict[str, Any]) -> None:
    by_role: dict[str, dict[str, Any]] = {}
    for role, statement in statements(template):
        by_role.setdefault(role, {})[statement["Sid"]] = statement
    functions = {role: found for role, found in by_role.items() if role not in OF_NO_FUNCTION}
    assert len(functions) == len(of_type(template, "AWS::Serverless::Function"))
    for found in functions.values():
        allowed, denied = found["ConnectToSubnets"], found["LeaveNetworkInterfacesToLambda"]
        assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
        assert allowed["Action"] == denied["Action"]
        assert set(denied["Condition"]["ArnLike"]) == {"lambda:SourceFunctionArn"}


def test_a_role_is_assumed_by_one_service_for_this_account(template: dict[str, Any]) -> None:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        service = trust["Principal"]["Service"]
        operator = "StringEquals" if service == "scheduler.amazonaws.com" else "StringEqualsIfExists"
        assert trust["Condition"][operator]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, name
        assert role["PermissionsBoundary"]["Fn::If"][:2] == ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}], name


def test_each_function_has_a_role_and_a_log_group_of_its_own(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Serverless::Function").values()
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions]
    groups = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions]
    assert sorted([*roles, *OF_NO_FUNCTION]) == sorted(of_type(template, "AWS::IAM::Role"))
    assert sorted(groups) == sorted(of_type(template, "AWS::Logs::LogGroup"))
    assert len(set(roles)) == len(set(groups)) == len(functions)


def test_every_queue_is_encrypted_and_is_or_has_a_dead_letter_queue(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    targets = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    rules = of_type(template, "AWS::Events::Rule").values()
    senders = [*(each["Target"] for each in schedules(template)), *(each["Targets"][0] for each in rules)]
    envelopes = {each["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for each in senders}
    assert targets | envelopes == {name for name, queue in queues.items() if "RedrivePolicy" not in queue}
    assert targets & envelopes == set()


def test_a_source_queue_that_is_replaced_is_retained_with_its_messages(template: dict[str, Any]) -> None:
    """CloudFormation would delete it after the update, with every message that waits in it."""
    sources = {name for name, queue in of_type(template, "AWS::SQS::Queue").items() if "RedrivePolicy" in queue}
    assert sources == {"PlanQueue", "BackupQueue", "TrackingQueue"}
    assert {template["Resources"][name].get("UpdateReplacePolicy") for name in sources} == {"Retain"}


def test_a_failed_asynchronous_invocation_is_retried_and_then_queued(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Serverless::Function")
    for name in ("CreateBackupFunction", "DispatchBackupsFunction", "AuditBackupsFunction", "PruneBackupsFunction"):
        configuration = functions[name]["EventInvokeConfig"]
        assert configuration["MaximumRetryAttempts"] == 2
        assert configuration["DestinationConfig"]["OnFailure"]["Destination"] == {
            "Fn::GetAtt": ["FailedInvocationsQueue", "Arn"]
        }


def consumers(template: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(function, SQS event) of each event source mapping."""
    return [
        (function, event["Properties"])
        for function in of_type(template, "AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]


def test_a_message_stays_invisible_for_six_times_the_functions_timeout_and_the_batching_window(
    template: dict[str, Any],
) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    for function, event in consumers(template):
        timeout = function.get("Timeout", template["Globals"]["Function"]["Timeout"])
        window = event.get("MaximumBatchingWindowInSeconds", 0)
        assert queues[event["Queue"]["Fn::GetAtt"][0]]["VisibilityTimeout"] >= 6 * timeout + window


def test_every_consumer_reports_batch_item_failures_and_has_a_maximum_concurrency(template: dict[str, Any]) -> None:
    assert consumers(template)
    for _, event in consumers(template):
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in event["ScalingConfig"]


def test_functions_have_the_runtime_and_by_default_the_architecture_of_sam_local(template: dict[str, Any]) -> None:
    shared = template["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"]) == ("python3.13", [{"Ref": "Architecture"}])
    assert template["Parameters"]["Architecture"]["Default"] == "x86_64"


def test_the_layers_are_for_every_architecture(template: dict[str, Any]) -> None:
    for layer in of_type(template, "AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleArchitectures"] == template["Parameters"]["Architecture"]["AllowedValues"]


def schedules(template: dict[str, Any]) -> list[dict[str, Any]]:
    return list(of_type(template, "AWS::Scheduler::Schedule").values())


def test_every_schedule_has_a_zone_a_group_a_retry_policy_and_a_dead_letter_queue(template: dict[str, Any]) -> None:
    assert schedules(template)
    for schedule in schedules(template):
        assert "ScheduleExpressionTimezone" in schedule
        assert schedule["GroupName"] == {"Ref": "ScheduleGroup"}
        assert {"RetryPolicy", "DeadLetterConfig"} <= set(schedule["Target"])


def test_each_schedule_is_enabled_by_its_parameter(template: dict[str, Any]) -> None:
    """The plan's would run before its secret exists, or never."""
    assert {name: schedule["State"] for name, schedule in of_type(template, "AWS::Scheduler::Schedule").items()} == {
        "NightlySchedule": {"Ref": "ScheduleState"},
        "AuditSchedule": {"Ref": "AuditState"},
        "PruneSchedule": {"Fn::If": ["PruneIsDisabled", "DISABLED", "ENABLED"]},
    }


@pytest.mark.parametrize(
    ("state", "expected"), [("ENABLED", "ENABLED"), ("DRY_RUN", "ENABLED"), ("DISABLED", "DISABLED")]
)
def test_a_prune_that_is_a_dry_run_has_a_schedule_too(template: dict[str, Any], state: str, expected: str) -> None:
    stack = Stack(template, default_parameters(template) | {"PruneState": state})
    assert stack.resolve(template["Resources"]["PruneSchedule"]["Properties"]["State"]) == expected


def test_a_schedule_is_retried_for_as_long_as_the_reference_says(template: dict[str, Any], root: Path) -> None:
    """For four hours, as often as EventBridge Scheduler may."""
    policies = [schedule["Target"]["RetryPolicy"] for schedule in schedules(template)]
    assert policies == [{"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 4 * 3600}] * len(policies)
    for page in ("plan", "audit", "prune"):
        text = " ".join((root / "docs" / "reference" / f"{page}.md").read_text().split())
        assert "could not deliver for four hours, or in 185 retries, is in `FailedInvocationsQueue`" in text, page


INVOKING = {"AuditSchedule": "AuditBackupsFunction", "PruneSchedule": "PruneBackupsFunction"}
"""Schedules that invoke a function: what fails of them is one of the next time, so none waits in a queue."""


def test_every_other_schedule_targets_a_queue_that_a_function_consumes(template: dict[str, Any]) -> None:
    consumed = [event["Queue"] for _, event in consumers(template)]
    for name, schedule in of_type(template, "AWS::Scheduler::Schedule").items():
        if name in INVOKING:
            assert schedule["Target"]["Arn"] == {"Ref": f"{INVOKING[name]}Aliaslive"}
        else:
            assert schedule["Target"]["Arn"] in consumed


def test_the_schedules_may_send_to_their_queues_and_invoke_their_functions_and_nothing_else(
    template: dict[str, Any],
) -> None:
    targets = [schedule["Target"]["Arn"] for schedule in schedules(template)]
    dead_letters = [schedule["Target"]["DeadLetterConfig"]["Arn"] for schedule in schedules(template)]
    allowed = [
        (action, resource)
        for role, statement in statements(template)
        if role == "SchedulesRole"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    invoked = [("lambda:InvokeFunction", target) for target in targets if "Ref" in target]
    sent = [("sqs:SendMessage", target) for target in [*targets, *dead_letters] if "Ref" not in target]
    assert {json.dumps(each) for each in allowed} == {json.dumps(each) for each in [*invoked, *sent]}


def test_only_schedules_of_the_stacks_group_may_take_their_role(template: dict[str, Any]) -> None:
    [statement] = of_type(template, "AWS::IAM::Role")["SchedulesRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = {"Fn::GetAtt": ["ScheduleGroup", "Arn"]}
    assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == group


def test_the_reference_names_the_longest_name_of_a_stack(template: dict[str, Any], root: Path) -> None:
    """Lambda takes function names of 64 characters."""
    names = [
        function["FunctionName"]["Fn::Sub"] for function in of_type(template, "AWS::Serverless::Function").values()
    ]
    longest = 64 - max(len(name.removeprefix("${AWS::StackName}")) for name in names)
    settings = (root / "docs" / "reference" / "settings.md").read_text()
    assert f"A stack's name has at most {longest} characters" in settings


def test_every_function_folder_is_in_the_template(template: dict[str, Any], root: Path) -> None:
    folders = {f"functions/{app.parent.name}" for app in (root / "functions").glob("*/app.py")}
    assert {function["CodeUri"] for function in of_type(template, "AWS::Serverless::Function").values()} == folders


def test_a_check_that_is_skipped_has_its_reason_beside_it(template: dict[str, Any]) -> None:
    skips = [
        skip
        for each in template["Resources"].values()
        for skip in each.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skips
    assert [skip for skip in skips if len(skip["comment"].split()) < 6] == []
