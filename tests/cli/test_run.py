"""`gaussdb-backup run`: a run now, which is the same run when it is repeated."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import EndpointConnectionError

from gaussdb_backup_cli.failure import Exit
from local.gaussdb_emulator import Effect, Fault
from tests.helpers.command_line import PLAN, StackUnderTest, hold_to_golden
from tests.helpers.gaussdb import ORDERS
from tests.helpers.stack_in_moto import refusal


def backups(stack: StackUnderTest) -> list[str]:
    return sorted(backup.name for backup in stack.deployment.cloud.backups())


def move(stack: StackUnderTest, *, per_second: float = 1.0) -> None:
    """Let the messages be delivered, and time pass, while the command waits."""
    begin, moved = datetime.now(UTC), [timedelta()]

    def sleep(seconds: float) -> None:
        stack.deliver()
        moved[0] += timedelta(seconds=seconds)
        stack.deployment.cloud.advance(timedelta(seconds=seconds * per_second))

    stack.sleep = sleep
    stack.now = lambda: begin + moved[0]


def test_a_plan_is_run_now(stack: StackUnderTest) -> None:
    ran = stack.run("run", "nightly")
    assert ran.code == Exit.WELL
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("nightly  20")
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["queued", "orders"],
        ["queued", "stock"],
        ["queued", "billing"],
    ]
    assert lines[-1] == "3 queued"
    stack.deliver()
    assert len(backups(stack)) == 3


def fail_after(stack: StackUnderTest, calls: int, error: Exception, *, times: int = 1) -> None:
    """Have the invocations after so many calls fail."""
    invoke, made = stack.client("lambda").invoke, [0]

    def fail(**arguments: Any) -> Any:
        made[0] += 1
        if calls < made[0] <= calls + times:
            raise error
        return invoke(**arguments)

    stack.change("lambda", invoke=fail)


def test_the_time_of_the_run_is_written_before_anything_is_requested(stack: StackUnderTest) -> None:
    fail_after(stack, 1, refusal("ServiceException", "Invoke"))
    ran = stack.run("run", "gaussdb-backup-nightly")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert "--scheduled-time 20" in ran.stderr
    assert ran.stderr.splitlines()[0].endswith(": the same run, nothing is made twice")


@pytest.mark.parametrize(
    "error",
    [refusal("TooManyRequestsException", "Invoke"), EndpointConnectionError(endpoint_url="https://lambda")],
    ids=lambda error: type(error).__name__,
)
def test_waiting_goes_on_where_an_invocation_fails_for_now(stack: StackUnderTest, error: Exception) -> None:
    move(stack)
    fail_after(stack, 3, error, times=2)
    ran = stack.run("run", "orders", "--wait")
    assert ran.code == Exit.WELL
    assert ran.stderr.count("the list failed, and is read again") == 2


def test_waiting_goes_on_where_the_api_is_away(stack: StackUnderTest) -> None:
    move(stack)
    stack.deployment.cloud.add_fault(Fault(operation="list", status=429, after=1, times=9))
    ran = stack.run("run", "orders", "--wait")
    assert ran.code == Exit.WELL
    assert "the list failed, and is read again" in ran.stderr


def test_waiting_ends_where_the_list_is_refused(stack: StackUnderTest) -> None:
    move(stack)
    fail_after(stack, 3, refusal("ExpiredTokenException", "Invoke"))
    ran = stack.run("run", "orders", "--wait", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.FAILED, "", "expired_credentials")
    assert "--scheduled-time" in ran.stderr


def test_a_run_that_is_repeated_makes_nothing_twice(stack: StackUnderTest) -> None:
    time = stack.run("run", "nightly", "--json").result["scheduled_time"]
    stack.deliver()
    made = backups(stack)
    ran = stack.run("run", "nightly", "--scheduled-time", time)
    stack.deliver()
    assert ran.code == Exit.WELL
    assert backups(stack) == made


@pytest.mark.parametrize("given", ["orders", "ord", ORDERS, ORDERS[:31]], ids=["name", "beginning", "id", "of the id"])
def test_one_instance_is_backed_up(stack: StackUnderTest, given: str) -> None:
    ran = stack.run("run", given, "--description", "before the upgrade", "--json")
    assert ran.code == Exit.WELL
    assert [request["action"] for request in ran.result["requests"]] == ["created"]
    [made] = stack.deployment.cloud.backups(ORDERS)
    assert (made.name, made.description) == (ran.result["requests"][0]["backup_name"], "before the upgrade")


def test_a_backup_of_an_instance_that_was_made_already_is_the_same(stack: StackUnderTest) -> None:
    time = stack.run("run", "orders", "--json").result["scheduled_time"]
    stack.deployment.delete_state()
    ran = stack.run("run", "orders", "--scheduled-time", time)
    assert "(already made: the same backup)" in ran.stdout
    assert len(backups(stack)) == 1


def test_a_template_that_is_given_has_times_of_the_plans_zone(stack: StackUnderTest) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    time = now.isoformat()
    template = "upgrade-{scheduled_time:%H%M%S}"
    ran = stack.run("run", "orders", "--scheduled-time", time, "--name-template", template, "--json")
    name = f"upgrade-{now.astimezone(ZoneInfo('Europe/Berlin')):%H%M%S}"
    assert ran.result["requests"][0]["backup_name"] == name
    assert ran.result["connection"] == "default"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["nobody"], "no_instance", "nobody"),
        (["orders", "--scheduled-time", "soon"], "bad_time", "soon is no time"),
        (["nightly", "--connection", "other"], "plan_has_connection", "its own connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_typed_wrongly(stack: StackUnderTest, arguments: list[str], code: str, word: str) -> None:
    ran = stack.run("run", *arguments, "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.USAGE, "", code)
    assert word in ran.error["message"]
    assert backups(stack) == []


def test_a_beginning_of_several_names_is_refused_with_these(stack: StackUnderTest) -> None:
    stack.deployment.cloud.change_instance(ORDERS, name="stock-old")
    ran = stack.run("run", "sto")
    assert ran.code == Exit.USAGE
    assert "name one: stock (übung), stock-old" in ran.stderr


def test_a_plan_called_as_an_instance_is_run_with_a_note(stack: StackUnderTest) -> None:
    stack.deployment.cloud.change_instance(ORDERS, name="nightly")
    ran = stack.run("run", "nightly")
    assert ran.code == Exit.WELL
    assert "note: nightly is a plan and an instance" in ran.stderr
    assert "3 queued" in ran.stdout


def test_an_instance_that_is_not_backed_up_needs_a_person(stack: StackUnderTest) -> None:
    gone = f"{0xEE:032x}in07"
    stack.put_schedule("other", {**PLAN, "schedule": "other", "select": {"instance_ids": [gone, ORDERS]}})
    ran = stack.run("run", "other")
    assert ran.code == Exit.NEEDS_YOU
    assert ran.stdout.splitlines()[1].split() == [
        "rejected",
        gone,
        *["the", "project", "has", "no", "such", "instance"],
    ]
    assert ran.stdout.splitlines()[-1] == "1 queued, 1 rejected"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({**PLAN, "schedule": "none", "select": {"name_pattern": "x*"}}, "the plan selects no instance"),
        ({**PLAN, "schedule": "none", "dry_run": True}, "the plan has dry_run: nothing was requested"),
    ],
    ids=["it selects nothing", "it is a dry run"],
)
def test_a_plan_by_which_nothing_is_backed_up(stack: StackUnderTest, payload: dict[str, object], text: str) -> None:
    stack.put_schedule("none", payload)
    ran = stack.run("run", "none", "--wait")
    assert ran.code == Exit.NEEDS_YOU
    assert text in ran.stdout
    stack.deliver()
    assert backups(stack) == []


def test_a_busy_instance_is_tried_again_by_the_same_run(stack: StackUnderTest) -> None:
    stack.run("run", "orders")
    ran = stack.run("run", "orders", "--json", "--scheduled-time", "2026-11-30T01:30:00Z")
    if ran.code == Exit.WELL:
        pytest.fail("the emulated instance is not busy")
    assert ran.code == Exit.FAILED
    assert "--scheduled-time 2026-11-30T01:30:00Z" in ran.error["hint"]


def test_waiting_ends_with_the_last_backup(stack: StackUnderTest) -> None:
    move(stack)
    ran = stack.run("run", "nightly", "--wait")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines()[-1] == "3 instances: 3 ok"
    changes = [line.split("  ")[1:3] for line in ran.stderr.splitlines()[1:]]
    assert ["running", "orders"] in changes
    assert changes.count(["ok", "orders"]) == 1


def test_waiting_for_a_backup_that_fails_needs_a_person(stack: StackUnderTest) -> None:
    move(stack)
    stack.deployment.cloud.add_fault(Fault(effect=Effect.END_AS, operation="create", instance_id=ORDERS))
    ran = stack.run("run", "nightly", "--wait")
    assert ran.code == Exit.NEEDS_YOU
    assert ran.stdout.splitlines()[1].split()[:2] == ["FAILED", "orders"]
    assert ran.stdout.splitlines()[-1] == "3 instances: 1 FAILED, 2 ok"


def test_waiting_ends_at_the_timeout(stack: StackUnderTest) -> None:
    move(stack, per_second=0)
    ran = stack.run("run", "orders", "--wait", "--timeout", "2")
    assert ran.code == Exit.NEEDS_YOU
    assert ran.stdout.splitlines()[-1] == "1 instance: 1 running"


def test_ctrl_c_ends_the_waiting_and_not_the_run(stack: StackUnderTest) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    stack.sleep = interrupt
    ran = stack.run("run", "nightly", "--wait")
    assert (ran.code, ran.stdout) == (130, "")
    assert "the run goes on" in ran.stderr
    stack.deliver()
    assert len(backups(stack)) == 3


def test_the_name_of_an_instance_cannot_write_to_the_terminal(stack: StackUnderTest) -> None:
    stack.deployment.cloud.change_instance(ORDERS, name="\x1b]0;owned\x07orders\n")
    ran = stack.run("run", "nightly")
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "�]0;owned�orders�" in ran.stdout


def test_names_are_whole_in_a_narrow_terminal(stack: StackUnderTest) -> None:
    name = "orders-" + "x" * 50
    stack.deployment.cloud.change_instance(ORDERS, name=name)
    ran = stack.run("run", "nightly", width=60)
    assert name in ran.stdout


def test_a_function_that_fails(stack: StackUnderTest) -> None:
    stack.deployment.put_secret(access_key="UNKNOWN", secret_key="hush-hush-other")
    ran = stack.run("run", "nightly", "--json")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert (ran.error["code"], ran.error["hint"][:18]) == ("CredentialsRefused", "correct the secret")


@pytest.mark.parametrize(
    ("service", "operation"),
    [("scheduler", "get_paginator"), ("scheduler", "get_schedule"), ("lambda", "invoke")],
)
def test_what_aws_refuses(stack: StackUnderTest, service: str, operation: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    error = refusal("AccessDeniedException", operation)
    stack.change(service, **{operation: refuse})
    ran = stack.run("run", "nightly", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.FAILED, "", "not_allowed")


def test_the_json_form_is_stable(stack: StackUnderTest) -> None:
    move(stack)
    time = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="seconds")
    options = ("--name-template", "by-hand", "--scheduled-time", time, "--wait", "--json")
    hold_to_golden(stack.run("run", "orders", *options), "run")
