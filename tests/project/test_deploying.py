"""docs/deploying.md: its policies against AWS's own lists and the template, and its numbers."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.markdown import ROOT, anchor, code_blocks, headings, links, section, table
from tests.project.test_versions import translate

PAGE = (ROOT / "docs" / "deploying.md").read_text()
DEPLOYER = section(PAGE, "Permissions of the deploying user")
STACK = "gaussdb-backup"
OWN = "arn:aws:{}:eu-central-1:123456789012:{}"
MAXIMUM_SIZE = 6144  # of a managed policy: IAM's user guide, "IAM and AWS STS quotas"

type Statement = dict[str, Any]

ANY_RESOURCE = {
    "ConnectFunctionsToQueues": "AWS knows no resource of lambda:CreateEventSourceMapping; the function is a condition",
    "WithoutResources": "AWS knows no resource of any of these; the region is a condition",
}
"""The statements for every resource, and why."""
WITH_RESOURCES = {
    "ec2:DescribeNetworkInterfaces": "none of the four can be restricted, says the guide of EC2",
    "scheduler:ListSchedules": "without a group AWS lists those of all groups; the check names the group",
}
"""Actions under one of these statements for which AWS's list has a resource all the same, and why."""

# What CloudFormation calls to create, read, update and delete each type: "handlers" of the type's schema in the
# CloudFormation registry (`aws cloudformation describe-type --type RESOURCE --type-name …`), state of August 2026, less
# what concerns properties that the template does not set. Tags are among them: CloudFormation sets some itself.
NEEDED: dict[str, tuple[str, str]] = {
    "AWS::CloudWatch::Alarm": (
        OWN.format("cloudwatch", f"alarm:{STACK}-backup-failed"),
        "cloudwatch: DescribeAlarms PutMetricAlarm DeleteAlarms ListTagsForResource TagResource UntagResource",
    ),
    "AWS::CloudWatch::Dashboard": (
        f"arn:aws:cloudwatch::123456789012:dashboard/{STACK}",
        "cloudwatch: GetDashboard PutDashboard DeleteDashboards ListTagsForResource TagResource UntagResource",
    ),
    "AWS::DynamoDB::Table": (
        OWN.format("dynamodb", f"table/{STACK}-StateTable-A1B2C3"),
        ("dynamodb: CreateTable DescribeTable UpdateTable DeleteTable DescribeTimeToLive UpdateTimeToLive"
        " DescribeContinuousBackups DescribeContributorInsights DescribeKinesisStreamingDestination GetResourcePolicy"
        " ListTagsOfResource TagResource UntagResource"),
    ),
    "AWS::Events::Rule": (
        OWN.format("events", f"rule/{STACK}-backup-failed"),
        ("events: DescribeRule PutRule DeleteRule PutTargets RemoveTargets ListTargetsByRule ListTagsForResource"
        " TagResource UntagResource"),
    ),
    "AWS::IAM::Role": (
        f"arn:aws:iam::123456789012:role/{STACK}-CreateBackupRole-A1B2C3",
        ("iam: CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole PutRolePolicy"
        " GetRolePolicy DeleteRolePolicy ListRolePolicies ListAttachedRolePolicies PutRolePermissionsBoundary"
        " DeleteRolePermissionsBoundary TagRole UntagRole PassRole"),
    ),
    "AWS::Lambda::Alias": (
        OWN.format("lambda", f"function:{STACK}-create-backup:live"),
        "lambda: CreateAlias GetAlias UpdateAlias DeleteAlias GetProvisionedConcurrencyConfig",
    ),
    "AWS::Lambda::EventInvokeConfig": (
        OWN.format("lambda", f"function:{STACK}-create-backup:live"),
        ("lambda: PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig"
        " DeleteFunctionEventInvokeConfig"),
    ),
    "AWS::Lambda::EventSourceMapping": (
        OWN.format("lambda", "event-source-mapping:5f5d7d0a-1111-2222-3333-444455556666"),
        ("lambda: CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping"
        " ListTags TagResource UntagResource"),
    ),
    "AWS::Lambda::Function": (
        OWN.format("lambda", f"function:{STACK}-create-backup"),
        ("lambda: CreateFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction"
        " PublishVersion GetFunctionCodeSigningConfig GetFunctionRecursionConfig GetRuntimeManagementConfig"
        " GetFunctionScalingConfig TagResource UntagResource"),
    ),
    "AWS::Lambda::LayerVersion": (
        OWN.format("lambda", f"layer:{STACK}-dependencies:1"),
        "lambda: PublishLayerVersion GetLayerVersion DeleteLayerVersion",
    ),
    "AWS::Lambda::Version": (
        OWN.format("lambda", f"function:{STACK}-create-backup:1"),
        ("lambda: PublishVersion GetFunctionConfiguration ListVersionsByFunction GetProvisionedConcurrencyConfig"
        " GetRuntimeManagementConfig GetFunctionScalingConfig DeleteFunction"),
    ),
    "AWS::Logs::LogGroup": (
        OWN.format("logs", f"log-group:/aws/lambda/{STACK}-create-backup"),
        ("logs: CreateLogGroup DescribeLogGroups PutRetentionPolicy DeleteRetentionPolicy DeleteLogGroup"
        " DescribeIndexPolicies DescribeResourcePolicies GetDataProtectionPolicy ListTagsForResource TagResource"
        " UntagResource"),
    ),
    "AWS::Logs::QueryDefinition": ("*", "logs: PutQueryDefinition DescribeQueryDefinitions DeleteQueryDefinition"),
    "AWS::S3::Bucket": (
        f"arn:aws:s3:::{STACK}-reportbucket-a1b2c3",
        ("s3: CreateBucket ListBucket PutEncryptionConfiguration PutBucketPublicAccessBlock PutBucketOwnershipControls"
        " PutLifecycleConfiguration PutBucketTagging"),
    ),
    "AWS::S3::BucketPolicy": (
        f"arn:aws:s3:::{STACK}-reportbucket-a1b2c3",
        "s3: PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
    ),
    "AWS::SNS::Subscription": (
        OWN.format("sns", f"{STACK}-BackupNotifications-A1B2C3"),
        "sns: Subscribe GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe",
    ),
    "AWS::SNS::Topic": (
        OWN.format("sns", f"{STACK}-BackupNotifications-A1B2C3"),
        ("sns: CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic GetDataProtectionPolicy"
        " ListSubscriptionsByTopic ListTagsForResource TagResource UntagResource"),
    ),
    "AWS::SNS::TopicPolicy": (
        OWN.format("sns", f"{STACK}-BackupNotifications-A1B2C3"), "sns: SetTopicAttributes",
    ),
    "AWS::SQS::Queue": (
        OWN.format("sqs", f"{STACK}-plans"),
        ("sqs: CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue ListQueueTags TagQueue"
        " UntagQueue"),
    ),
    "AWS::SQS::QueuePolicy": (OWN.format("sqs", f"{STACK}-plans"), "sqs: SetQueueAttributes"),
    "AWS::Scheduler::Schedule": (
        OWN.format("scheduler", f"schedule/{STACK}/{STACK}-nightly"),
        "scheduler: CreateSchedule GetSchedule UpdateSchedule DeleteSchedule",
    ),
    "AWS::Scheduler::ScheduleGroup": (
        OWN.format("scheduler", f"schedule-group/{STACK}"),
        ("scheduler: CreateScheduleGroup GetScheduleGroup DeleteScheduleGroup ListTagsForResource TagResource"
        " UntagResource"),
    ),
}  # fmt: skip
"""For each type of resource the ARN of one of the stack's, and the actions."""
CALLS_OF_SAM = {
    f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{stack}/a1b2c3": "cloudformation: CreateChangeSet"
    " DescribeChangeSet ExecuteChangeSet DescribeStacks DescribeStackEvents GetTemplateSummary"
    for stack in (STACK, "aws-sam-cli-managed-default")
} | {
    "arn:aws:cloudformation:eu-central-1:aws:transform/Serverless-2016-10-31": "cloudformation: CreateChangeSet",
    "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-a1b2c3": "s3: CreateBucket ListBucket PutBucketPolicy"
    " PutBucketPublicAccessBlock PutBucketVersioning PutBucketTagging PutEncryptionConfiguration",
    "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-a1b2c3/gaussdb-backup/a1": "s3: GetObject PutObject",
}
"""What SAM CLI itself calls, read in its `lib/deploy`, `lib/bootstrap` and `lib/package`."""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The deploying user's policy as the commands of the page write it."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "docs").mkdir()
    (folder / "docs" / "deploying.md").write_text(PAGE)
    [commands] = code_blocks(DEPLOYER, "sh")
    script = commands.partition("aws iam create-policy")[0]
    subprocess.run(["sh", "-eu", "-c", script], cwd=folder, check=True)
    written: dict[str, Any] = json.loads((folder / "policy.json").read_text())
    return written


@pytest.fixture(scope="module")
def statements(policy: dict[str, Any]) -> list[Statement]:
    found: list[Statement] = policy["Statement"]
    return found


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """AWS's list of actions, with the resources of each (its service authorization reference), as cfn-lint has it."""
    found: dict[str, Any] = json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text())
    return found


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def actions(text: str) -> list[str]:
    service, _, names = text.partition(": ")
    return [f"{service}:{name}" for name in names.split()]


def matches(pattern: str, value: str) -> bool:
    return fnmatchcase(value.lower(), pattern.lower())


def allowing(statements: list[Statement], action: str, resource: str) -> list[str]:
    """The statements that allow an action on a resource, whatever their conditions."""
    return [
        each["Sid"] for each in statements
        if any(matches(pattern, action) for pattern in as_list(each["Action"]))
        and any(matches(pattern, resource) for pattern in as_list(each["Resource"]))
    ]  # fmt: skip


def known_actions(known: dict[str, Any], pattern: str) -> dict[str, list[str]]:
    """The actions that a pattern names, with the types of their resources."""
    service, _, name = pattern.partition(":")
    found = known[service]["Actions"]
    return {each: found[each].get("Resources", []) for each in found if matches(name, each)}


def test_the_commands_write_a_policy_without_placeholders_that_iam_accepts(policy: dict[str, Any]) -> None:
    text = json.dumps(policy, separators=(",", ":"))
    assert re.findall(r"\b(?:ACCOUNT|REGION|STACK)\b", text) == []
    assert len(text) <= MAXIMUM_SIZE
    assert policy["Version"] == "2012-10-17"
    sids = [each["Sid"] for each in policy["Statement"]]
    assert len(sids) == len(set(sids))
    assert {each["Effect"] for each in policy["Statement"]} == {"Allow"}


def test_no_statement_allows_every_action_and_only_those_with_a_reason_are_for_every_resource(
    statements: list[Statement],
) -> None:
    assert [a for each in statements for a in as_list(each["Action"]) if re.fullmatch(r"\*|\w+:\*", a)] == []
    unbounded = {each["Sid"] for each in statements if "*" in as_list(each["Resource"])}
    assert unbounded == set(ANY_RESOURCE)
    assert {each["Sid"] for each in statements if each["Sid"] in unbounded and "Condition" not in each} == set()


def test_aws_knows_every_action(statements: list[Statement], known: dict[str, Any]) -> None:
    patterns = [pattern for each in statements for pattern in as_list(each["Action"])]
    assert [pattern for pattern in patterns if not known_actions(known, pattern)] == []


def test_only_actions_of_which_aws_knows_no_resource_are_for_every_resource(
    statements: list[Statement], known: dict[str, Any]
) -> None:
    patterns = [p for each in statements if each["Sid"] in ANY_RESOURCE for p in as_list(each["Action"])]
    assert {p for p in patterns if any(known_actions(known, p).values())} <= set(WITH_RESOURCES)


def test_every_resource_of_a_statement_is_of_a_type_that_one_of_its_actions_has(
    statements: list[Statement], known: dict[str, Any]
) -> None:
    for each in statements:
        if each["Sid"] in ANY_RESOURCE or each["Sid"] == "TransformTemplate":  # the list has no transforms
            continue
        formats = set()
        for pattern in as_list(each["Action"]):
            service = pattern.partition(":")[0]
            kinds = set(chain.from_iterable(known_actions(known, pattern).values()))
            arns = [arn for kind in kinds for arn in known[service]["Resources"][kind.lower()]["ARNFormats"]]
            assert any(of_format(arn, resource) for arn in arns for resource in as_list(each["Resource"])), pattern
            formats |= set(arns)
        assert [r for r in as_list(each["Resource"]) if not any(of_format(arn, r) for arn in formats)] == []


def of_format(arn: str, resource: str) -> bool:
    return bool(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", arn), resource))


def test_every_type_of_the_template_can_be_created_read_updated_and_deleted(
    statements: list[Statement], template: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    types = {each["Type"] for each in translate(template).values()}
    assert set(NEEDED) == types
    missing = [
        (kind, action)
        for kind, (resource, text) in NEEDED.items()
        for action in actions(text)
        if not allowing(statements, action, resource)
    ]
    assert missing == []


@pytest.mark.parametrize("resource", CALLS_OF_SAM)
def test_sam_may_make_its_calls(statements: list[Statement], resource: str) -> None:
    assert [a for a in actions(CALLS_OF_SAM[resource]) if not allowing(statements, a, resource)] == []


def test_nothing_of_another_stack_is_allowed_beyond_event_source_mappings(statements: list[Statement]) -> None:
    others = {
        (allowed, action)
        for resource, text in [*NEEDED.values(), *CALLS_OF_SAM.items()]
        if "aws-sam-cli-managed-default" not in resource and "transform" not in resource
        for action in actions(text)
        for allowed in allowing(statements, action, resource.replace(STACK, "other"))
    }
    assert {sid for sid, _ in others} - set(ANY_RESOURCE) == {"ManageFunctions"}
    mappings = {action for sid, action in others if sid == "ManageFunctions"}
    assert mappings <= set(actions(NEEDED["AWS::Lambda::EventSourceMapping"][1]))


def test_no_statement_can_go(statements: list[Statement]) -> None:
    """Without any one of them something that is needed is not allowed."""
    needed = [*NEEDED.values(), *CALLS_OF_SAM.items()]
    calls = [(action, resource) for resource, text in needed for action in actions(text)]
    calls += [
        ("cloudformation:DeleteStack", OWN.format("cloudformation", f"stack/{STACK}/a1")),
        ("secretsmanager:DescribeSecret", OWN.format("secretsmanager", "secret:gaussdb-backup/default-a1b2c3")),
    ]
    used = {only[0] for only in (allowing(statements, *call) for call in calls) if len(only) == 1}
    assert {each["Sid"] for each in statements} - used == set()


def test_roles_are_passed_to_what_they_trust_and_to_nothing_else(
    statements: list[Statement], template: dict[str, Any]
) -> None:
    [passing] = [each for each in statements if "iam:PassRole" in as_list(each["Action"])]
    roles = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    trusting = [s for role in roles for s in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]]
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": sorted({each["Principal"]["Service"] for each in trusting})}
    }
    assert as_list(passing["Resource"]) == [f"arn:aws:iam::123456789012:role/{STACK}-*"]


def test_the_boundary_is_demanded_wherever_a_role_may_be_given_permissions(known: dict[str, Any]) -> None:
    [policy] = map(json.loads, code_blocks(section(PAGE, "Permissions boundary"), "json"))
    only, never = policy["Statement"]
    assert {only["Effect"], never["Effect"]} == {"Deny"}
    assert list(only["Condition"]) == ["StringNotEquals"]
    assert all(known_actions(known, action) for each in (only, never) for action in as_list(each["Action"]))
    assert {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"} <= set(only["Action"])


def test_the_costs_add_up() -> None:
    rows = table(section(PAGE, "Cost"), "what")
    for column in (2, 3):
        amounts = [float(row[column].strip("*")) for row in rows]
        assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.001)


def test_the_alarms_and_their_metrics_are_counted(template: dict[str, Any]) -> None:
    alarms = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(len([m for m in a["Properties"].get("Metrics", []) if "MetricStat" in m]) or 1 for a in alarms)
    assert f"CloudWatch alarms: {len(alarms)} with {metrics} metrics" in section(PAGE, "Cost")


def test_every_parameter_and_resource_that_the_page_names_exists(template: dict[str, Any]) -> None:
    words = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", PAGE))
    sids = {
        each["Sid"] for block in code_blocks(PAGE, "json") for each in json.loads(block)["Statement"] if "Sid" in each
    }
    assert words - sids - set(template["Parameters"]) - set(template["Resources"]) - set(template["Outputs"]) == set()


def test_every_link_leads_somewhere() -> None:
    page = ROOT / "docs" / "deploying.md"
    for target in links(PAGE):
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert not fragment or fragment in map(anchor, headings(Path(file).read_text())), target
