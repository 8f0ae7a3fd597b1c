"""Least privilege by removal: without any one statement of a role, something fails that the application needs.

The statement is taken out of the deployed template and the stack is updated. What a function does itself is shown by
the function; what AWS does with its role (poll the queue, write the log, send a failed invocation to its destination)
by a session of that role, since the emulator does these without asking for permission.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.aws_emulator.stack import read_template
from local.ministack import ACCOUNT_ID, REGION
from tests.helpers.deployed import DeployedStack, Inbox, InvocationFailed, Project, eventually, scheduled_time

pytestmark = pytest.mark.deployed
TEMPLATE = read_template(Path(__file__).parents[2] / "template.yaml")
FUNCTIONS = tuple(name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function")
WITHIN = 60.0
"""Seconds within which a flow ends or is refused."""


class Refused(Exception):
    """A function was refused something."""


@dataclass
class Deployed:
    """What the flows need. `since` is when the stack was last updated, as a Unix time in milliseconds."""

    stack: DeployedStack
    project: Project
    since: int = 0

    def invoke(self, function: str, event: Any) -> None:
        try:
            self.stack.invoke(function, event)
        except InvocationFailed as error:
            self.expect_no_refusal()
            raise AssertionError(f"failed, but not because it was refused something: {error}") from error

    def wait(self, check: Callable[[], object]) -> None:
        """Wait for what a flow leads to, or for the log record of a refusal."""

        def ended() -> bool:
            if check():
                return True
            self.expect_no_refusal()
            return False

        eventually(ended, within=WITHIN)

    def expect_no_refusal(self) -> None:
        for function in FUNCTIONS:
            for line in self.stack.printed(function, "AccessDenied", since=self.since):
                raise Refused(line)


type Flow = Callable[[Deployed], None]


def statements_of(role: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements that a role has whatever the parameters are."""
    documents = [policy["PolicyDocument"] for policy in role["Properties"]["Policies"]]
    return [statement for document in documents for statement in document["Statement"] if "Fn::If" not in statement]


STATEMENTS = [
    (name, statement["Sid"])
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::IAM::Role" and "Condition" not in resource
    for statement in statements_of(resource)
    if "Sid" in statement
]
"""Those of the roles that the stack has whatever the parameters are: DestinationsRole is not made by the emulator."""


def invoke_create(deployed: Deployed) -> None:
    instance = deployed.project.add_instance()
    request = {"instance_id": instance, "name_template": "direct", "scheduled_time": scheduled_time()}
    deployed.invoke("CreateBackupFunction", request)
    assert deployed.project.names(instance) == ["direct"]


def dry_run(deployed: Deployed) -> None:
    deployed.invoke("DispatchBackupsFunction", {"dry_run": True, "select": {"name_pattern": "none"}})


def dispatch(deployed: Deployed) -> None:
    instance = deployed.project.add_instance()
    plan = {"select": {"instance_ids": [instance]}, "scheduled_time": scheduled_time()}
    deployed.invoke("DispatchBackupsFunction", plan)
    deployed.wait(lambda: deployed.project.names(instance))


def audit(deployed: Deployed) -> None:
    """Each part of an audit by itself is none that fails it: what was refused is in the log."""
    instance = deployed.project.add_instance()
    event = {"select": {"instance_ids": [instance]}, "catch_up": True, "scheduled_time": scheduled_time()}
    deployed.invoke("AuditBackupsFunction", event)
    deployed.expect_no_refusal()
    deployed.wait(lambda: deployed.project.names(instance))


def prune(deployed: Deployed) -> None:
    event = {"name_prefix": "none-", "keep": {"last": 1}, "dry_run": False, "select": {"name_pattern": "none"}}
    deployed.invoke("PruneBackupsFunction", event)
    deployed.expect_no_refusal()


def dead_letter(queue: str, dead_letter_queue: str) -> Flow:
    def flow(deployed: Deployed) -> None:
        text = f"poison {uuid4().hex}"
        deployed.stack.send(queue, text)
        deployed.wait(lambda: deployed.stack.peek(dead_letter_queue, text))

    return flow


def track(deployed: Deployed) -> None:
    instance = deployed.project.add_instance()
    with Inbox.of_bus(deployed.stack, {"source": ["gaussdb-backup"]}) as events:
        deployed.stack.send("BackupQueue", {"instance_id": instance})
        deployed.wait(lambda: events.holding(instance))


def poll(queue: str, role: str) -> Flow:
    """What an event source mapping does with the role, and the visibility that the function changes."""

    def flow(deployed: Deployed) -> None:
        sqs = deployed.stack.account.client("sqs", deployed.stack.assume(role))
        url = deployed.stack.resources[queue]
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=0)
        handle = {"QueueUrl": url, "ReceiptHandle": "of no message"}
        expect_not_denied(lambda: sqs.change_message_visibility(**handle, VisibilityTimeout=0))
        expect_not_denied(lambda: sqs.delete_message(**handle))

    return flow


def expect_not_denied(call: Callable[[], object]) -> None:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ReceiptHandleIsInvalid":
            raise


def send(queue: str, role: str) -> Flow:
    """Send a message with a role that a service assumes."""

    def flow(deployed: Deployed) -> None:
        sqs = deployed.stack.account.client("sqs", deployed.stack.assume(role))
        sqs.send_message(QueueUrl=deployed.stack.resources[queue], MessageBody="sent by a service")

    return flow


def permit(role: str, *actions: str, resource: Callable[[DeployedStack], str]) -> Flow:
    """Have IAM evaluate what a service does with a role that it alone can assume, or without a call to be seen."""

    def flow(deployed: Deployed) -> None:
        evaluated = deployed.stack.client("iam").simulate_principal_policy(
            PolicySourceArn=deployed.stack.role_arn(role),
            ActionNames=list(actions),
            ResourceArns=[resource(deployed.stack)],
        )
        decisions = {each["EvalActionName"]: each["EvalDecision"] for each in evaluated["EvaluationResults"]}
        if decisions != dict.fromkeys(actions, "allowed"):
            raise Refused(f"{role}: {decisions}")

    return flow


def write_log(group: str, role: str) -> Flow:
    """Lambda writes to a stream of the group."""
    return permit(
        role,
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        resource=lambda stack: f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{stack.resources[group]}:log-stream:one",
    )


def schedule(queue: str) -> Flow:
    """EventBridge Scheduler sends a plan, or what it could not deliver."""
    return permit("SchedulesRole", "sqs:SendMessage", resource=lambda stack: stack.arn_of(queue))


def invoke_by_schedule(deployed: Deployed) -> None:
    """EventBridge Scheduler invokes the aliases of the functions."""
    for output in ("AuditBackupsFunctionAliasArn", "PruneBackupsFunctionAliasArn"):
        arn = deployed.stack.outputs[output]
        permit("SchedulesRole", "lambda:InvokeFunction", resource=lambda _, arn=arn: arn)(deployed)  # type: ignore[misc]  # a default


FLOWS: dict[tuple[str, str], Flow] = {
    ("CreateBackupRole", "WriteLogs"): write_log("CreateBackupLogGroup", "CreateBackupRole"),
    ("CreateBackupRole", "ReadConnectionSecrets"): invoke_create,
    ("CreateBackupRole", "ConsumeBackupQueue"): poll("BackupQueue", "CreateBackupRole"),
    ("CreateBackupRole", "SendToBackupDeadLetterQueue"): dead_letter("BackupQueue", "BackupDeadLetterQueue"),
    ("CreateBackupRole", "SendToTrackingQueue"): invoke_create,
    ("CreateBackupRole", "UseIdempotencyAndCircuitBreaker"): invoke_create,
    ("CreateBackupRole", "SendFailedInvocations"): send("FailedInvocationsQueue", "CreateBackupRole"),
    ("DispatchBackupsRole", "WriteLogs"): write_log("DispatchBackupsLogGroup", "DispatchBackupsRole"),
    ("DispatchBackupsRole", "ReadConnectionSecrets"): dry_run,
    ("DispatchBackupsRole", "ConsumePlanQueue"): poll("PlanQueue", "DispatchBackupsRole"),
    ("DispatchBackupsRole", "SendToPlanDeadLetterQueue"): dead_letter("PlanQueue", "PlanDeadLetterQueue"),
    ("DispatchBackupsRole", "SendToBackupQueue"): dispatch,
    ("DispatchBackupsRole", "UseCircuitBreaker"): dry_run,
    ("DispatchBackupsRole", "SendFailedInvocations"): send("FailedInvocationsQueue", "DispatchBackupsRole"),
    ("TrackBackupsRole", "WriteLogs"): write_log("TrackBackupsLogGroup", "TrackBackupsRole"),
    ("TrackBackupsRole", "ReadConnectionSecrets"): track,
    ("TrackBackupsRole", "ConsumeTrackingQueue"): poll("TrackingQueue", "TrackBackupsRole"),
    ("TrackBackupsRole", "UseCircuitBreaker"): track,
    ("TrackBackupsRole", "SendToTrackingDeadLetterQueue"): dead_letter("TrackingQueue", "TrackingDeadLetterQueue"),
    ("TrackBackupsRole", "PublishStateChanges"): track,
    ("AuditBackupsRole", "WriteLogs"): write_log("AuditBackupsLogGroup", "AuditBackupsRole"),
    ("AuditBackupsRole", "ReadConnectionSecrets"): audit,
    ("AuditBackupsRole", "UseCircuitBreaker"): audit,
    ("AuditBackupsRole", "SendToBackupQueue"): audit,
    ("AuditBackupsRole", "StoreReports"): audit,
    ("AuditBackupsRole", "PublishTheEnd"): audit,
    ("AuditBackupsRole", "SendFailedInvocations"): send("FailedInvocationsQueue", "AuditBackupsRole"),
    ("PruneBackupsRole", "WriteLogs"): write_log("PruneBackupsLogGroup", "PruneBackupsRole"),
    ("PruneBackupsRole", "ReadConnectionSecrets"): prune,
    ("PruneBackupsRole", "UseCircuitBreaker"): prune,
    ("PruneBackupsRole", "PublishTheEnd"): prune,
    ("PruneBackupsRole", "SendFailedInvocations"): send("FailedInvocationsQueue", "PruneBackupsRole"),
    ("NotificationsRole", "PublishNotifications"): permit(
        "NotificationsRole", "sns:Publish", resource=lambda stack: stack.resources["BackupNotifications"]
    ),
    ("SchedulesRole", "SendToPlanQueue"): schedule("PlanQueue"),
    ("SchedulesRole", "InvokeAuditAndPrune"): invoke_by_schedule,
    ("SchedulesRole", "SendFailedInvocations"): schedule("FailedInvocationsQueue"),
}
"""The flow that fails without a statement. One that is missing here is untested, and its test fails."""


@pytest.fixture(scope="module")
def template(stack: DeployedStack) -> Iterator[dict[str, Any]]:
    """The template as deployed; it is deployed again at the end."""
    original = stack.template
    yield original
    stack.update(original)


@pytest.fixture
def deployed(stack: DeployedStack, project: Project) -> Deployed:
    return Deployed(stack, project)


@pytest.mark.parametrize("flow", dict.fromkeys(FLOWS.values()), ids=lambda flow: flow.__qualname__.split(".")[0])
def test_with_all_statements_each_flow_ends(deployed: Deployed, flow: Flow) -> None:
    flow(deployed)


@pytest.mark.parametrize(("role", "sid"), STATEMENTS)
def test_without_a_statement_of_a_role_a_flow_fails(
    deployed: Deployed, template: dict[str, Any], role: str, sid: str
) -> None:
    changed = json.loads(json.dumps(template))
    take_away(changed["Resources"][role], sid)
    with_new_environments(changed["Resources"], role.replace("Role", "Function"), f"without {sid}")
    deployed.since = deployed.stack.update(changed)
    with pytest.raises((Refused, ClientError)) as failure:
        FLOWS[role, sid](deployed)
    if isinstance(failure.value, ClientError):
        assert failure.value.response["Error"]["Code"].startswith("AccessDenied")


def take_away(role: dict[str, Any], sid: str) -> None:
    before = len(statements_of(role))
    for policy in role["Properties"]["Policies"]:
        document = policy["PolicyDocument"]
        document["Statement"] = [each for each in document["Statement"] if each.get("Sid") != sid]
    assert len(statements_of(role)) == before - 1


def with_new_environments(resources: dict[str, Any], function: str, text: str) -> None:
    """Change a function, so that what its execution environments have cached is gone."""
    if function in resources:
        resources[function]["Properties"]["Description"] = text
