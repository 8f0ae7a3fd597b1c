"""Who may use the queues: only with TLS, and only create_backup tells track_backups what to track."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.aws_emulator.stack import Stack, default_parameters
from tests.project.conftest import ATTRIBUTES

ACCOUNT = "arn:aws:iam::123456789012"
OPERATORS = f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Operators_*"
ROLES = {
    name: f"{ACCOUNT}:role/gaussdb-backup-{name}-1ABC"
    for name in ("CreateBackupRole", "DispatchBackupsRole", "TrackBackupsRole")
}


@pytest.fixture(scope="module")
def queues(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::SQS::Queue")


def resolve(template: dict[str, Any], **parameters: str) -> Stack:
    """The template with a role's ARN as it is in AWS."""
    ids = {name: name for name in template["Resources"]}
    attributes = {f"{name}.{attribute}": f"{name}.{attribute}" for name in ids for attribute in ATTRIBUTES}
    attributes |= {f"{name}.Arn": arn for name, arn in ROLES.items()}
    return Stack(template, default_parameters(template) | parameters, ids, attributes)


def policy_of(stack: Stack, queue: str) -> list[dict[str, Any]]:
    """The statements of the one policy of a queue: SQS keeps one, and a second would replace it."""
    policies = stack.of_type("AWS::SQS::QueuePolicy").values()
    [policy] = [policy for policy in policies if queue in policy["Queues"]]
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return statements


def is_denied(statements: list[dict[str, Any]], action: str, context: Mapping[str, str]) -> bool:
    """Whether some statement denies an action: all of its conditions hold, each for none or any of its values."""
    return any(
        statement["Effect"] == "Deny"
        and fnmatchcase(action, statement["Action"])
        and all(
            _holds(operator, context.get(key, ""), expected)
            for operator, condition in statement["Condition"].items()
            for key, expected in condition.items()
        )
        for statement in statements
    )


def _holds(operator: str, given: str, expected: Any) -> bool:
    values = expected if isinstance(expected, list) else [expected]
    match operator:
        case "Bool":
            return given == str(expected).lower()
        case "ArnNotLike":
            return not any(fnmatchcase(given, value) for value in values)
    raise KeyError(operator)


def test_no_queue_can_be_used_without_tls(stack: Stack, queues: dict[str, Any], template: dict[str, Any]) -> None:
    resolved = resolve(template)
    for queue in queues:
        for action in ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"):
            context = {"aws:PrincipalArn": f"{ACCOUNT}:root"}
            assert is_denied(policy_of(resolved, queue), action, context | {"aws:SecureTransport": "false"}), queue
            assert not is_denied(policy_of(resolved, queue), action, context | {"aws:SecureTransport": "true"}), queue


@pytest.mark.parametrize(
    ("principal", "operators", "may"),
    [
        (ROLES["CreateBackupRole"], "", True),
        (ROLES["DispatchBackupsRole"], "", False),
        (ROLES["TrackBackupsRole"], "", False),
        (f"{ACCOUNT}:role/some-producer", "", False),
        (f"{ACCOUNT}:user/somebody", "", False),
        (f"{ACCOUNT}:root", "", True),
        (f"{ACCOUNT}:role/some-producer", OPERATORS, False),
        (ROLES["CreateBackupRole"], OPERATORS, True),
        (f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Operators_0a1b", OPERATORS, True),
    ],
)
def test_only_create_backup_and_operators_who_redrive_may_send_tracking_messages(
    template: dict[str, Any], principal: str, operators: str, may: bool
) -> None:
    """A role of the same account needs no statement that allows it, so the others are denied."""
    statements = policy_of(resolve(template, RedriveRoleArn=operators), "TrackingQueue")
    context = {"aws:SecureTransport": "true", "aws:PrincipalArn": principal}
    assert is_denied(statements, "sqs:SendMessage", context) != may
    assert not is_denied(statements, "sqs:ReceiveMessage", context)


@pytest.mark.parametrize(
    ("principal", "may"),
    [
        (ROLES["TrackBackupsRole"], True),
        (ROLES["CreateBackupRole"], False),
        (f"{ACCOUNT}:role/some-producer", False),
        (f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Operators_0a1b", False),
        (f"{ACCOUNT}:root", True),
    ],
)
def test_only_track_backups_may_dead_letter_tracking_messages(
    template: dict[str, Any], principal: str, may: bool
) -> None:
    """A redrive sends them to TrackingQueue; operators read and delete them."""
    statements = policy_of(resolve(template, RedriveRoleArn=OPERATORS), "TrackingDeadLetterQueue")
    context = {"aws:SecureTransport": "true", "aws:PrincipalArn": principal}
    assert is_denied(statements, "sqs:SendMessage", context) != may
    assert not is_denied(statements, "sqs:ReceiveMessage", context)
    assert not is_denied(statements, "sqs:DeleteMessage", context)


def test_only_eventbridge_is_allowed_anything_and_only_for_the_rules_of_this_stack(stack: Stack) -> None:
    """Who else may do what is said by the roles alone."""
    for policy in stack.of_type("AWS::SQS::QueuePolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                assert statement["Principal"] == "*"
                continue
            assert policy["Queues"] == ["NotificationDeadLetterQueue"]
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert statement["Action"] == "sqs:SendMessage"
            assert statement["Condition"]["StringEqualsIfExists"] == {"aws:SourceAccount": "123456789012"}
            assert all(":123456789012:rule/" in arn for arn in statement["Condition"]["ArnLike"]["aws:SourceArn"])


def test_a_dead_letter_queue_serves_only_its_own_source(queues: dict[str, Any]) -> None:
    sources = {
        queue["RedrivePolicy"]["deadLetterTargetArn"].partition(".")[0]: queue["QueueName"]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    for name, queue in queues.items():
        if name in sources:
            arn = f"arn:aws:sqs:eu-central-1:123456789012:{sources[name]}"
            allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}
        else:
            allowed = {"redrivePermission": "denyAll"}
        assert queue["RedriveAllowPolicy"] == allowed, name
