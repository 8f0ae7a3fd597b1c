"""`make doctor`: what is checked of a deployed stack, what is reported about it, and what to do."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from local import gaussdb_emulator
from local.aws_emulator.stack import ROOT, read_template
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import ORDERS
from tests.helpers.stack_in_moto import (
    AUDITS,
    NAME,
    PLAN,
    StackInMoto,
    make_stack,
    put_schedule,
    refusal,
    template_resources,
)
from tools.check_stack import main, make_client
from tools.deployed_stack import (
    AUDIT_SCHEDULE,
    DISPATCH_FUNCTION,
    SCHEDULE,
    SCHEDULE_GROUP,
    TOPIC,
    DeployedStack,
    Resource,
    list_resources,
    read_stack,
)

ALL_SELECTED = (
    "the secret is readable and its credentials work; instances selected: 3 (3 to back up, 0 skipped, 0 rejected)"
)
NONE_SUBSCRIBED = "the topic has no subscription"
SUBSCRIBE = 'make deploy ARGS="--parameter-overrides NotificationEmail=ops@example.com"'
CONFIRM = "confirm it with the link of the e-mail from AWS"
DISPATCH = f"arn:aws:lambda:eu-central-1:123456789012:function:{NAME}-dispatch-backups:live"


@pytest.fixture
def stack(deployment: Deployment) -> StackInMoto:
    return make_stack(lambda event: deployment.invoke("dispatch_backups", event))


class Checked:
    """The exit code of the checks, and the lines that they print."""

    def __init__(self, code: int, printed: str) -> None:
        self.code = code
        self.lines = printed.splitlines()

    def result(self, name: str) -> tuple[str, str, str]:
        """The outcome of a check, its detail, and what to do."""
        [number] = [number for number, line in enumerate(self.lines) if line[15:].startswith(f"{name}: ")]
        next_line = self.lines[number + 1].strip() if number + 1 < len(self.lines) else ""
        line = self.lines[number]
        action = next_line.removeprefix("→ ") if next_line.startswith("→") else ""
        return line[:15].strip(), line[15:].removeprefix(f"{name}: "), action


type Check = Callable[..., Checked]


@pytest.fixture
def check(deployment: Deployment) -> Check:
    """Check the stack, with these arguments besides."""

    def check(stack: StackInMoto, *arguments: str) -> Checked:
        printed: list[str] = []
        code = main(["--stack-name", NAME, *arguments], client=stack.client, show=printed.append)
        deployment.emitted.extend(printed)
        return Checked(code, "\n".join(printed))

    return check


def test_all_is_well(stack: StackInMoto, check: Check) -> None:
    checked = check(stack)
    assert checked.lines == [
        "Stack gaussdb-backup in eu-central-1",
        "  ok           stack: CREATE_COMPLETE",
        "  ok           functions: 2 active, 2 of them by the alias live",
        "  ok           event source mappings: 2 enabled",
        "  ok           secret: gaussdb-backup/default",
        f"  ok           dry run: {ALL_SELECTED}",
        "  ok           schedule: gaussdb-backup-nightly: cron(30 3 * * ? *) in Europe/Berlin",
        "  ok           audit: gaussdb-backup-audit: cron(30 3 * * ? *) in Europe/Berlin",
        "  ok           notifications: 1 confirmed, 0 pending",
        "  ok           dead-letter queues: 3 empty",
        "  ok           alarms: none of 2 in ALARM",
        "All 10 checks are well.",
    ]
    assert checked.code == 0


def test_the_dry_run_is_the_schedules_own_plan_and_makes_one_call_and_no_backup(
    stack: StackInMoto, check: Check, deployment: Deployment
) -> None:
    put_schedule(f"{NAME}-nightly", text=json.dumps({**PLAN, "select": {"name_pattern": "orders"}}))
    _, detail, _ = check(stack).result("dry run")
    [(function, plan)] = stack.invoked
    assert function == DISPATCH
    assert plan == {
        "schedule": "nightly",
        "connection": "default",
        "select": {"name_pattern": "orders"},
        "dry_run": True,
    }
    assert "selected: 1 (" in detail
    assert deployment.counts("BACKUP_QUEUE_URL") == (0, 0)
    assert len([item for item in deployment.cloud.requests if item.operation == "instances"]) == 1
    assert deployment.metrics == []


def test_a_stack_without_aliases_is_invoked_by_the_names_of_its_functions(deployment: Deployment, check: Check) -> None:
    stack = make_stack(lambda event: deployment.invoke("dispatch_backups", event), alias=False)
    checked = check(stack)
    assert checked.code == 0
    assert checked.result("functions")[1] == "2 active, 0 of them by the alias live"
    assert [function for function, _ in stack.invoked] == [f"{NAME}-dispatch-backups"]


# The stack, its functions and event source mappings


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        ("UPDATE_COMPLETE", "ok", 0),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ok", 0),
        ("UPDATE_IN_PROGRESS", "needs you", 3),
        ("UPDATE_ROLLBACK_COMPLETE", "FAILED", 1),
        ("UPDATE_ROLLBACK_FAILED", "FAILED", 1),
        ("DELETE_FAILED", "FAILED", 1),
    ],
)
def test_the_state_of_the_stack_counts(stack: StackInMoto, check: Check, status: str, outcome: str, code: int) -> None:
    stack.status = status
    checked = check(stack)
    assert checked.result("stack")[0] == outcome
    assert checked.code == code
    assert len(stack.invoked) == 1


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_of_a_stack_that_was_not_created_only_that_is_reported(stack: StackInMoto, check: Check, status: str) -> None:
    stack.status, stack.resources = status, []
    checked = check(stack)
    assert checked.code == 1
    assert checked.result("stack")[0] == "FAILED"
    assert checked.lines[-1] == "FAILED: 1 (of 1 checks)"


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"State": "Failed", "StateReason": "no such subnet"}, "FAILED"),
        ({"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no such subnet"}, "FAILED"),
        ({"State": "Pending"}, "needs you"),
        ({"State": "Inactive"}, "ok"),
    ],
    ids=["failed", "update failed", "pending", "idle"],
)
def test_a_function_that_cannot_run_is_named(
    stack: StackInMoto, check: Check, state: dict[str, str], outcome: str
) -> None:
    stack.change("lambda", get_function_configuration=lambda **_: {"FunctionName": "f", **state})
    found, detail, _ = check(stack).result("functions")
    assert found == outcome
    assert "Reason" not in str(state) or "f: no such subnet" in detail


def test_a_disabled_event_source_mapping_has_failed_and_the_command_enables_it(
    stack: StackInMoto, check: Check
) -> None:
    uuid = stack.id_of("DispatchBackupsFunctionQueue")
    boto3.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    checked = check(stack, "--region", "eu-central-1")
    assert checked.code == 1
    outcome, detail, action = checked.result("event source mappings")
    assert (outcome, detail) == ("FAILED", "1 of 2 are disabled")
    assert action.endswith(f"aws lambda update-event-source-mapping --enabled --uuid {uuid} --region eu-central-1")


def test_an_event_source_mapping_that_is_being_enabled_needs_time(stack: StackInMoto, check: Check) -> None:
    stack.change("lambda", get_event_source_mapping=lambda **_: {"State": "Enabling"})
    checked = check(stack)
    assert checked.code == 3
    assert checked.result("event source mappings")[:2] == ("needs you", "not yet enabled: Enabling")


# The secret and the dry run


def test_without_the_secret_the_command_that_creates_it_is_printed_and_nothing_is_invoked(
    stack: StackInMoto, check: Check
) -> None:
    put_schedule(f"{NAME}-nightly", text=json.dumps({**PLAN, "connection": "crm"}))
    checked = check(stack)
    assert checked.result("secret") == (
        "needs you",
        "there is no secret gaussdb-backup/crm",
        "aws secretsmanager create-secret --name gaussdb-backup/crm --secret-string file://secret.json",
    )
    assert checked.result("dry run")[:2] == ("not checked", "it needs the secret")
    assert checked.code == 3
    assert stack.invoked == []


def test_a_secret_that_will_be_deleted_needs_you(stack: StackInMoto, check: Check) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId="gaussdb-backup/default")
    checked = check(stack)
    outcome, _, action = checked.result("secret")
    assert outcome == "needs you"
    assert action == "aws secretsmanager restore-secret --secret-id gaussdb-backup/default"
    assert checked.code == 3


def test_a_malformed_secret_has_failed_with_the_functions_own_words(
    stack: StackInMoto, check: Check, deployment: Deployment
) -> None:
    deployment.put_secret(endpoint="gaussdb.test")
    checked = check(stack)
    outcome, detail, action = checked.result("dry run")
    assert outcome == "FAILED"
    assert detail.startswith("InvalidConnection: ")
    assert "endpoint: expected" in detail
    assert action == "docs/operations.md, section Connection unusable"
    assert checked.code == 1


def test_refused_credentials_have_failed_after_one_call(
    stack: StackInMoto, check: Check, deployment: Deployment
) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    checked = check(stack)
    assert checked.result("dry run")[1].startswith("CredentialsRefused: ")
    assert checked.code == 1
    assert len(stack.invoked) == 1


def test_an_api_that_is_away_has_failed_with_the_functions_own_words(
    stack: StackInMoto, check: Check, deployment: Deployment
) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="instances", status=503))
    outcome, detail, action = check(stack).result("dry run")
    assert (outcome, action) == ("FAILED", "docs/operations.md, section Dispatch backups errors")
    assert detail.startswith("TryLater: ")


@pytest.mark.parametrize("text", ["no JSON", "[]", ""])
def test_a_schedule_whose_input_is_no_plan_has_failed(stack: StackInMoto, check: Check, text: str) -> None:
    put_schedule(f"{NAME}-nightly", text=text)
    checked = check(stack)
    assert checked.result("dry run")[:2] == ("FAILED", "the input of gaussdb-backup-nightly is no JSON object")
    assert checked.code == 1
    assert stack.invoked == []


@pytest.mark.parametrize(
    ("select", "detail"),
    [
        ({"name_pattern": "none-*"}, "selected: 0 ("),
        ({"instance_ids": ["f" * 32, ORDERS]}, f"1 rejected): {'f' * 32}: the project has no such instance"),
    ],
    ids=["nothing", "an unknown id"],
)
def test_a_plan_that_selects_nothing_or_names_an_unknown_instance_needs_you(
    stack: StackInMoto, check: Check, select: dict[str, Any], detail: str
) -> None:
    put_schedule(f"{NAME}-nightly", text=json.dumps({**PLAN, "select": select}))
    checked = check(stack)
    assert checked.result("dry run")[0] == "needs you"
    assert detail in checked.result("dry run")[1]
    assert checked.code == 3


# What a person has to know


def test_a_disabled_schedule_needs_you_and_the_command_enables_it(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    checked = check(stack)
    assert checked.result("schedule") == (
        "needs you",
        "disabled: gaussdb-backup-nightly: cron(30 3 * * ? *) in Europe/Berlin",
        'once the dry run is as you want it: make deploy ARGS="--parameter-overrides ScheduleState=ENABLED"',
    )
    assert checked.lines[-1] == "needs you: 1 (of 10 checks)"
    assert checked.code == 3


def test_a_disabled_audit_needs_you_and_is_no_other_schedule_of_plans(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    assert check(stack).result("schedule")[0] == "needs you"  # although the audit's is enabled, in the same group
    put_schedule(f"{NAME}-audit", state="DISABLED", target=AUDITS)
    found, detail, action = check(stack).result("audit")
    assert (found, detail.partition(":")[0]) == ("needs you", "disabled")
    assert "AuditState=ENABLED" in action


def test_after_a_deployment_a_disabled_schedule_is_printed_but_no_error(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    checked = check(stack, "--after-deploy", "--parameter-overrides", "NotificationEmail=ops@example.com")
    assert checked.result("schedule")[0] == "needs you"
    assert checked.code == 0


def test_after_a_deployment_what_has_failed_is_an_error(stack: StackInMoto, check: Check) -> None:
    stack.status = "UPDATE_ROLLBACK_COMPLETE"
    assert check(stack, "--after-deploy").code == 1


def test_a_disabled_schedule_is_well_where_another_of_its_group_is_enabled(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    put_schedule(f"{NAME}-weekly")
    checked = check(stack)
    assert checked.result("schedule")[0] == "ok"
    assert checked.result("schedule")[1].endswith("enabled: gaussdb-backup-weekly")


@pytest.mark.parametrize(
    ("arns", "expected", "code"),
    [
        ([], ("needs you", f"{NONE_SUBSCRIBED}: nobody is notified", SUBSCRIBE), 3),
        (["PendingConfirmation"], ("needs you", "0 confirmed, 1 pending: nobody is notified", CONFIRM), 3),
        (["Deleted"], ("needs you", f"{NONE_SUBSCRIBED}: nobody is notified", SUBSCRIBE), 3),
        (["PendingConfirmation", "arn:aws:sns:eu-central-1:123456789012:t:1"], ("ok", "1 confirmed, 1 pending", ""), 0),
    ],
    ids=["nobody", "pending", "unsubscribed", "one confirmed"],
)
def test_notifications_that_nobody_gets_need_you(
    stack: StackInMoto, check: Check, arns: list[str], expected: tuple[str, str, str], code: int
) -> None:
    pages = [{"Subscriptions": [{"SubscriptionArn": arn} for arn in arns]}]
    stack.change("sns", get_paginator=lambda _: Pages(pages))
    checked = check(stack)
    assert (checked.result("notifications"), checked.code) == (expected, code)


class Pages:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self._pages


def test_dead_letters_need_you_hidden_ones_too(stack: StackInMoto, check: Check) -> None:
    sqs = boto3.client("sqs")
    for name in ("BackupDeadLetterQueue", "FailedInvocationsQueue"):
        sqs.send_message(QueueUrl=stack.id_of(name), MessageBody="body")
    assert sqs.receive_message(QueueUrl=stack.id_of("BackupDeadLetterQueue"))["Messages"]
    checked = check(stack)
    outcome, detail, action = checked.result("dead-letter queues")
    assert (outcome, detail) == ("needs you", "about 1 in BackupDeadLetterQueue, about 1 in FailedInvocationsQueue")
    assert action.endswith("make redrive STACK=gaussdb-backup")
    assert checked.code == 3


def test_alarms_that_are_on_are_named(stack: StackInMoto, check: Check) -> None:
    boto3.client("cloudwatch").set_alarm_state(AlarmName=f"{NAME}-run-missing", StateValue="ALARM", StateReason="test")
    checked = check(stack)
    assert checked.result("alarms")[:2] == ("needs you", "in ALARM: gaussdb-backup-run-missing")
    assert checked.code == 3


# What AWS refuses


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("lambda", "get_function_configuration", "functions"),
        ("lambda", "get_event_source_mapping", "event source mappings"),
        ("lambda", "invoke", "dry run"),
        ("secretsmanager", "describe_secret", "secret"),
        ("scheduler", "get_schedule", "schedule"),
        ("sns", "get_paginator", "notifications"),
        ("sqs", "get_queue_attributes", "dead-letter queues"),
        ("cloudwatch", "get_paginator", "alarms"),
    ],
)
@pytest.mark.parametrize(
    ("code", "outcome", "exit_code"),
    [("AccessDeniedException", "not checked", 3), ("ThrottlingException", "not checked", 3)],
)
def test_what_aws_refuses_is_not_checked_and_the_others_go_on(
    stack: StackInMoto, check: Check, service: str, operation: str, name: str, code: str, outcome: str, exit_code: int
) -> None:
    stack.change(service, **{operation: refusal(code, operation)})
    checked = check(stack)
    found, detail, action = checked.result(name)
    assert (found, checked.code) == (outcome, exit_code)
    assert code in detail
    assert ("permission" in action) == (code == "AccessDeniedException")
    assert checked.result("alarms")[0] == ("not checked" if name == "alarms" else "ok")


def test_without_the_plan_of_the_schedule_nothing_is_invoked(stack: StackInMoto, check: Check) -> None:
    stack.change("scheduler", get_schedule=refusal("AccessDeniedException", "GetSchedule"))
    assert check(stack).result("dry run")[:2] == ("not checked", "it needs the plan of the schedule")
    assert stack.invoked == []


def test_a_secret_that_may_not_be_described_is_tried_by_the_function(stack: StackInMoto, check: Check) -> None:
    stack.change("secretsmanager", describe_secret=refusal("AccessDeniedException", "DescribeSecret"))
    checked = check(stack)
    assert checked.result("secret")[0] == "not checked"
    assert checked.result("dry run")[0] == "ok"


def test_a_resource_that_is_gone_has_failed(stack: StackInMoto, check: Check) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=stack.id_of("PlanDeadLetterQueue"))
    boto3.client("lambda").delete_function(FunctionName=f"{NAME}-create-backup")
    checked = check(stack)
    for name in ("functions", "dead-letter queues"):
        assert checked.result(name)[0] == "FAILED"
        assert "gone" in checked.result(name)[1]
    assert checked.code == 1


def test_a_service_that_does_not_respond_is_not_checked(stack: StackInMoto, check: Check) -> None:
    error = EndpointConnectionError(endpoint_url="https://sqs.test")
    stack.change("sqs", get_queue_attributes=error)
    assert check(stack).result("dead-letter queues")[0] == "not checked"


# The command


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda stack: stack.remove(DISPATCH_FUNCTION), "doctor: gaussdb-backup is no stack of this application"),
        (
            lambda stack: stack.change("cloudformation", describe_stacks=refusal("AccessDenied", "DescribeStacks")),
            "doctor: An error occurred (AccessDenied) when calling the DescribeStacks operation",
        ),
    ],
    ids=["another application", "denied"],
)
def test_a_stack_that_cannot_be_checked_is_one_line(
    stack: StackInMoto, prepare: Callable[[StackInMoto], None], expected: str
) -> None:
    prepare(stack)
    with pytest.raises(SystemExit, match="check") as raised:
        main(["--stack-name", NAME], client=stack.client)
    assert str(raised.value.code).startswith(expected)
    assert "\n" not in str(raised.value.code)


def test_a_stack_that_does_not_exist_is_one_line(stack: StackInMoto) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--stack-name", "absent"], client=stack.client)
    assert "Stack with id absent does not exist" in str(raised.value.code)
    assert str(raised.value.code).endswith(": check the stack's name, the region and your permissions.")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("AWS_DEFAULT_REGION", "no AWS region"), ("AWS_SECRET_ACCESS_KEY", "cannot be used: Partial credentials")],
)
def test_without_a_region_or_credentials_there_is_one_line(
    stack: StackInMoto, monkeypatch: pytest.MonkeyPatch, variable: str, expected: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(SystemExit, match=f"doctor: .*{expected}"):
        main(["--stack-name", NAME], client=stack.client)


def test_a_dry_run_is_awaited_as_long_as_a_function_may_take_and_never_repeated(deployment: Deployment) -> None:
    timeout = read_template(ROOT / "template.yaml")["Globals"]["Function"]["Timeout"]
    config = make_client(boto3.Session())("lambda").meta.config
    assert config.read_timeout > timeout
    assert config.retries["total_max_attempts"] == 1
    with pytest.raises(SystemExit, match="Stack with id absent does not exist"):
        main(["--stack-name", "absent"])


def test_without_a_name_it_is_the_stack_of_samconfig(stack: StackInMoto, capsys: pytest.CaptureFixture[str]) -> None:
    stack.status, stack.resources = "ROLLBACK_COMPLETE", []
    assert main([], client=stack.client) == 1
    assert capsys.readouterr().out.startswith("Stack gaussdb-backup in eu-central-1\n  FAILED       stack: ")


def test_arguments_of_the_deployment_are_unknown_without_a_deployment(stack: StackInMoto) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--regoin", "eu-central-1"], client=stack.client)
    assert raised.value.code == 2


def test_the_commands_have_the_region_and_the_profile_that_were_given(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    action = check(stack, "--region", "eu-central-1").result("schedule")[2]
    assert action.endswith('make deploy ARGS="--parameter-overrides ScheduleState=ENABLED --region eu-central-1"')


# What it knows of the template


def test_the_names_that_it_uses_are_those_of_the_template() -> None:
    types = template_resources()
    assert types[SCHEDULE] == types[AUDIT_SCHEDULE] == "AWS::Scheduler::Schedule"
    assert types[SCHEDULE_GROUP] == "AWS::Scheduler::ScheduleGroup"
    assert types[DISPATCH_FUNCTION] == "AWS::Serverless::Function"
    assert types[TOPIC] == "AWS::SNS::Topic"
    assert "SecretPrefix" in read_template(ROOT / "template.yaml")["Parameters"]


def test_dead_letter_queues_are_those_of_the_template_that_no_function_consumes() -> None:
    template, types = read_template(ROOT / "template.yaml"), template_resources()
    stack = DeployedStack(NAME, "CREATE_COMPLETE", {}, [Resource(name, kind, name) for name, kind in types.items()])
    functions = [each["Properties"] for each in template["Resources"].values() if "Function" in each["Type"]]
    events = [event["Properties"] for each in functions for event in each.get("Events", {}).values()]
    consumed = {str(event["Queue"]["Fn::GetAtt"][0]) for event in events if "Queue" in event}
    assert set(stack.dead_letter_queues) == set(stack.of_type("AWS::SQS::Queue")) - consumed


def test_a_stack_is_read_from_cloudformation_without_what_was_deleted(deployment: Deployment) -> None:
    client = boto3.client("cloudformation")
    body = {
        "Parameters": {"SecretPrefix": {"Type": "String"}},
        "Resources": {"PlanDeadLetterQueue": {"Type": "AWS::SQS::Queue"}, TOPIC: {"Type": "AWS::SNS::Topic"}},
    }
    parameters = [{"ParameterKey": "SecretPrefix", "ParameterValue": "x/"}]
    client.create_stack(StackName="own", TemplateBody=json.dumps(body), Parameters=parameters)
    stack = read_stack(client, "own")
    assert (stack.name, stack.status, stack.parameters) == ("own", "CREATE_COMPLETE", {"SecretPrefix": "x/"})
    assert list(stack.dead_letter_queues) == ["PlanDeadLetterQueue"]
    assert str(stack.id_of(TOPIC)).startswith("arn:aws:sns:")
    assert stack.id_of("Absent") is None


def test_a_resource_that_was_deleted_is_none_of_the_stack() -> None:
    summary = {"LogicalResourceId": "Old", "ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "url"}
    pages = [{"StackResourceSummaries": [{**summary, "ResourceStatus": "DELETE_COMPLETE"}]}]

    class Client:
        def get_paginator(self, _: str) -> Pages:
            return Pages(pages)

    assert list_resources(Client(), NAME) == []
