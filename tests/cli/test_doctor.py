"""`gaussdb-backup doctor`: what is checked of a deployed stack, what is reported about it, and what to do."""

import json
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner

import gaussdb_backup
from gaussdb_backup_cli.aws import Account
from gaussdb_backup_cli.checks.function_checks import RUNTIME
from gaussdb_backup_cli.checks.resources import (
    AUDIT_SCHEDULE,
    DISPATCH_FUNCTION,
    PRUNE_SCHEDULE,
    SCHEDULE,
    TOPIC,
    Resource,
    Resources,
    list_resources,
)
from gaussdb_backup_cli.checks.results import Outcome, Result
from gaussdb_backup_cli.checks.text import render_results
from gaussdb_backup_cli.command import Dependencies
from gaussdb_backup_cli.main import main
from local import gaussdb_emulator
from local.aws_emulator.stack import ROOT, read_template
from tests.helpers.command_line import Ran, hold_to_golden
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import ORDERS
from tests.helpers.stack_in_moto import (
    AUDITS,
    NAME,
    PLAN,
    PLANS,
    PRUNES,
    ROLE,
    StackInMoto,
    make_stack,
    put_schedule,
    refusal,
    template_resources,
)

ALL_SELECTED = (
    "the secret is readable and its credentials work; instances selected: 3 (3 to back up, 0 skipped, 0 rejected)"
)
RUNS = "cron(30 3 * * ? *) in Europe/Berlin"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NONE_SUBSCRIBED = "the topic has no subscription"
SUBSCRIBE = 'make deploy ARGS="--parameter-overrides NotificationEmail=ops@example.com"'
CONFIRM = "confirm it with the link of the e-mail from AWS"
DISPATCH = f"arn:aws:lambda:eu-central-1:123456789012:function:{NAME}-dispatch-backups:live"


@pytest.fixture
def stack(deployment: Deployment) -> StackInMoto:
    return make_stack(lambda event: deployment.invoke("dispatch_backups", event))


class Checked:
    """The exit code of the checks, and their results."""

    def __init__(self, code: int, checks: list[dict[str, Any]]) -> None:
        self.code = code
        self.checks = checks

    def result(self, name: str) -> tuple[str, str, str]:
        """The outcome of a check, its detail, and what to do."""
        [found] = [each for each in self.checks if each["name"] == name]
        return found["outcome"], found["detail"], found["action"] or ""


def run(stack: StackInMoto, *arguments: str, width: int = 120) -> Ran:
    """Run the command line on the stack."""
    outside = sys.stdout
    invoke = stack.invoke

    def invoke_outside(event: Any) -> Any:
        with redirect_stdout(outside):
            return invoke(event)

    stack.invoke = invoke_outside
    account = Account("eu-central-1", stack.client)
    dependencies = Dependencies(open_account=lambda **_: account, now=lambda: stack.now or datetime.now(UTC))
    done = CliRunner().invoke(main, ["doctor", *arguments], obj=dependencies, env={"COLUMNS": str(width)})
    stack.invoke = invoke
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


type Check = Callable[..., Checked]


@pytest.fixture
def check(deployment: Deployment) -> Check:
    """Check the stack, with these arguments besides."""

    def check(stack: StackInMoto, *arguments: str) -> Checked:
        ran = run(stack, *arguments, "--json")
        deployment.emitted.append(ran.stdout)
        return Checked(ran.code, ran.result["checks"])

    return check


def test_all_is_well(stack: StackInMoto) -> None:
    stack.now = NOW
    ran = run(stack, width=200)
    assert ran.code == 0, ran.stdout
    lines = ran.stdout.splitlines()
    api, clock = lines.pop(9), lines.pop(9)
    assert re.fullmatch(r"  API \.{25} OK           v3 answered in \d+ ms", api)
    assert re.fullmatch(r"  clock against the API \.{7} OK           it is [\d.]+ s \w+ \(limit 15 min\)", clock)
    when = "next 2026-11-25 03:30 CET"
    assert lines == [
        "stack gaussdb-backup (eu-central-1)",
        "  stack ....................... OK           CREATE_COMPLETE",
        f"  version ..................... OK           {gaussdb_backup.__version__}",
        "  functions ................... OK           2 active, 2 of them by the alias live",
        "  runtime ..................... OK           python3.13 on x86_64, 0 layers",
        "  event source mappings ....... OK           2 enabled",
        "  concurrency ................. OK           1,000 unreserved, of 1,000 of the account",
        "  secret ...................... OK           gaussdb-backup/default",
        f"  dry run ..................... OK           {ALL_SELECTED}",
        f"  schedule .................... OK           {when}: gaussdb-backup-nightly: {RUNS}",
        f"  audit ....................... OK           {when}: gaussdb-backup-audit: {RUNS}",
        "  notifications ............... OK           1 confirmed, 0 pending",
        "  queues ...................... OK           PlanQueue empty; BackupQueue empty",
        "  dead-letter queues .......... OK           3 empty",
        "  alarms ...................... OK           none of 2 in ALARM",
        "All 16 checks are well.",
    ]
    assert ran.stderr == "checking the stack gaussdb-backup, which may take a minute\n"


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
    assert len(checked.checks) == 1


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
    detail = "the input of gaussdb-backup-nightly is no JSON object, or an empty one"
    assert checked.result("dry run")[:2] == ("FAILED", detail)
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
    checked = check(stack, "--after-deploy")
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
    expected = "about 1 in BackupDeadLetterQueue, about 1 in FailedInvocationsQueue, the oldest 0 min old"
    assert (outcome, detail) == ("needs you", expected)
    assert action.endswith("then: gaussdb-backup redrive")
    assert checked.code == 3


def test_alarms_that_are_on_are_named(stack: StackInMoto, check: Check) -> None:
    boto3.client("cloudwatch").set_alarm_state(AlarmName=f"{NAME}-run-missing", StateValue="ALARM", StateReason="test")
    checked = check(stack)
    assert checked.result("alarms")[:2] == ("needs you", "in ALARM: gaussdb-backup-run-missing")
    assert checked.code == 3


def test_alarms_without_data_are_counted_and_well(stack: StackInMoto, check: Check) -> None:
    state: Any = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "test"}
    boto3.client("cloudwatch").set_alarm_state(AlarmName=f"{NAME}-run-missing", **state)
    assert check(stack).result("alarms")[:2] == ("ok", "none of 2 in ALARM, 1 without data")


# Versions, clocks, limits


@pytest.mark.parametrize("version", [None, "9.9.9"], ids=["none", "another"])
def test_a_stack_of_another_version_needs_you(stack: StackInMoto, check: Check, version: str | None) -> None:
    stack.outputs.pop("Version")
    stack.outputs |= {"Version": version} if version else {}
    checked = check(stack)
    assert checked.result("version") == (
        "needs you",
        f"the stack is of {version or 'an older version'}, this command line of {gaussdb_backup.__version__}",
        "make deploy, or install the other one",
    )
    assert checked.code == 3


@pytest.mark.parametrize(
    ("seconds", "outcome", "detail"),
    [
        (0, "ok", "it is 0 s ahead (limit 15 min)"),
        (-1.2, "ok", "it is 1.2 s behind (limit 15 min)"),
        (299, "ok", "it is 299 s ahead (limit 15 min)"),
        (-300, "needs you", "it is 300 s behind (limit 15 min)"),
        (None, "ok", "its responses have no time"),
    ],
)
def test_the_clock_of_the_api_is_compared(
    stack: StackInMoto, check: Check, seconds: float | None, outcome: str, detail: str
) -> None:
    api = {"path": "v3", "clock_skew_seconds": seconds, "milliseconds": 1200}
    stack.invoke = lambda _: {"queued": [{}], "api": api}
    checked = check(stack)
    assert checked.result("clock against the API")[:2] == (outcome, detail)
    assert checked.result("API")[:2] == ("ok", "v3 answered in 1,200 ms")


def test_a_function_that_does_not_report_the_clock_is_not_checked_for_it(stack: StackInMoto, check: Check) -> None:
    stack.invoke = lambda _: {"queued": [{}]}
    assert check(stack).result("clock against the API")[0] == "not checked"


@pytest.mark.parametrize("answer", [None, [], "text"], ids=str)
def test_a_function_that_returns_no_object_has_failed(stack: StackInMoto, check: Check, answer: Any) -> None:
    stack.invoke = lambda _: answer
    assert check(stack).result("dry run")[0] == "FAILED"


def test_a_function_of_another_runtime_than_its_layers_has_failed(stack: StackInMoto, check: Check) -> None:
    states = {"FunctionName": "f", "State": "Active", "Runtime": "python3.12"}
    stack.change("lambda", get_function_configuration=lambda **_: states)
    checked = check(stack)
    outcome, detail, action = checked.result("runtime")
    assert (outcome, detail) == ("FAILED", "the layers are built for python3.13, but f has python3.12")
    assert (action, checked.code) == ("make deploy", 1)


def test_the_runtime_is_that_of_the_template() -> None:
    settings = read_template(ROOT / "template.yaml")["Globals"]["Function"]
    assert settings["Runtime"] == RUNTIME


@pytest.mark.parametrize(("left", "outcome"), [(10, "ok"), (9, "needs you"), (0, "needs you")])
def test_an_account_without_concurrency_needs_you(stack: StackInMoto, check: Check, left: int, outcome: str) -> None:
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": left}
    stack.change("lambda", get_account_settings=lambda: {"AccountLimit": limits})
    found, detail, action = check(stack).result("concurrency")
    assert (found, detail) == (outcome, f"{left} unreserved, of 1,000 of the account")
    assert bool(action) == (outcome != "ok")


# The other schedules of the group


def put_other(**fields: Any) -> None:
    boto3.client("scheduler").create_schedule(
        GroupName=NAME,
        FlexibleTimeWindow={"Mode": "OFF"},
        **{
            "Name": "weekly.backup",
            "ScheduleExpression": "cron(0 4 ? * SUN *)",
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "Target": {"Arn": PLANS, "RoleArn": ROLE, "Input": '{"schedule": "weekly"}'},
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("fields", "outcome", "detail"),
    [
        ({}, "ok", "next 2026-11-29 04:00 CET: weekly.backup: cron(0 4 ? * SUN *) in Europe/Berlin"),
        ({"State": "DISABLED"}, "ok", "disabled: weekly.backup: "),
        (
            {"Target": {"Arn": "arn:aws:sqs:eu-central-1:123456789012:o", "RoleArn": ROLE, "Input": "{}"}},
            "needs you",
            "its target is none of this stack's: arn:aws:sqs:eu-central-1:123456789012:o",
        ),
        ({"Target": {"Arn": PLANS, "RoleArn": ROLE, "Input": "no"}}, "FAILED", "its input is no JSON object"),
        ({"ScheduleExpression": "at(2026-01-01T00:00:00)"}, "needs you", "it never runs again: "),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "needs you", "when it runs is not known: "),
        ({"ScheduleExpression": "cron(odd)"}, "needs you", "when it runs is not known: "),
    ],
    ids=["runs", "disabled", "other target", "no payload", "over", "no such zone", "no expression"],
)
def test_every_other_schedule_is_checked(
    stack: StackInMoto, check: Check, fields: dict[str, Any], outcome: str, detail: str
) -> None:
    stack.now = NOW
    put_other(**fields)
    found, text, _ = check(stack).result("schedule weekly.backup")
    assert found == outcome
    assert text.startswith(detail)


def test_the_prune_of_the_stack_is_named_so(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-prune", target=PRUNES)
    stack.resources.append(Resource("PruneSchedule", "AWS::Scheduler::Schedule", f"{NAME}-prune"))
    assert check(stack).result("prune")[0] == "ok"


def test_a_schedule_of_the_stack_that_is_gone_has_failed(stack: StackInMoto, check: Check) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=NAME, Name=f"{NAME}-nightly")
    checked = check(stack)
    assert checked.result("dry run")[:2] == ("FAILED", "the plan of the stack's own schedule is gone")
    assert stack.invoked == []


# Queues


def test_what_waits_is_counted(stack: StackInMoto, check: Check) -> None:
    full, url = ("1", "2", "3"), stack.id_of("BackupQueue")

    def count(*, QueueUrl: str, AttributeNames: list[str]) -> Any:
        numbers = full if QueueUrl == url else ("0", "0", "0")
        return {"Attributes": dict(zip(AttributeNames, numbers, strict=True))}

    stack.change("sqs", get_queue_attributes=count, receive_message=AssertionError("it is being worked on"))
    detail = "PlanQueue empty; BackupQueue 1 waiting, 3 delayed, 2 received"
    assert check(stack).result("queues")[:2] == ("ok", detail)


def test_dead_letters_have_an_age_and_are_visible_again(stack: StackInMoto, check: Check) -> None:
    url = stack.id_of("PlanDeadLetterQueue")
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="body")
    stack.now = datetime.now(UTC) + timedelta(hours=6, minutes=1)
    for _ in range(2):
        assert check(stack).result("dead-letter queues")[1] == "about 1 in PlanDeadLetterQueue, the oldest 6 h old"


def test_dead_letters_that_may_not_be_received_are_counted(stack: StackInMoto, check: Check) -> None:
    boto3.client("sqs").send_message(QueueUrl=stack.id_of("PlanDeadLetterQueue"), MessageBody="body")

    def refuse(**_: Any) -> Any:
        raise refusal("AccessDenied", "ReceiveMessage")

    stack.change("sqs", receive_message=refuse)
    assert check(stack).result("dead-letter queues")[1] == "about 1 in PlanDeadLetterQueue"


# What AWS refuses


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("lambda", "get_function_configuration", "functions"),
        ("lambda", "get_event_source_mapping", "event source mappings"),
        ("lambda", "get_account_settings", "concurrency"),
        ("lambda", "invoke", "dry run"),
        ("secretsmanager", "describe_secret", "secret"),
        ("scheduler", "get_schedule", "schedule"),
        ("sns", "get_paginator", "notifications"),
        ("sqs", "get_queue_attributes", "queues"),
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
    assert check(stack).result("dry run")[:2] == ("not checked", "it needs the plan of the stack's own schedule")
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


def test_of_another_application_nothing_is_checked(stack: StackInMoto) -> None:
    stack.remove(DISPATCH_FUNCTION)
    ran = run(stack, "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (1, "", "other_stack")
    assert ran.error["message"] == "gaussdb-backup is no stack of gaussdb-backup"


@pytest.mark.parametrize("operation", ["describe_stacks", "get_paginator"])
def test_a_stack_that_may_not_be_described_is_one_line(stack: StackInMoto, operation: str) -> None:
    stack.change("cloudformation", **{operation: refusal("AccessDenied", operation)})
    ran = run(stack)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("gaussdb-backup: An error occurred (AccessDenied)")
    assert len(ran.stderr.splitlines()) == 2


def test_a_stack_that_does_not_exist_is_one_line(stack: StackInMoto) -> None:
    ran = run(stack, "--stack", "absent")
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("gaussdb-backup: there is no stack absent in eu-central-1\n  → ")


def test_arguments_of_a_deployment_are_unknown_to_it(stack: StackInMoto) -> None:
    assert run(stack, "--parameter-overrides", "A=b").code == 2


def test_the_commands_have_the_region_and_the_profile_that_were_given(stack: StackInMoto, check: Check) -> None:
    put_schedule(f"{NAME}-nightly", state="DISABLED")
    boto3.client("secretsmanager").delete_secret(SecretId="gaussdb-backup/default")
    checked = check(stack, "--region", "eu-central-1", "--profile", "ops")
    options = "--region eu-central-1 --profile ops"
    action = checked.result("schedule")[2]
    assert action.endswith(f'make deploy ARGS="--parameter-overrides ScheduleState=ENABLED {options}"')
    assert checked.result("secret")[2].endswith(options)
    assert checked.result("dry run")[2] == "then: gaussdb-backup doctor --profile ops --region eu-central-1"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_text_fits_the_terminal_but_for_commands_and_no_text_steers_it(width: int) -> None:
    results = [
        Result("a name that is as long as it is for a schedule", Outcome.FAILED, "word " * 40, "make deploy " * 10),
        Result("x", Outcome.OK, "a\x1b[2J\nb"),
        Result("y", Outcome.NEEDS_YOU, ""),
    ]
    lines = render_results(results, stack="s", region="r", width=width).splitlines()
    assert all(len(line) <= width or "→" in line for line in lines)
    assert sum(line.count("word") for line in lines) == 40
    assert sum("→" in line for line in lines) == 1
    assert any("a�[2J�b" in line for line in lines)
    assert lines[-1] == "1 FAILED, 1 needs you of 3 checks"


def test_the_json_form(stack: StackInMoto) -> None:
    stack.now = NOW
    answer = {"queued": [{}], "api": {"path": "v3", "clock_skew_seconds": 1.2, "milliseconds": 96}}
    stack.invoke = lambda _: answer
    put_schedule(f"{NAME}-audit", state="DISABLED", target=AUDITS)
    ran = run(stack, "--json")
    assert ran.code == 3
    hold_to_golden(ran, "doctor")


# What it knows of the template


def test_the_names_that_it_uses_are_those_of_the_template() -> None:
    types = template_resources()
    assert types[SCHEDULE] == types[AUDIT_SCHEDULE] == types[PRUNE_SCHEDULE] == "AWS::Scheduler::Schedule"
    assert types[DISPATCH_FUNCTION] == "AWS::Serverless::Function"
    assert types[TOPIC] == "AWS::SNS::Topic"
    assert "SecretPrefix" in read_template(ROOT / "template.yaml")["Parameters"]


def test_dead_letter_queues_are_those_of_the_template_that_no_function_consumes() -> None:
    template, types = read_template(ROOT / "template.yaml"), template_resources()
    resources = Resources([Resource(name, kind, name) for name, kind in types.items()])
    functions = [each["Properties"] for each in template["Resources"].values() if "Function" in each["Type"]]
    events = [event["Properties"] for each in functions for event in each.get("Events", {}).values()]
    consumed = {str(event["Queue"]["Fn::GetAtt"][0]) for event in events if "Queue" in event}
    assert set(resources.dead_letter_queues) == set(resources.of_type("AWS::SQS::Queue")) - consumed


def test_the_resources_are_read_from_cloudformation(deployment: Deployment) -> None:
    client = boto3.client("cloudformation")
    body = {"Resources": {"PlanDeadLetterQueue": {"Type": "AWS::SQS::Queue"}, TOPIC: {"Type": "AWS::SNS::Topic"}}}
    client.create_stack(StackName="own", TemplateBody=json.dumps(body))
    resources = list_resources(client, "own")
    assert list(resources.dead_letter_queues) == ["PlanDeadLetterQueue"]
    assert str(resources.id_of(TOPIC)).startswith("arn:aws:sns:")
    assert resources.id_of("Absent") is None


def test_a_resource_that_was_deleted_is_none_of_the_stack() -> None:
    summary = {"LogicalResourceId": "Old", "ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "url"}
    pages = [{"StackResourceSummaries": [{**summary, "ResourceStatus": "DELETE_COMPLETE"}]}]

    class Client:
        def get_paginator(self, _: str) -> Pages:
            return Pages(pages)

    assert list_resources(Client(), NAME).all == []
