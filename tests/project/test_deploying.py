"""The policies of docs/deploying.md are enough for CloudFormation, by AWS's own schemas, and are not more than that."""

import json
import re
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from local.ministack.policies import DEPLOYING, read_policies
from tests.helpers.markdown import code_blocks, section, table
from tests.project.test_versions import translate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploying.md").read_text()
LIMIT_OF_A_POLICY = 6144
"""Characters without blanks, of a managed policy of IAM."""
PLACEHOLDERS = {
    "ACCOUNT": "123456789012",
    "REGION": "ap-southeast-1",
    "STACK": "a-stack-with-the-longest-name-that-is-admitted",
}
HANDLERS = ("create", "read", "update", "delete")
NOT_USED = {
    "codedeploy:*": "gradual deployments",
    "dynamodb:*Item": "imported and replicated tables",
    "dynamodb:*KinesisStreamingDestination": "streams",
    "dynamodb:*TableReplica": "global tables",
    "dynamodb:DeleteResourcePolicy": "policies of the table",
    "dynamodb:ImportTable": "imported tables",
    "dynamodb:PutResourcePolicy": "policies of the table",
    "dynamodb:Query": "imported tables",
    "dynamodb:Scan": "imported tables",
    "dynamodb:UpdateContinuousBackups": "backups of the table, whose items live for hours",
    "dynamodb:UpdateContributorInsights": "insights",
    "ec2:*": "subnets, of which the page says it",
    "elasticfilesystem:*": "file systems",
    "firehose:*": "delivery streams",
    "iam:AttachRolePolicy": "managed policies",
    "iam:DetachRolePolicy": "managed policies",
    "kinesis:*": "streams",
    "kms:*": "keys of one's own for tables, queues and logs",
    "lambda:*CodeSigningConfig": "code signing",
    "lambda:*FunctionCodeSigningConfig": "code signing",
    "lambda:*ProvisionedConcurrencyConfig": "provisioned concurrency",
    "lambda:*RuntimeManagementConfig": "fixed runtimes",
    "lambda:AssociateRuntimeAlias": "fixed runtimes",
    "lambda:PassCapacityProvider": "managed instances",
    "lambda:PutFunctionRecursionConfig": "the setting for recursive loops",
    "lambda:PutFunctionScalingConfig": "managed instances",
    "logs:*DataProtectionPolicy": "masking",
    "logs:*IndexPolicy": "field indexes",
    "logs:*KmsKey": "keys of one's own",
    "logs:*ResourcePolicy": "policies of log groups",
    "logs:CreateLogDelivery": "delivery of logs",
    "logs:CreateLogStream": "streams: Lambda makes them",
    "logs:DescribeLogStreams": "streams",
    "logs:DescribeResourcePolicies": "policies of log groups",
    "logs:PutBearerTokenAuthentication": "bearer tokens",
    "logs:PutLogEvents": "records: Lambda writes them",
    "logs:PutLogGroupDeletionProtection": "protection from deletion",
    "s3:*Abac": "access by tags",
    "s3:*Accelerate*": "acceleration",
    "s3:*Acl": "access control lists",
    "s3:*Analytics*": "analytics",
    "s3:*Cors": "other origins",
    "s3:*CORS": "other origins",
    "s3:*IntelligentTiering*": "tiering",
    "s3:*Inventory*": "inventories",
    "s3:*Logging": "access logs",
    "s3:*MetadataTable*": "metadata tables",
    "s3:*Metrics*": "metrics of requests",
    "s3:*Notification": "events",
    "s3:*ObjectLock*": "locked objects",
    "s3:*Replication*": "replication",
    "s3:*TableConfiguration": "metadata tables",
    "s3:*Tagging": "read and written by the deployment of SAM's bucket alone",
    "s3:*Versioning": "read and written by the deployment of SAM's bucket alone",
    "s3:*Website": "web sites",
    "s3:DeleteBucket": "deletion: the report bucket is retained",
    "s3:DeleteBucketEncryption": "deletion of what the template sets",
    "s3:DeleteBucketLifecycle": "deletion of what the template sets",
    "s3:DeleteObject": "deletion of reports",
    "s3:GetObject*": "objects with metadata",
    "s3:ListTagsForResource": "tags",
    "s3:REST.PUT.OBJECT": "an event of logs, no action",
    "s3:TagResource": "tags",
    "s3:UntagResource": "tags",
    "s3files:*": "file systems",
    "s3tables:*": "metadata tables",
    "sns:PutDataProtectionPolicy": "masking",
    "sns:SetSubscriptionAttributes": "filters",
}
"""Actions that the schemas name for what the template does not use."""
OF_NO_RESOURCE = {
    "cloudformation:GetTemplateSummary": "it reads a template, before there is a stack",
    "cloudwatch:DescribeAlarms": "it lists",
    "lambda:CreateEventSourceMapping": "IAM knows no resource for it; the function is a condition",
    "lambda:DeleteEventSourceMapping": "the function is a condition",
    "lambda:GetAccountSettings": "it is about the account",
    "lambda:GetEventSourceMapping": "IAM's list has a resource for it, the guide of Lambda has none",
    "lambda:ListEventSourceMappings": "it lists",
    "lambda:UpdateEventSourceMapping": "the function is a condition",
    "logs:DescribeIndexPolicies": "IAM knows no resource for it",
    "logs:DeleteQueryDefinition": "IAM knows no resource for it",
    "logs:DescribeLogGroups": "it lists",
    "logs:DescribeQueryDefinitions": "it lists",
    "logs:PutQueryDefinition": "IAM knows no resource for it",
    "scheduler:ListSchedules": "it lists",
    "sns:GetSubscriptionAttributes": "IAM's list has had a resource for it only of late",
    "sns:Unsubscribe": "IAM's list has had a resource for it only of late",
    "sts:GetCallerIdentity": "it needs no permission",
}
"""Actions that the policies allow on any resource, with the reason."""

OWN_RESOURCES = {
    "AWS::CloudWatch::Alarm": "cloudwatch:REGION:ACCOUNT:alarm:STACK-backup-failed",
    "AWS::CloudWatch::Dashboard": "cloudwatch::ACCOUNT:dashboard/STACK",
    "AWS::DynamoDB::Table": "dynamodb:REGION:ACCOUNT:table/STACK-StateTable-A1B2C3",
    "AWS::Events::ApiDestination": "events:REGION:ACCOUNT:api-destination/STACK-webhook/5f5d7d0a",
    "AWS::Events::Connection": "events:REGION:ACCOUNT:connection/STACK-webhook/5f5d7d0a",
    "AWS::Events::Rule": "events:REGION:ACCOUNT:rule/STACK-backup-failed",
    "AWS::IAM::Role": "iam::ACCOUNT:role/STACK-CreateBackupRole-A1B2C3",
    "AWS::Lambda::Alias": "lambda:REGION:ACCOUNT:function:STACK-create-backup:live",
    "AWS::Lambda::EventInvokeConfig": "lambda:REGION:ACCOUNT:function:STACK-create-backup:live",
    "AWS::Lambda::EventSourceMapping": "lambda:REGION:ACCOUNT:event-source-mapping:5f5d7d0a-1111-2222-3333-444455",
    "AWS::Lambda::Function": "lambda:REGION:ACCOUNT:function:STACK-create-backup",
    "AWS::Lambda::LayerVersion": "lambda:REGION:ACCOUNT:layer:STACK-dependencies:1",
    "AWS::Lambda::Version": "lambda:REGION:ACCOUNT:function:STACK-create-backup:1",
    "AWS::Logs::LogGroup": "logs:REGION:ACCOUNT:log-group:/aws/lambda/STACK-create-backup",
    "AWS::Logs::QueryDefinition": "logs:REGION:ACCOUNT:query-definition:a1b2c3",
    "AWS::S3::Bucket": "s3:::STACK-reportbucket-a1b2c3",
    "AWS::S3::BucketPolicy": "s3:::STACK-reportbucket-a1b2c3",
    "AWS::SNS::Subscription": "sns:REGION:ACCOUNT:STACK-BackupNotifications-A1B2C3",
    "AWS::SNS::Topic": "sns:REGION:ACCOUNT:STACK-BackupNotifications-A1B2C3",
    "AWS::SNS::TopicPolicy": "sns:REGION:ACCOUNT:STACK-BackupNotifications-A1B2C3",
    "AWS::SQS::Queue": "sqs:REGION:ACCOUNT:STACK-plans",
    "AWS::SQS::QueuePolicy": "sqs:REGION:ACCOUNT:STACK-plans",
    "AWS::Scheduler::Schedule": "scheduler:REGION:ACCOUNT:schedule/STACK/STACK-nightly",
    "AWS::Scheduler::ScheduleGroup": "scheduler:REGION:ACCOUNT:schedule-group/STACK",
}
"""For each type of resource one of the stack's: its ARN, without the beginning."""
OF_ANY_STACK = {"lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"}
"""What may be done to each event source mapping of the account: their ids are random."""


@pytest.fixture(scope="module")
def policies() -> list[dict[str, Any]]:
    return read_policies(DEPLOYING, PLACEHOLDERS)


@pytest.fixture(scope="module")
def allowed(policies: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements(policies) for action in as_list(statement["Action"])}


def statements(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [statement for policy in policies for statement in policy["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def needed(template: dict[str, Any]) -> dict[str, set[str]]:
    """The actions that AWS's schemas name for each resource type of the transformed template."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    types = {each["Type"] for each in translate(template).values()}
    monkeypatch.undo()
    found: dict[str, set[str]] = {}
    for path in (files("cfnlint") / "data" / "schemas" / "resources").iterdir():
        schema = json.loads(path.read_text()) if path.name.endswith(".json") else {}
        if schema.get("typeName") in types:
            handlers = schema.get("handlers", {})
            found[schema["typeName"]] = {
                action for name in HANDLERS for action in handlers.get(name, {}).get("permissions", [])
            }
    assert types - set(found) == set()
    return found


def matches(action: str, patterns: Any) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def test_what_cloudformation_needs_for_each_resource_is_allowed(needed: dict[str, set[str]], allowed: set[str]) -> None:
    missing = {
        kind: sorted(action for action in actions if not matches(action, allowed) and not matches(action, NOT_USED))
        for kind, actions in needed.items()
    }
    assert {kind: actions for kind, actions in missing.items() if actions} == {}


def test_no_exception_is_for_an_action_that_no_schema_names(needed: dict[str, set[str]]) -> None:
    every = set().union(*needed.values())
    assert [pattern for pattern in NOT_USED if not any(matches(action, [pattern]) for action in every)] == []


def test_only_actions_that_know_no_resource_are_allowed_on_any(policies: list[dict[str, Any]]) -> None:
    found = {action for each in statements(policies) if "*" in as_list(each["Resource"]) for action in each["Action"]}
    assert found == set(OF_NO_RESOURCE)


def test_nothing_is_allowed_outside_the_stack_the_account_and_the_region(policies: list[dict[str, Any]]) -> None:
    own = re.compile(
        rf"{PLACEHOLDERS['STACK']}|aws-sam-cli-managed-default|gaussdb-backup/|transform/Serverless|mapping:"
        "|role/aws-service-role/apidestinations"
    )
    for statement in statements(policies):
        for resource in as_list(statement["Resource"]):
            assert resource == "*" or own.search(resource), resource
            assert not any(placeholder in resource for placeholder in PLACEHOLDERS)


def test_no_service_is_allowed_as_a_whole(allowed: set[str]) -> None:
    assert [action for action in allowed if action.endswith(":*") or action == "*"] == []


def test_no_secret_can_be_read_but_those_that_eventbridge_makes_for_this_stack(policies: list[dict[str, Any]]) -> None:
    """A connection is made with the permissions of whoever makes it, this one too."""
    reading = [
        each for each in statements(policies) if matches("secretsmanager:GetSecretValue", as_list(each["Action"]))
    ]
    place = f"{PLACEHOLDERS['REGION']}:{PLACEHOLDERS['ACCOUNT']}"
    own = f"arn:aws:secretsmanager:{place}:secret:events!connection/{PLACEHOLDERS['STACK']}-*"
    assert [each["Resource"] for each in reading] == [own]


def test_only_the_role_of_eventbridges_api_destinations_can_be_made_for_a_service(
    policies: list[dict[str, Any]],
) -> None:
    [making] = [
        each for each in statements(policies) if matches("iam:CreateServiceLinkedRole", as_list(each["Action"]))
    ]
    service = "apidestinations.events.amazonaws.com"
    assert making["Condition"] == {"StringEquals": {"iam:AWSServiceName": service}}
    assert making["Resource"].endswith(f":role/aws-service-role/{service}/*")


def test_roles_are_passed_only_to_those_whom_they_trust(
    policies: list[dict[str, Any]], template: dict[str, Any]
) -> None:
    [passing] = [each for each in statements(policies) if "iam:PassRole" in as_list(each["Action"])]
    roles = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    trusted = {each["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] for each in roles}
    assert set(passing["Condition"]["StringEquals"]["iam:PassedToService"]) == trusted


def test_each_policy_is_short_enough_for_iam(policies: list[dict[str, Any]]) -> None:
    for policy in policies:
        assert len(json.dumps(policy, separators=(",", ":"))) <= LIMIT_OF_A_POLICY


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """AWS's list of actions, with the resources of each (its service authorization reference), as cfn-lint has it."""
    found: dict[str, Any] = json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text())
    return found


def arns_of(known: dict[str, Any], pattern: str) -> dict[str, list[str]]:
    """For each action that a pattern names, the forms that the ARNs of its resources have."""
    service, _, name = pattern.partition(":")
    actions, resources = known[service]["Actions"], known[service].get("Resources", {})
    return {
        action: [
            form for kind in actions[action].get("Resources", []) for form in resources[kind.lower()]["ARNFormats"]
        ]
        for action in actions
        if matches(action, [name])
    }


def has_form(resource: str, forms: list[str]) -> bool:
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", form), resource) for form in forms)


def test_aws_knows_each_action(allowed: set[str], known: dict[str, Any]) -> None:
    assert [action for action in allowed if not arns_of(known, action)] == []


def test_each_action_is_allowed_on_resources_of_the_types_that_aws_knows_for_it(
    policies: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    """Otherwise AWS never allows it: an action that has no resource needs `*`."""
    never = [
        (each["Sid"], action)
        for each in statements(policies)
        if each["Resource"] != "*"
        for action in as_list(each["Action"])
        if not any(
            has_form(resource, forms)
            for forms in arns_of(known, action).values()
            for resource in as_list(each["Resource"])
        )
    ]
    assert never == []


def allowing(policies: list[dict[str, Any]], action: str, resource: str) -> list[dict[str, Any]]:
    """The statements that allow an action on a resource, whatever their conditions."""
    return [
        each
        for each in statements(policies)
        if matches(action, as_list(each["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(each["Resource"]))
    ]


def own_resource(kind: str, stack: str) -> str:
    arn = f"arn:aws:{OWN_RESOURCES[kind]}"
    for placeholder, value in (PLACEHOLDERS | {"STACK": stack}).items():
        arn = arn.replace(placeholder, value)
    return arn


def test_what_cloudformation_needs_is_allowed_on_the_resources_of_the_stack(
    policies: list[dict[str, Any]], needed: dict[str, set[str]]
) -> None:
    assert set(OWN_RESOURCES) == set(needed)
    missing = [
        (kind, action)
        for kind, actions in needed.items()
        for action in actions
        if action.partition(":")[0] == OWN_RESOURCES[kind].partition(":")[0]  # others are of roles, and logs of imports
        and not matches(action, NOT_USED)
        and not allowing(policies, action, own_resource(kind, PLACEHOLDERS["STACK"]))
    ]
    assert missing == []


@pytest.mark.parametrize("other", ["other", f"my-{PLACEHOLDERS['STACK']}"])
def test_it_is_not_allowed_on_the_resources_of_another_stack(
    policies: list[dict[str, Any]], needed: dict[str, set[str]], other: str
) -> None:
    found = {
        action
        for kind, actions in needed.items()
        for action in actions
        for each in allowing(policies, action, own_resource(kind, other))
        if each["Resource"] != "*"
    }
    assert found == OF_ANY_STACK


def test_nothing_that_changes_something_is_allowed_on_any_resource_but_saved_queries_and_subscriptions(
    policies: list[dict[str, Any]],
) -> None:
    of_functions = (
        f"arn:aws:lambda:{PLACEHOLDERS['REGION']}:{PLACEHOLDERS['ACCOUNT']}:function:{PLACEHOLDERS['STACK']}-*"
    )
    bounded = [each["Condition"] for each in statements(policies) if each["Resource"] == "*" and "Condition" in each]
    assert bounded == [{"ArnLike": {"lambda:FunctionArn": of_functions}}]
    unbounded = [each for each in statements(policies) if each["Resource"] == "*" and "Condition" not in each]
    actions = {action for each in unbounded for action in each["Action"]}
    assert {action for action in actions if not re.search(r":(Get|List|Describe)", action)} == {
        "logs:PutQueryDefinition",
        "logs:DeleteQueryDefinition",
        "sns:Unsubscribe",
    }


def test_the_boundary_is_demanded_wherever_a_role_can_be_given_permissions(
    known: dict[str, Any], allowed: set[str]
) -> None:
    [policy] = map(json.loads, code_blocks(section(PAGE, "Permissions boundary"), "json"))
    demanded, never = policy["Statement"]
    assert {demanded["Effect"], never["Effect"]} == {"Deny"}
    assert list(demanded["Condition"]) == [
        "StringNotEquals"
    ]  # which is true as well where a role has no boundary at all
    assert all(arns_of(known, action) for action in [*demanded["Action"], never["Action"]])
    changing = {action for action in allowed if re.fullmatch(r"iam:(Create|Put|Attach)\w*", action)}
    assert changing - {"iam:CreateServiceLinkedRole"} <= set(demanded["Action"])  # of which AWS sets the permissions


def test_the_boundary_allows_by_its_description_all_that_the_roles_allow(template: dict[str, Any]) -> None:
    text = section(PAGE, "Permissions boundary").rpartition("```")[2]
    whole = {service for service in ("logs", "sqs", "dynamodb", "ec2") if f"`{service}`" in text}
    roles = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    given = [each for role in roles for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    actions = {action for each in given for action in as_list(each.get("Fn::If", [None, each])[1]["Action"])}
    named = set(re.findall(r"`(\w+:\w+)`", text))
    assert named == {action for action in actions if action.partition(":")[0] not in whole}
    assert whole <= {action.partition(":")[0] for action in actions}


def test_the_costs_add_up() -> None:
    rows = table(section(PAGE, "Cost"), "what")
    for column in (2, 3):
        *amounts, total = [float(row[column].strip("*")) for row in rows]
        assert sum(amounts) == pytest.approx(total, abs=0.001)


def test_the_alarms_and_their_metrics_are_counted(template: dict[str, Any]) -> None:
    alarms = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(len([each for each in alarm.get("Metrics", []) if "MetricStat" in each]) or 1 for alarm in alarms)
    assert f"| {len(alarms)} alarms that evaluate {metrics} metrics; $0.10 each | {metrics / 10:.2f} |" in PAGE


def test_each_parameter_and_output_that_the_page_names_exists(template: dict[str, Any]) -> None:
    words = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", PAGE))
    sids = set(re.findall(r'"Sid": "(\w+)"', PAGE))
    assert words - sids - set(template["Parameters"]) - set(template["Outputs"]) == set()
