"""`gaussdb-backup backfill`: which runs were missed, and what is requested of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from gaussdb_backup_cli.failure import Exit
from tests.helpers.command_line import GROUP, NAME, PLAN, ZONE, Ran, StackUnderTest, hold_to_golden
from tests.helpers.gaussdb import ORDERS
from tests.helpers.past_runs import add_run, change_schedule, name_of, run_daily
from tests.helpers.stack_in_moto import refusal

DAY = timedelta(days=1)


def run_days(stack: StackUnderTest, *, without: tuple[int, ...] = (), days: int = 5) -> list[datetime]:
    """Add the backups of the runs of some days, the newest first, but for those of the days that are left out."""
    newest = run_daily(stack).astimezone(ZoneInfo(ZONE))
    runs = [(newest - day * DAY).astimezone(UTC) for day in range(days)]
    for day, run in enumerate(runs):
        if day not in without:
            add_run(stack, run)
    return runs


def counts(ran: Ran) -> list[dict[str, int]]:
    """What became of the instances in each run, the newest run first."""
    return [run["counts"] for run in reversed(ran.result["runs"])]


def dispatched(stack: StackUnderTest) -> list[Any]:
    return [event for function, event in stack.invoked if function == "dispatch_backups" and not event.get("dry_run")]


def test_a_time_in_which_nothing_was_missed(stack: StackUnderTest) -> None:
    run_days(stack)
    ran = stack.run("backfill", "nightly", "--since", "4d")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines() == [
        "ok  4 runs  each instance has a backup of it, or a later one",
        "no run was missed",
    ]


def test_a_missed_run_is_shown_and_nothing_is_requested(stack: StackUnderTest) -> None:
    run_days(stack, without=(2,))
    ran = stack.run("backfill", "nightly", "--since", "4d")
    assert ran.code == Exit.NEEDS_YOU
    assert ran.stdout.startswith("MISSED  ")
    assert "missed: billing, orders, stock (übung)" in ran.stdout
    assert "1 run missed by an instance or more" in ran.stdout
    assert "--yes requests the newest" in ran.stdout
    assert dispatched(stack) == []


def test_only_the_newest_missed_run_is_requested(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(1, 3))
    ran = stack.run("backfill", "nightly", "--since", "5d", "--yes")
    assert ran.code == Exit.WELL
    assert [event["scheduled_time"] for event in dispatched(stack)] == [f"{runs[1]:%Y-%m-%dT%H:%M:%SZ}"]
    stack.deliver()
    names = [backup.name for backup in stack.deployment.cloud.backups()]
    assert name_of("orders", runs[1]) in names
    assert name_of("orders", runs[3]) not in names
    assert "3 queued" in ran.stdout


def test_each_missed_run_is_requested_where_that_is_wanted(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(1, 3))
    stack.run("backfill", "nightly", "--since", "5d", "--yes", "--each")
    assert [event["scheduled_time"][:10] for event in dispatched(stack)] == [f"{runs[day]:%Y-%m-%d}" for day in (1, 3)]


def test_only_the_instances_that_lack_it_are_requested(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(1,))
    add_run(stack, runs[1], "billing", "stock---bung-")
    stack.run("backfill", "nightly", "--since", "4d", "--yes")
    [event] = dispatched(stack)
    assert event["select"] == {"instance_ids": [ORDERS]}
    stack.deliver()
    assert sum(backup.name == name_of("billing", runs[1]) for backup in stack.deployment.cloud.backups()) == 1


def test_the_other_criteria_of_the_plan_still_hold(stack: StackUnderTest) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=f"{NAME}-nightly")
    stack.put_schedule(f"{NAME}-nightly", {**PLAN, "select": {"tags": {"env": "prod"}}})
    run_days(stack, without=(1,))
    stack.run("backfill", "nightly", "--since", "4d", "--yes")
    [event] = dispatched(stack)
    assert event["select"]["tags"] == {"env": "prod"}
    assert len(event["select"]["instance_ids"]) == 2


def test_what_was_made_up_for_is_not_missed_again(stack: StackUnderTest) -> None:
    run_days(stack, without=(1,))
    assert stack.run("backfill", "nightly", "--since", "4d", "--yes").code == Exit.WELL
    stack.deliver()
    stack.deployment.cloud.advance(timedelta(minutes=5))
    assert stack.run("backfill", "nightly", "--since", "4d").code == Exit.WELL


def test_a_good_backup_before_the_next_run_makes_up_for_it(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(2,))
    add_run(stack, runs[2] + timedelta(hours=5), name="by-hand")
    ran = stack.run("backfill", "nightly", "--since", "4d", "--json")
    assert ran.code == Exit.WELL
    assert counts(ran)[2] == {"made up": 3}


def test_a_good_backup_after_the_next_run_does_not(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(2,))
    add_run(stack, runs[1] + timedelta(hours=5), name="by-hand")
    assert counts(stack.run("backfill", "nightly", "--since", "4d", "--json"))[2] == {"MISSING": 3}


def test_what_may_have_been_pruned_is_not_known(stack: StackUnderTest) -> None:
    runs = run_days(stack, days=12, without=(3, 9, 10))
    ran = stack.run("backfill", "nightly", "--since", "11d", "--json")
    found = counts(ran)
    assert found[3] == {"MISSING": 3}
    assert found[9] == found[10] == {"unknown": 3}
    reasons = {one["reason"] for run in ran.result["runs"] for one in run["instances"] if one["state"] == "unknown"}
    assert reasons == {"perhaps pruned since"}
    stack.run("backfill", "nightly", "--since", "11d", "--yes", "--each")
    assert [event["scheduled_time"] for event in dispatched(stack)] == [f"{runs[3]:%Y-%m-%dT%H:%M:%SZ}"]


def test_without_a_prune_an_absent_backup_was_missed(stack: StackUnderTest) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=f"{NAME}-prune")
    run_days(stack, days=12, without=(9, 10))
    found = counts(stack.run("backfill", "nightly", "--since", "11d", "--json"))
    assert found[9] == found[10] == {"MISSING": 3}


def test_before_the_oldest_backup_nothing_is_known_but_of_the_newest_run(stack: StackUnderTest) -> None:
    run_days(stack, days=3, without=(0, 1, 2))
    found = counts(stack.run("backfill", "nightly", "--since", "3d", "--json"))
    assert found == [{"MISSING": 3}, {"unknown": 3}, {"unknown": 3}]


def test_a_failed_backup_is_not_requested_by_its_own_run(stack: StackUnderTest) -> None:
    newest = run_daily(stack)
    add_run(stack, newest - DAY)
    add_run(stack, newest, status="FAILED")
    ran = stack.run("backfill", "nightly", "--since", "30h", "--yes")
    assert ran.code == Exit.NEEDS_YOU
    assert dispatched(stack) == []
    assert "gaussdb-backup run INSTANCE" in ran.stdout


def test_a_run_that_has_only_begun_is_not_missed(stack: StackUnderTest) -> None:
    newest = run_daily(stack, hours_ago=1)
    add_run(stack, newest, "orders", status=None)
    ran = stack.run("backfill", "nightly", "--since", "5h", "--json")
    assert ran.code == Exit.WELL
    assert counts(ran) == [{"running": 1, "waiting": 2}]


def test_runs_before_the_schedule_began_are_none(stack: StackUnderTest) -> None:
    runs = run_days(stack, days=6, without=(4,))
    change_schedule(stack, f"{NAME}-nightly", StartDate=runs[2])
    ran = stack.run("backfill", "nightly", "--since", "6d", "--json")
    assert [run["scheduled_time"][:10] for run in ran.result["runs"]] == [f"{runs[day]:%Y-%m-%d}" for day in (2, 1, 0)]


def test_until_limits_the_runs_that_are_shown(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(0, 3))
    until = (runs[2] + timedelta(hours=1)).isoformat()
    ran = stack.run("backfill", "nightly", "--since", "5d", "--until", until, "--json")
    assert [run["scheduled_time"][:10] for run in ran.result["runs"]] == [f"{runs[day]:%Y-%m-%d}" for day in (4, 3, 2)]
    assert counts(ran)[1] == {"MISSING": 3}


def test_a_date_begins_at_midnight_of_the_plans_zone(stack: StackUnderTest) -> None:
    runs = run_days(stack)
    ran = stack.run("backfill", "nightly", "--since", f"{runs[2] - DAY:%Y-%m-%d}", "--json")
    assert ran.code == Exit.WELL
    assert ran.result["since"][11:] in ("22:00:00Z", "23:00:00Z")


def test_a_plan_that_is_disabled_is_noted(stack: StackUnderTest) -> None:
    run_days(stack, without=(1,))
    change_schedule(stack, f"{NAME}-nightly", State="DISABLED")
    assert "is disabled" in stack.run("backfill", "nightly", "--since", "4d").stderr


def test_a_plan_that_selects_nothing(stack: StackUnderTest) -> None:
    run_daily(stack)
    for each in stack.deployment.cloud.instances():
        stack.deployment.cloud.remove_instance(each.id)
    ran = stack.run("backfill", "nightly", "--since", "4d")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines()[-1] == "the plan selects no instance"


def test_a_plan_without_a_run_in_that_time(stack: StackUnderTest) -> None:
    run_daily(stack, hours_ago=6)
    ran = stack.run("backfill", "nightly", "--since", "1h")
    assert (ran.code, ran.stdout) == (Exit.WELL, "the plan has no run in this time\n")


def test_a_list_that_was_cut_is_not_taken_for_missed_runs(stack: StackUnderTest) -> None:
    run_days(stack)
    invoke = stack.deployment.invoke

    def cut(function: str, event: Any) -> Any:
        response = invoke(function, event)
        if function == "prune_backups":
            response["kept"] = response["kept"][:3]
        return response

    stack.deployment.invoke = cut  # type: ignore[method-assign,assignment]
    ran = stack.run("backfill", "nightly", "--since", "4d", "--yes")
    assert "the list of backups was cut" in ran.stdout
    assert dispatched(stack) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["other", "--since", "1d"], "no_plan"),
        (["nightly", "--since", "yesterday"], "bad_time"),
        (["nightly", "--since", "32d"], "too_long_ago"),
        (["nightly", "--since", "1h", "--until", "2h"], "no_time"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_typed_wrongly(stack: StackUnderTest, arguments: list[str], code: str) -> None:
    ran = stack.run("backfill", *arguments, "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.USAGE, "", code)


@pytest.mark.parametrize(("service", "method"), [("scheduler", "get_paginator"), ("lambda", "invoke")])
def test_what_aws_refuses(stack: StackUnderTest, service: str, method: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    run_daily(stack)
    error = refusal("AccessDeniedException", method)
    stack.change(service, **{method: refuse})
    ran = stack.run("backfill", "nightly", "--since", "4d", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.FAILED, "", "not_allowed")


def test_a_function_that_fails(stack: StackUnderTest) -> None:
    run_daily(stack)
    stack.deployment.put_secret(access_key="UNKNOWN", secret_key="hush-hush-other")
    ran = stack.run("backfill", "nightly", "--since", "4d", "--json")
    assert (ran.code, ran.error["code"]) == (Exit.FAILED, "CredentialsRefused")


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_and_a_hostile_name(stack: StackUnderTest, width: int) -> None:
    run_days(stack, without=(1,))
    stack.deployment.cloud.change_instance(ORDERS, name="\x1b[2Jorders\n")
    ran = stack.run("backfill", "nightly", "--since", "36h", width=width)
    assert "\x1b" not in ran.stdout
    assert "�[2Jorders�" in ran.stdout


def test_a_renamed_instance_has_not_missed_its_runs(stack: StackUnderTest) -> None:
    run_days(stack)
    stack.deployment.cloud.change_instance(ORDERS, name="sales")
    assert stack.run("backfill", "nightly", "--since", "4d").code == Exit.WELL


def test_the_json_form_is_stable(stack: StackUnderTest) -> None:
    runs = run_days(stack, without=(1, 2))
    add_run(stack, runs[1], "billing", begin_time=runs[1] + timedelta(minutes=7))
    add_run(stack, runs[2], "billing", "orders", begin_time=runs[2] + timedelta(minutes=7))
    stack.now = lambda: datetime.now(UTC) + timedelta(seconds=1)
    ran = stack.run("backfill", "nightly", "--since", "60h", "--until", "1m", "--yes", "--json")
    hold_to_golden(ran, "backfill")
