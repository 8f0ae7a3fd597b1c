"""`gaussdb-backup list`: the backups of an instance, and why each is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from gaussdb_backup_cli.failure import Exit
from local.gaussdb_emulator import PastBackup
from tests.helpers.command_line import GROUP, NAME, PLAN, PRUNE, ZONE, Ran, StackUnderTest, hold_to_golden
from tests.helpers.gaussdb import ORDERS
from tests.helpers.past_runs import change_schedule
from tests.helpers.stack_in_moto import refusal


def add_days(stack: StackUnderTest, *days: float, **fields: Any) -> None:
    """Add a backup of `orders` so many days old."""
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0)
    stack.deployment.cloud.add_backups(
        *(
            PastBackup(
                **{
                    "instance_id": ORDERS,
                    "name": f"nightly-orders-{day:g}",
                    "begin_time": now - timedelta(days=day),
                    "seconds": 1080,
                    "size_mb": 2048,
                    **fields,
                }
            )
            for day in days
        )
    )


def put_prune(stack: StackUnderTest, name: str, payload: dict[str, Any]) -> None:
    if name.startswith(NAME):
        boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=name)
    stack.put_schedule(name, payload, target=stack.outputs["PruneBackupsFunctionAliasArn"])


def rows(ran: Ran) -> list[str]:
    """The lines of the table, without its head and what comes after it."""
    return [line for line in ran.stdout.splitlines()[2:] if line[:8].strip().isalnum() and "COMPLETED" in line]


def test_the_newest_is_first_with_the_reason_why_it_is_kept(stack: StackUnderTest) -> None:
    add_days(stack, *range(1, 10))
    ran = stack.run("list", "orders")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines()[0] == f"orders  {ORDERS}"
    assert ran.stdout.splitlines()[1].split()[:3] == [
        "ID",
        "BEGUN",
        f"({datetime.now(ZoneInfo(ZONE)) - timedelta(days=1):%Z})",
    ]
    assert [row.split("COMPLETED")[1].strip() for row in rows(ran)] == ["daily"] * 7 + [
        "would go: no rule keeps it"
    ] * 2
    assert "18 min  2.0 GB" in rows(ran)[0]
    assert ran.stdout.splitlines()[-1] == "9 backups, 18 GB"
    begins = [backup["begin_time"] for backup in stack.run("list", "orders", "--json").result["backups"]]
    assert begins == sorted(begins, reverse=True)


def test_backups_of_others_and_failed_ones_are_listed_too(stack: StackUnderTest) -> None:
    add_days(stack, 1)
    add_days(stack, 2, name="before-upgrade")
    add_days(stack, 3, status="FAILED")
    add_days(stack, 20, status="FAILED", name="nightly-old")
    add_days(stack, 0, name="nightly-now", status=None)
    found = stack.run("list", "orders", "--json").result["backups"]
    assert {one["backup_name"]: (one["is_kept"], one["reasons"]) for one in found} == {
        "nightly-orders-1": (True, ["daily"]),
        "before-upgrade": (True, ["not ours"]),
        "nightly-orders-3": (True, ["failed recently"]),
        "nightly-old": (False, ["failed"]),
        "nightly-now": (True, ["building"]),
    }
    assert "would go: failed" in stack.run("list", "orders").stdout


def test_the_newest_30_are_shown_or_all(stack: StackUnderTest) -> None:
    add_days(stack, *range(1, 41))
    ran = stack.run("list", "orders")
    assert len(rows(ran)) == 30
    assert "40 backups, 80 GB; the newest 30 are shown, --all shows all" in ran.stdout
    assert len(rows(stack.run("list", "orders", "--all"))) == 40


def test_an_instance_without_backups(stack: StackUnderTest) -> None:
    ran = stack.run("list", "billing")
    assert ran.code == Exit.WELL
    assert ran.stdout.splitlines()[1] == "0 backups, 0 MB"


def test_a_deleted_instance_is_listed_by_its_whole_id(stack: StackUnderTest) -> None:
    add_days(stack, 1, 2)
    stack.deployment.cloud.remove_instance(ORDERS)
    ran = stack.run("list", ORDERS)
    assert ran.code == Exit.WELL
    assert "2 backups" in ran.stdout
    assert stack.run("list", ORDERS[:31]).code == Exit.USAGE


@pytest.mark.parametrize("given", ["nobody", f"{0xEE:032x}in07"], ids=["a name", "an id"])
def test_an_instance_that_nobody_knows(stack: StackUnderTest, given: str) -> None:
    ran = stack.run("list", given, "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.USAGE, "", "no_instance")


def test_an_instance_that_no_prune_selects(stack: StackUnderTest) -> None:
    add_days(stack, 1)
    put_prune(stack, f"{NAME}-prune", {**PRUNE, "select": {"name_pattern": "billing"}})
    ran = stack.run("list", "orders")
    assert ran.stdout.splitlines()[-1] == "no prune selects this instance: nothing is deleted by a schedule"
    assert stack.run("list", "orders", "--json").result["backups"][0]["is_kept"] is None


def test_an_instance_that_several_prunes_select(stack: StackUnderTest) -> None:
    add_days(stack, 1)
    put_prune(stack, "other-prune", {**PRUNE, "name_prefix": "weekly-"})
    ran = stack.run("list", "orders")
    assert ran.stdout.splitlines()[-1].startswith("2 prunes select this instance, each deletes by its own rules")


@pytest.mark.parametrize("change", ["DISABLED", "dry run"])
def test_a_prune_that_deletes_nothing_is_named(stack: StackUnderTest, change: str) -> None:
    add_days(stack, 1)
    if change == "DISABLED":
        change_schedule(stack, f"{NAME}-prune", State="DISABLED")
    else:
        put_prune(stack, f"{NAME}-prune", {**PRUNE, "dry_run": True})
    assert stack.run("list", "orders").stdout.splitlines()[-1].endswith("is disabled or a dry run: it deletes nothing")


def test_a_prune_that_is_wrong_is_a_note(stack: StackUnderTest) -> None:
    add_days(stack, 1)
    put_prune(stack, "wrong", {**PRUNE, "keep": {"daily": -5}})
    ran = stack.run("list", "orders")
    assert ran.code == Exit.WELL
    assert "note: the prune wrong is wrong" in ran.stderr
    assert "1 backup," in ran.stdout


def test_nothing_is_deleted_by_it(stack: StackUnderTest) -> None:
    add_days(stack, *range(1, 20))
    stack.run("list", "orders", "--all")
    assert len(stack.deployment.cloud.backups()) == 19
    assert {event["dry_run"] for _, event in stack.invoked} == {True}


def test_another_connection(stack: StackUnderTest) -> None:
    stack.put_schedule("a-plan", {**PLAN, "connection": "other"})
    ran = stack.run("list", "orders", "--json")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert stack.run("list", "orders", "--connection", "default", "--json").result["connection"] == "default"


def test_ids_are_short_and_differ(stack: StackUnderTest) -> None:
    add_days(stack, 1, id="0123456789" + "a" * 22 + "br07")
    add_days(stack, 2, id="0123456788" + "a" * 22 + "br07")
    ran = stack.run("list", "orders")
    assert [row.split()[0] for row in rows(ran)] == ["0123456789", "0123456788"]


def test_names_of_the_cloud_cannot_write_to_the_terminal(stack: StackUnderTest) -> None:
    stack.deployment.cloud.change_instance(ORDERS, name="\x1b[2Jorders\n")
    assert stack.run("list", "\x1b[2J").stdout.splitlines()[0] == f"�[2Jorders�  {ORDERS}"


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal(stack: StackUnderTest, width: int) -> None:
    add_days(stack, *range(1, 10))
    lines = stack.run("list", "orders", width=width).stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert sum("would go" in line for line in lines) == 2


@pytest.mark.parametrize(("service", "method"), [("scheduler", "get_paginator"), ("lambda", "invoke")])
def test_what_aws_refuses(stack: StackUnderTest, service: str, method: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    error = refusal("AccessDeniedException", method)
    stack.change(service, **{method: refuse})
    ran = stack.run("list", "orders", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.FAILED, "", "not_allowed")


def test_a_function_that_fails(stack: StackUnderTest) -> None:
    stack.deployment.put_secret(access_key="UNKNOWN", secret_key="hush-hush-other")
    ran = stack.run("list", "orders", "--json")
    assert (ran.code, ran.error["code"]) == (Exit.FAILED, "CredentialsRefused")


def test_the_json_form_is_stable(stack: StackUnderTest) -> None:
    add_days(stack, *range(1, 4))
    add_days(stack, 0.5, status=None)
    hold_to_golden(stack.run("list", "orders", "--json"), "list")
