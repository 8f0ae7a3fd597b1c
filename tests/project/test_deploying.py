"""The policies of docs/deploying.md are enough for CloudFormation, by AWS's own schemas, and are not more than that."""

import json
import re
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from local.ministack.policies import read_policies
from tests.project.test_versions import translate

ROOT = Path(__file__).parents[2]
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
    "iam:CreateServiceLinkedRole": "replicated tables",
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
    "lambda:GetEventSourceMapping": "IAM knows no resource for it",
    "lambda:ListEventSourceMappings": "it lists",
    "logs:DeleteQueryDefinition": "IAM knows no resource for it",
    "logs:DescribeLogGroups": "it lists",
    "logs:DescribeQueryDefinitions": "it lists",
    "logs:PutQueryDefinition": "IAM knows no resource for it",
    "scheduler:ListSchedules": "it lists",
    "sns:GetSubscriptionAttributes": "IAM knows no resource for it",
    "sns:Unsubscribe": "IAM knows no resource for it",
    "sts:GetCallerIdentity": "it needs no permission",
}
"""Actions that the policies allow on any resource, with the reason."""


@pytest.fixture(scope="module")
def policies() -> list[dict[str, Any]]:
    return read_policies(PLACEHOLDERS)


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
    )
    for statement in statements(policies):
        for resource in as_list(statement["Resource"]):
            assert resource == "*" or own.search(resource), resource
            assert not any(placeholder in resource for placeholder in PLACEHOLDERS)


def test_no_service_is_allowed_as_a_whole_and_no_secret_can_be_read(allowed: set[str]) -> None:
    assert [action for action in allowed if action.endswith(":*") or action == "*"] == []
    assert not matches("secretsmanager:GetSecretValue", allowed)


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
