"""A stack that is missing, half-made, older or not allowed is one line that says what to do."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from gaussdb_backup_cli.aws import INVOCATION
from gaussdb_backup_cli.command import Dependencies
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.schedules import Kind, find_schedule, list_schedules
from gaussdb_backup_cli.stack import find_stack
from local.aws_emulator.stack import ROOT, read_template
from tests.helpers.command_line import NAME, StackUnderTest
from tests.helpers.stack_in_moto import refusal


def fail(stack: StackUnderTest, name: str = NAME) -> CommandFailed:
    with pytest.raises(CommandFailed) as caught:
        find_stack(stack.open_account(), name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_stack_is_found_by_its_name_with_its_outputs(stack: StackUnderTest) -> None:
    found = find_stack(stack.open_account(), NAME)
    assert found.output("ScheduleGroupName") == "gaussdb-backup"


def test_a_stack_that_does_not_exist(stack: StackUnderTest) -> None:
    failure = fail(stack, "other")
    assert (failure.code, failure.message) == ("no_stack", "there is no stack other in eu-central-1")


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        ("CREATE_IN_PROGRESS", "half_made", "not ready"),
        ("ROLLBACK_COMPLETE", "half_made", "was not created"),
        ("REVIEW_IN_PROGRESS", "half_made", "was not created"),
        ("DELETE_IN_PROGRESS", "half_made", "is deleted"),
        ("CREATE_COMPLETE", "other_stack", "no stack of gaussdb-backup"),
    ],
)
def test_a_stack_without_outputs(stack: StackUnderTest, status: str, code: str, word: str) -> None:
    stack.status, stack.outputs = status, {}
    failure = fail(stack)
    assert failure.code == code
    assert word in failure.message


def test_an_update_in_progress_does_not_stop_anybody(stack: StackUnderTest) -> None:
    stack.status = "UPDATE_IN_PROGRESS"
    assert find_stack(stack.open_account(), NAME).status == "UPDATE_IN_PROGRESS"


def test_an_output_of_a_later_version(stack: StackUnderTest) -> None:
    del stack.outputs["Version"], stack.outputs["PlanQueueArn"]
    with pytest.raises(CommandFailed, match="of an older version and has no output PlanQueueArn") as caught:
        find_stack(stack.open_account(), NAME).output("PlanQueueArn")
    assert caught.value.hint == "deploy version 0.1.0: make deploy STACK=gaussdb-backup"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refusal("AccessDenied", "DescribeStacks"), "not_allowed"),
        (refusal("ExpiredToken", "DescribeStacks"), "expired_credentials"),
        (refusal("InvalidClientTokenId", "DescribeStacks"), "refused_credentials"),
        (refusal("Throttling", "DescribeStacks"), "aws_error"),
        (NoCredentialsError(), "no_credentials"),
        (EndpointConnectionError(endpoint_url="https://cloudformation"), "no_connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_aws_refuses(stack: StackUnderTest, error: Exception, code: str) -> None:
    stack.change("cloudformation", describe_stacks=_raise(error))
    assert fail(stack).code == code


def _raise(error: Exception) -> object:
    def call(**_: object) -> None:
        raise error

    return call


def test_a_local_stack_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUSSDB_BACKUP_LOCAL_ENDPOINT", "http://127.0.0.1:9")
    account = Dependencies().open_account(profile=None, region=None, local=True)
    with pytest.raises(CommandFailed, match="no local stack answers") as caught:
        find_stack(account, NAME)
    assert "make local-stack" in caught.value.hint


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "no_region"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "no_credentials"),
        ({"AWS_PROFILE": "nobody"}, "no_profile"),
    ],
)
def test_an_account_that_is_not_configured(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], code: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandFailed) as caught:
        Dependencies().open_account(profile=None, region=None, local=False)
    assert (caught.value.code, caught.value.exit_code) == (code, Exit.FAILED)


def test_the_schedules_of_the_group_are_known_by_their_targets(stack: StackUnderTest) -> None:
    stack.put_schedule("other", "no JSON", target="arn:aws:lambda:eu-central-1:123456789012:function:other")
    found = find_stack(stack.open_account(), NAME)
    kinds = {each.name: (each.kind, each.plan) for each in list_schedules(found)}
    assert kinds == {
        "gaussdb-backup-nightly": (Kind.BACKUP, "nightly"),
        "gaussdb-backup-audit": (Kind.AUDIT, "nightly"),
        "gaussdb-backup-prune": (Kind.PRUNE, "nightly"),
        "other": (None, "other"),
    }


def test_a_plan_is_found_by_its_label_or_the_name_of_its_schedule(stack: StackUnderTest) -> None:
    found = find_stack(stack.open_account(), NAME)
    by_label, by_name = (find_schedule(found, name, Kind.AUDIT) for name in ("nightly", "gaussdb-backup-audit"))
    assert by_label.name == by_name.name == "gaussdb-backup-audit"
    with pytest.raises(CommandFailed, match="no prune schedule of a plan weekly") as caught:
        find_schedule(found, "weekly", Kind.PRUNE)
    assert (caught.value.hint, caught.value.exit_code) == ("there are: nightly", Exit.USAGE)


def test_the_timeout_of_an_invocation_is_longer_than_that_of_any_function() -> None:
    resources = read_template(ROOT / "template.yaml")["Resources"].values()
    timeouts = [each["Properties"]["Timeout"] for each in resources if "Timeout" in each.get("Properties", {})]
    options: Any = INVOCATION
    assert options.read_timeout > max(timeouts) == 900
