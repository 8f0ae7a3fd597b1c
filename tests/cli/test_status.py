"""`gaussdb-backup status`: the last run of each plan, what else was made, and what waits."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup_cli.failure import Exit
from tests.helpers.command_line import AUDIT, GROUP, NAME, PLAN, Ran, StackUnderTest, hold_to_golden
from tests.helpers.gaussdb import BILLING, ORDERS
from tests.helpers.past_runs import add_run, change_schedule, name_of, run_daily
from tests.helpers.stack_in_moto import refusal

REFUSED = refusal("AccessDenied", "any")


def refuse(*_: Any, **__: Any) -> Any:
    raise REFUSED


def states(ran: Ran) -> dict[str, str]:
    """The state of each instance in the only plan."""
    [plan] = ran.result["plans"]
    return {one["instance_name"]: one["state"] for one in plan["instances"]}


def first_words(ran: Ran) -> list[str]:
    return [line.split()[0] for line in ran.stdout.splitlines() if not line.startswith(" ")]


def put_alarm(name: str, state: str = "ALARM") -> None:
    client = boto3.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name, Namespace="GaussDBBackup", MetricName="BackupFailed", Statistic="Sum", Period=300,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="1 datapoint")


def test_a_run_that_went_well_is_one_line(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, seconds=120, size_mb=2048)
    ran = stack.run("status")
    assert ran.code == Exit.WELL
    first = ran.stdout.splitlines()[0]
    assert first.startswith("ok  3 instances  nightly ")
    assert first.endswith("longest 2 min, 6.0 GB")
    assert "(6 h ago)" in first
    assert ran.stdout.splitlines()[-1] == "nothing needs you"


@pytest.mark.parametrize(
    ("fields", "state", "code"),
    [
        ({"status": "FAILED"}, "FAILED", Exit.NEEDS_YOU),
        ({"status": None, "hours": 7}, "OVERDUE", Exit.NEEDS_YOU),
        ({"status": None, "hours": 2}, "running", Exit.WELL),
        ({"status": "COMPLETED"}, "ok", Exit.WELL),
        ({"hours": 6}, "MISSING", Exit.NEEDS_YOU),
        ({"hours": 2}, "waiting", Exit.WELL),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_of_an_instance(stack: StackUnderTest, fields: dict[str, Any], state: str, code: Exit) -> None:
    run = run_daily(stack, hours_ago=fields.get("hours", 5))
    add_run(stack, run, "stock---bung-", "billing")
    if "status" in fields:
        add_run(stack, run, "orders", status=fields["status"])
    ran = stack.run("status", "--json")
    assert states(ran) == {"orders": state, "stock (übung)": "ok", "billing": "ok"}
    assert (ran.code, ran.result["needs_you"]) == (code, code == Exit.NEEDS_YOU)
    assert first_words(stack.run("status"))[0] == ("ok" if state == "ok" else state)


def test_the_limits_are_those_of_the_stack(stack: StackUnderTest) -> None:
    stack.parameters |= {"TrackDeadlineSeconds": "3600", "StartWindowSeconds": "600"}
    run = run_daily(stack, hours_ago=2)
    add_run(stack, run, "orders", status=None)
    assert states(stack.run("status", "--json")) == {
        "orders": "OVERDUE",
        "billing": "MISSING",
        "stock (übung)": "MISSING",
    }
    assert "(deadline 1 h 0 min)" in stack.run("status").stdout


def test_a_failed_backup_with_a_later_good_one_needs_nobody(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, "orders", status="FAILED")
    add_run(stack, run, "stock---bung-", "billing")
    add_run(stack, run, "orders", name="by-hand", begin_time=run + timedelta(hours=2))
    ran = stack.run("status", "--json")
    assert (ran.code, states(ran)["orders"]) == (Exit.WELL, "made up")


def test_what_failed_is_shown_before_what_is_well(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, "billing")
    add_run(stack, run, "orders", status="FAILED")
    assert first_words(stack.run("status"))[:3] == ["FAILED", "MISSING", "ok"]


def test_only_what_failed(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, "orders", "billing")
    assert first_words(stack.run("status", "--failed")) == ["MISSING", "0", "needs"]


def test_an_instance_that_is_frozen_needs_nobody(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, "stock---bung-", "billing")
    stack.deployment.cloud.change_instance(ORDERS, status="FROZEN")
    ran = stack.run("status", "--json")
    assert (ran.code, states(ran)["orders"]) == (Exit.WELL, "skipped")
    assert "it is frozen" in stack.run("status").stdout


def test_other_backups_of_that_time_are_shown_too(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run)
    by_hand, yesterday = run + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=30)
    add_run(stack, run, "orders", name="before-upgrade", begin_time=by_hand, status="FAILED")
    add_run(stack, run, "billing", name="by-hand", begin_time=by_hand)
    add_run(stack, run, "billing", name="too-old", begin_time=yesterday, status="FAILED")
    ran = stack.run("status", "--json")
    others = {one["backup_name"]: (one["instance_name"], one["state"]) for one in ran.result["others"]}
    assert ran.code == Exit.NEEDS_YOU
    assert others == {"before-upgrade": ("orders", "FAILED"), "by-hand": ("billing", "ok")}
    assert "too-old" in stack.run("status", "--since", "36h", "--json").stdout


def test_other_backups_of_an_instance_of_no_plan_have_its_name(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    plan = {**PLAN, "select": {"instance_ids": [BILLING]}}
    found = boto3.client("scheduler").get_schedule(GroupName=GROUP, Name=f"{NAME}-nightly")

    change_schedule(stack, f"{NAME}-nightly", Target={**found["Target"], "Input": json.dumps(plan)})
    add_run(stack, run, "billing")
    add_run(stack, run, "orders", status="FAILED")
    ran = stack.run("status", "--json")
    assert [(one["instance_name"], one["state"]) for one in ran.result["others"]] == [("orders", "FAILED")]


def test_a_dead_letter_needs_a_person(stack: StackUnderTest) -> None:
    add_run(stack, run_daily(stack))
    boto3.client("sqs").send_message(QueueUrl=stack.outputs["BackupDeadLetterQueueUrl"], MessageBody="{}")
    boto3.client("sqs").send_message(QueueUrl=stack.outputs["BackupQueueUrl"], MessageBody="{}")
    ran = stack.run("status")
    assert ran.code == Exit.NEEDS_YOU
    assert "1 dead letter (1 in BackupDeadLetterQueue) · 1 waiting · 0 deferred · 0 tracked" in ran.stdout


def test_an_alarm_of_the_stack_needs_a_person(stack: StackUnderTest) -> None:
    add_run(stack, run_daily(stack))
    put_alarm(f"{NAME}-backup-failed")
    put_alarm(f"{NAME}-run-missing", "OK")
    put_alarm("other-application")
    stack.alarms = [f"{NAME}-backup-failed", f"{NAME}-run-missing"]
    ran = stack.run("status", "--json")
    assert ran.code == Exit.NEEDS_YOU
    assert [alarm["name"] for alarm in ran.result["alarms"]] == [f"{NAME}-backup-failed"]
    assert "ALARM" in first_words(stack.run("status"))


def test_an_alarm_of_another_stack_whose_name_begins_alike_is_none_of_this_one(stack: StackUnderTest) -> None:
    add_run(stack, run_daily(stack))
    put_alarm(f"{NAME}-two-backup-failed")
    for alarms in ([], [f"{NAME}-backup-failed"]):
        stack.alarms = alarms
        ran = stack.run("status", "--json")
        assert (ran.code, ran.result["alarms"]) == (Exit.WELL, [])


def test_alarms_of_a_stack_with_more_than_one_call_takes_are_all_read(stack: StackUnderTest) -> None:
    add_run(stack, run_daily(stack))
    stack.alarms = [f"{NAME}-{number}" for number in range(101)]
    put_alarm(stack.alarms[-1])
    assert [alarm["name"] for alarm in stack.run("status", "--json").result["alarms"]] == [stack.alarms[-1]]


def test_a_stack_whose_schedules_are_disabled(stack: StackUnderTest) -> None:
    run_daily(stack)
    for name in ("nightly", "audit", "prune"):
        change_schedule(stack, f"{NAME}-{name}", State="DISABLED")
    stack.deployment.cloud.remove_instance(ORDERS)
    ran = stack.run("status")
    assert first_words(ran).count("disabled") == 3
    assert {each["at"] for each in stack.run("status", "--json").result["next_runs"]} == {None}


def test_a_plan_that_has_not_run_yet(stack: StackUnderTest) -> None:
    ran = stack.run("status")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines()[0].split() == ["no", "run", "nightly", "none", "in", "the", "last", "24", "h"]
    assert first_words(ran).count("next") == 3


def test_a_stack_without_any_plan(stack: StackUnderTest) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=f"{NAME}-nightly")
    add_run(stack, datetime.now(UTC) - timedelta(hours=3), "orders", status="FAILED")
    ran = stack.run("status")
    assert ran.code == Exit.NEEDS_YOU
    assert "no backup schedule: no plan backs up anything" in ran.stdout
    assert first_words(ran)[0] == "FAILED"


def test_a_project_without_instances(stack: StackUnderTest) -> None:
    run_daily(stack)
    for each in stack.deployment.cloud.instances():
        stack.deployment.cloud.remove_instance(each.id)
    ran = stack.run("status")
    assert ran.code == Exit.WELL
    assert "the plan selects no instance" in ran.stdout


@pytest.mark.parametrize(
    ("service", "method", "part", "code"),
    [
        ("cloudwatch", "get_paginator", "alarms", Exit.WELL),
        ("cloudformation", "get_paginator", "alarms", Exit.WELL),
        ("sqs", "get_queue_attributes", "queues", Exit.WELL),
        ("scheduler", "get_paginator", "schedules", Exit.FAILED),
        ("lambda", "invoke", "backups", Exit.FAILED),
    ],
)
def test_what_aws_refuses_is_a_note(stack: StackUnderTest, service: str, method: str, part: str, code: Exit) -> None:
    add_run(stack, run_daily(stack))
    stack.change(service, **{method: refuse})
    ran = stack.run("status", "--json")
    assert ran.code == code
    assert [each["part"] for each in ran.result["unread"]] == [part]
    assert f"{part} could not be read" in ran.stderr
    assert "→ get this permission" in ran.stderr


def test_a_function_that_fails_leaves_the_rest(stack: StackUnderTest) -> None:
    run_daily(stack)
    stack.deployment.put_secret(access_key="UNKNOWN", secret_key="hush-hush-other")
    ran = stack.run("status")
    assert ran.code == Exit.FAILED
    assert "correct the secret" in ran.stderr
    assert "next" in first_words(ran)
    assert ran.stdout.splitlines()[-1] == "needs you: what could not be read"


def test_a_schedule_that_is_not_understood_is_a_note(stack: StackUnderTest) -> None:
    add_run(stack, run_daily(stack))
    real = stack.client("scheduler").get_schedule

    def get_schedule(**arguments: Any) -> Any:
        found = real(**arguments)
        return {**found, "ScheduleExpression": "cron(now)"} if arguments["Name"] == f"{NAME}-audit" else found

    stack.change("scheduler", get_schedule=get_schedule)
    ran = stack.run("status")
    assert ran.code == Exit.WELL
    assert "gaussdb-backup-audit" in ran.stderr


@pytest.mark.parametrize("since", ["yesterday", "0h", "31d", "-1h"])
def test_an_age_that_is_none(stack: StackUnderTest, since: str) -> None:
    ran = stack.run("status", "--since", since, "--json")
    assert (ran.code, ran.error["code"], ran.stdout) == (Exit.USAGE, "bad_age", "")


def cut_lists(stack: StackUnderTest, most: int) -> None:
    """Have a response of a prune list at most so many backups that are kept."""
    invoke = stack.deployment.invoke

    def cut(function: str, event: Any) -> Any:
        response = invoke(function, event)
        if function == "prune_backups":
            response["kept"] = response["kept"][:most]
        return response

    stack.deployment.invoke = cut  # type: ignore[method-assign,assignment]


def test_a_list_that_is_cut_is_read_in_parts(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run)
    add_run(stack, run - timedelta(days=1))
    cut_lists(stack, 3)
    ran = stack.run("status", "--json")
    assert (ran.code, ran.result["is_cut"]) == (Exit.WELL, False)
    assert set(states(ran).values()) == {"ok"}


def test_a_list_that_was_cut_is_not_pretended_to_be_whole(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run)
    cut_lists(stack, 1)
    ran = stack.run("status", "--json")
    assert ran.result["is_cut"] is True
    assert set(states(ran).values()) == {"ok", "unknown"}
    assert "the list of backups was cut" in stack.run("status").stdout


def test_names_of_the_cloud_cannot_write_to_the_terminal(stack: StackUnderTest) -> None:
    run_daily(stack)
    stack.deployment.cloud.change_instance(ORDERS, name="\x1b[2Jorders\n")
    ran = stack.run("status")
    assert "\x1b" not in ran.stdout
    assert "�[2Jorders�" in ran.stdout


@pytest.mark.parametrize("width", [60, 80])
def test_names_are_whole_in_a_narrow_terminal(stack: StackUnderTest, width: int) -> None:
    run = run_daily(stack)
    add_run(stack, run, "orders", status="FAILED")
    lines = stack.run("status", width=width).stdout.splitlines()
    assert any(name_of("billing", run) in line for line in lines)
    assert max(len(line) for line in lines) <= 80


def test_the_json_form_is_stable(stack: StackUnderTest) -> None:
    run = run_daily(stack)
    add_run(stack, run, "orders", status="FAILED")
    add_run(stack, run, "billing", begin_time=run + timedelta(minutes=7))
    add_run(stack, run, "billing", name="by-hand", begin_time=run + timedelta(minutes=90))
    change_schedule(stack, f"{NAME}-audit", State="DISABLED")
    put_alarm(f"{NAME}-backup-failed")
    stack.alarms = [f"{NAME}-backup-failed"]
    stack.put_schedule("other", AUDIT, target="arn:aws:lambda:eu-central-1:123456789012:function:other")
    stack.now = lambda: datetime.now(UTC) + timedelta(minutes=9)  # not the second in which the alarm went off
    hold_to_golden(stack.run("status", "--json"), "status")
