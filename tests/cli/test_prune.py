"""`gaussdb-backup prune`: what the retention rules no longer keep is shown, and deleted with --yes only."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import gaussdb_emulator
from tests.helpers.command_line import GROUP, NAME, PRUNE, Ran, StackUnderTest, hold_to_golden
from tests.helpers.deployment import Deployment
from tests.helpers.function_responses import respond_by
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.stack_in_moto import refusal

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "prune.md"
GONE = f"{0xD4:032x}in07"


def sample() -> dict[str, Any]:
    """The response on the page about prunes."""
    text = PAGE.read_text().partition("## Response")[2]
    found: dict[str, Any] = json.loads(text.partition("```json\n")[2].partition("```")[0])
    return found


NOTHING: dict[str, Any] = {"queued": [], "skipped": [], "rejected": []}
"""The response of a plan that selects no instance."""


def past(instance: str, days: float, name: str = "nightly", **fields: Any) -> gaussdb_emulator.PastBackup:
    begin = datetime.now(UTC) - timedelta(days=days)
    return gaussdb_emulator.PastBackup(
        instance_id=instance, name=f"{name}-{instance[-6:]}-{days}", begin_time=begin, **fields
    )


@pytest.fixture
def full(stack: StackUnderTest, deployment: Deployment) -> StackUnderTest:
    """A stack with ten backups of each of two instances, one a day: the rules keep seven."""
    deployment.cloud.add_backups(*(past(one, day + 0.1) for one in (ORDERS, BILLING) for day in range(10)))
    return stack


def prunes(stack: StackUnderTest) -> list[Any]:
    return [event for function, event in stack.invoked if function == "prune_backups"]


def put(stack: StackUnderTest, name: str = "weekly.prune", **payload: Any) -> None:
    target = stack.outputs["PruneBackupsFunctionAliasArn"]
    stack.put_schedule(name, {**PRUNE, "schedule": "weekly", **payload}, target=target)


# Without --yes


def test_what_would_go_is_shown_by_instance_and_nothing_is_deleted(full: StackUnderTest) -> None:
    ran = full.run("prune")
    assert ran.code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[:3] == [
        "PRUNE  plan nightly · dry run, nothing is deleted (times in Europe/Berlin)",
        "rules: daily 7; of names that begin with nightly-",
        "floor: of each instance the newest good backup stays (minimum_good)",
    ]
    assert f"billing  {BILLING}" in lines
    assert f"orders  {ORDERS}" in lines
    assert sum(line.startswith("  would go") and line.endswith("no rule keeps it") for line in lines) == 6
    assert sum(line.startswith("  kept") and line.endswith("daily") for line in lines) == 14
    assert "would go: 6 backups, 3.0 GB; kept: 14" in lines
    assert lines[-1] == "delete them: gaussdb-backup prune --yes"
    assert [event["dry_run"] for event in prunes(full)] == [True]


def test_the_event_is_the_payload_of_the_schedule_without_its_label(full: StackUnderTest) -> None:
    full.run("prune")
    [event] = prunes(full)
    assert event.pop("scheduled_time").endswith("Z")
    expected = {**PRUNE, "dry_run": True}
    assert event == {key: value for key, value in expected.items() if key not in ("schedule", "scheduled_time")}


def test_the_floor_is_named_where_it_keeps_a_backup(stack: StackUnderTest, deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 900), past(ORDERS, 1, status="FAILED"))
    put(stack, keep={"hourly": 1}, minimum_good=3, schedule="other")
    put(stack, "within.prune", keep={"within": "1d"}, schedule="within")
    deployment.cloud.add_backups(past(STOCK, 3), past(STOCK, 30), past(STOCK, 31))
    ran = stack.run("prune", "other")
    assert "floor: of each instance the 3 newest good backups stay (minimum_good)" in ran.stdout
    assert ran.stdout.count("newest good (minimum_good)") == 2
    assert "failed recently" in ran.stdout


def test_a_stack_without_rules_names_where_they_are_given(stack: StackUnderTest) -> None:
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=f"{NAME}-prune")
    ran = stack.run("prune", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (1, "", "no_prune_schedule")
    assert "RetentionRules" in ran.error["hint"]
    assert "`keep` in a file with plans" in ran.error["hint"]
    assert stack.invoked == []


def test_without_rules_of_its_own_the_only_plan_that_has_some_is_taken(full: StackUnderTest) -> None:
    put(full, keep={"last": 9})
    assert full.run("prune", "--json").result["plan"] == "nightly", "the stack's own"
    boto3.client("scheduler").delete_schedule(GroupName=GROUP, Name=f"{NAME}-prune")
    assert full.run("prune", "--json").result["plan"] == "weekly"
    put(full, "monthly.prune", schedule="monthly")
    ran = full.run("prune")
    assert (ran.code, ran.stdout) == (2, "")
    assert "several prune schedules\n  → name one: monthly, weekly" in ran.stderr


# With --yes


def test_with_yes_it_is_counted_on_stderr_before_it_is_deleted(full: StackUnderTest, deployment: Deployment) -> None:
    ran = full.run("prune", "--yes")
    assert ran.code == 0, ran.stderr
    assert ran.stderr == "deleting 6 backups of 2 instances, 3.0 GB; 14 are kept\n"
    assert "deleted: 6 backups, 3.0 GB; kept: 14" in ran.stdout
    assert "would go" not in ran.stdout
    assert [event["dry_run"] for event in prunes(full)] == [True, False]
    assert deployment.count("BackupsDeleted") == 6
    again = full.run("prune", "--json").result
    assert (again["counts"]["kept"], again["counts"]["failed"]) == (14, 0)


def test_with_yes_a_schedule_that_is_a_dry_run_is_overridden_and_that_is_noted(full: StackUnderTest) -> None:
    put(full, dry_run=True)
    ran = full.run("prune", "weekly", "--yes")
    assert ran.code == 0
    note, counts = ran.stderr.splitlines()
    assert note == "note: the schedule weekly.prune is a dry run; --yes deletes in this run only"
    assert counts.startswith("deleting 6 backups")
    assert ran.stdout.splitlines()[0] == "PRUNE  plan weekly · deletes (times in Europe/Berlin)"


def test_with_yes_nothing_is_invoked_again_where_nothing_goes(stack: StackUnderTest) -> None:
    ran = stack.run("prune", "--yes")
    assert ran.code == 0
    assert "would go: 0 backups, 0 MB; kept: 0" in ran.stdout
    assert [event["dry_run"] for event in prunes(stack)] == [True]


@pytest.mark.parametrize("options", [(), ("--yes",)], ids=["dry run", "--yes"])
def test_a_prune_that_is_refused_needs_you_and_sets_off_no_alarm(
    full: StackUnderTest, deployment: Deployment, options: tuple[str, ...]
) -> None:
    put(full, max_deletions=5)
    ran = full.run("prune", "weekly", *options)
    assert ran.code == 3
    assert "REFUSED  6 backups would be deleted, of at most 5: check name_prefix" in ran.stdout
    assert "delete them" not in ran.stdout
    assert deployment.count("PruneRefused") == 0
    assert full.run("prune", "weekly", *options, "--json").result["refused"].startswith("6 backups")


def test_a_deletion_that_failed_needs_you(full: StackUnderTest, deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="batch_delete", status=503))
    ran = full.run("prune", "--yes")
    assert ran.code == 3
    assert sum(line.startswith("  FAILED") for line in ran.stdout.splitlines()) == 6
    assert "FAILED: 6 backups, which the next prune tries again" in ran.stdout
    assert "deleted: 0 backups" in ran.stdout


def test_what_is_deferred_needs_nobody(full: StackUnderTest, deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 40, held=True))
    ran = full.run("prune", "--yes")
    assert ran.code == 0
    assert "deferred: 1 backup, which a later prune deletes" in ran.stdout


# One instance


@pytest.mark.parametrize("given", ["orders", ORDERS])
def test_one_instance_is_pruned_alone(full: StackUnderTest, deployment: Deployment, given: str) -> None:
    put(full, select={"tags": {"env": "prod"}})
    ran = full.run("prune", "weekly", "--instance", given, "--yes", "--json")
    assert ran.code == 0
    assert {each["instance_name"] for each in ran.result["deleted"]} == {"orders"}
    assert prunes(full)[-1]["select"] == {"tags": {"env": "prod"}, "instance_ids": [ORDERS]}
    assert deployment.count("BackupsDeleted") == 3


def test_several_instances_may_be_named(full: StackUnderTest) -> None:
    ran = full.run("prune", "--instance", "orders", "--instance", "billing")
    assert ran.stdout.splitlines()[-1] == (
        "delete them: gaussdb-backup prune --instance=orders --instance=billing --yes"
    )
    assert prunes(full)[0]["select"] == {"instance_ids": [ORDERS, BILLING]}


@pytest.mark.parametrize("given", ["absent", "f" * 32, STOCK, "stock (übung)"])
def test_an_instance_that_the_plan_does_not_select_is_a_wrong_command_line(full: StackUnderTest, given: str) -> None:
    put(full, select={"tags": {"env": "prod"}})
    ran = full.run("prune", "weekly", "--instance", given, "--json")
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.error["message"] == f"the plan selects no instance {given}"
    assert ran.error["hint"] == "there are: billing, orders"
    assert prunes(full) == []


def test_an_instance_beyond_the_ids_of_the_plan_is_not_selected_by_naming_it(full: StackUnderTest) -> None:
    put(full, select={"instance_ids": [ORDERS]}, include_orphans=True)
    ran = full.run("prune", "weekly", "--instance", BILLING)
    assert ran.code == 2
    assert f"the plan does not select {BILLING}" in ran.stderr


def test_two_instances_of_one_name_have_to_be_named_by_their_ids(stack: StackUnderTest, deployment: Deployment) -> None:
    deployment.cloud.add_instances(gaussdb_emulator.Instance(id=GONE, name="orders"))
    ran = stack.run("prune", "--instance", "orders")
    assert ran.code == 2
    assert f"several instances have the name orders\n  → name one by its id: {ORDERS}, {GONE}" in ran.stderr


def test_backups_of_a_deleted_instance_go_where_the_plan_includes_them(
    stack: StackUnderTest, deployment: Deployment
) -> None:
    deployment.cloud.add_instances(gaussdb_emulator.Instance(id=GONE, name="crm"))
    deployment.cloud.add_backups(*(past(GONE, day + 0.1) for day in range(9)))
    deployment.cloud.remove_instance(GONE)
    put(stack, include_orphans=True)
    ran = stack.run("prune", "weekly", "--instance", GONE)
    assert f"{GONE} (not, or no longer, in the project)" in ran.stdout
    assert "would go: 2 backups" in ran.stdout


def test_an_id_that_nobody_knows_needs_you(stack: StackUnderTest) -> None:
    put(stack, select={"instance_ids": ["f" * 32]})
    ran = stack.run("prune", "weekly")
    assert ran.code == 3
    assert f"not found: {'f' * 32}" in ran.stdout


# How it is shown


def test_the_json_form(stack: StackUnderTest) -> None:
    listed = {**NOTHING, "queued": [{"instance_id": "d8e6ca5a624745bcb546a227aa3ae1cfin07", "instance_name": "orders"}]}
    respond_by(stack, DispatchBackups=listed, PruneBackups={**sample(), "dry_run": True})
    ran = stack.run("prune", "--json")
    assert ran.code == 3
    assert {each["instance_name"] for each in ran.result["deleted"]} == {"orders"}
    assert (ran.result["size_mb"], ran.result["is_size_known"], ran.result["is_whole"]) == (1990.0, True, True)
    hold_to_golden(ran, "prune")


def test_lists_that_are_cut_are_named_and_the_counts_are_of_all(stack: StackUnderTest) -> None:
    response = {**sample(), "dry_run": True, "failed": [], "deferred": []}
    response["counts"] = {"kept": 30_000, "deleted": 400, "deferred": 0, "failed": 0, "not_found": 0}
    respond_by(stack, DispatchBackups=NOTHING, PruneBackups=response)
    ran = stack.run("prune")
    assert "kept: the first 1 of 30,000 are listed, a response of Lambda has 6 MB at most" in ran.stdout
    assert "would go: 400 backups, at least 1.9 GB; kept: 30,000" in ran.stdout
    shown = stack.run("prune", "--json").result
    assert (shown["is_whole"], shown["is_size_known"]) == (False, False)


def test_a_size_that_is_not_known_makes_the_sum_the_least(stack: StackUnderTest) -> None:
    response = sample()
    response["deleted"][0]["size_mb"] = None
    respond_by(stack, DispatchBackups=NOTHING, PruneBackups=response)
    assert "deleted: 1 backup, at least 0 MB" in stack.run("prune").stdout


@pytest.mark.parametrize("width", [60, 80, 120])
def test_names_are_whole_on_any_terminal(stack: StackUnderTest, deployment: Deployment, width: int) -> None:
    name = "nightly-" + "o" * 56
    begin = datetime.now(UTC) - timedelta(days=40)
    backups = (gaussdb_emulator.PastBackup(instance_id=ORDERS, name=name, begin_time=begin), past(ORDERS, 39))
    deployment.cloud.add_backups(*backups)
    put(stack, keep={"last": 1})
    lines = stack.run("prune", "weekly", width=width).stdout.splitlines()
    assert sum(name in line for line in lines) == 1
    assert all(len(line) <= width for line in lines if name not in line)


def test_no_name_of_the_cloud_steers_the_terminal(stack: StackUnderTest) -> None:
    response = sample()
    response["deleted"][0]["backup_name"] = "a\x1b[2J\nb"
    response["failed"][0]["error_message"] = "a\x07b"
    names = {**NOTHING, "queued": [{"instance_id": response["deleted"][0]["instance_id"], "instance_name": "a\x1b]b"}]}
    respond_by(stack, DispatchBackups=names, PruneBackups=response)
    ran = stack.run("prune")
    assert "a�[2J�b" in ran.stdout
    assert not {"\x1b", "\x07"} & set(ran.stdout)


# What fails


def test_what_the_function_refuses_is_one_line(stack: StackUnderTest) -> None:
    put(stack, keep={})
    ran: Ran = stack.run("prune", "weekly", "--json")
    assert (ran.code, ran.stdout, ran.error["code"]) == (1, "", "InvalidRequest")
    assert ran.error["hint"] == "correct what is named above"


def test_refused_credentials_are_used_once(stack: StackUnderTest, deployment: Deployment) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    ran = stack.run("prune", "--yes")
    assert (ran.code, len(stack.invoked)) == (1, 1)
    assert "then: gaussdb-backup doctor" in ran.stderr


def test_an_response_of_another_version_is_one_line(stack: StackUnderTest) -> None:
    respond_by(stack, DispatchBackups=NOTHING, PruneBackups={"kept": []})
    ran = stack.run("prune")
    assert (ran.code, ran.stdout) == (1, "")
    assert "is none of this version" in ran.stderr


@pytest.mark.parametrize(
    ("service", "method"),
    [("cloudformation", "describe_stacks"), ("scheduler", "get_schedule"), ("lambda", "invoke")],
)
def test_what_aws_refuses_is_one_line(stack: StackUnderTest, service: str, method: str) -> None:
    error = refusal("AccessDeniedException", "Anything")

    def refuse(**_: Any) -> None:
        raise error

    stack.change(service, **{method: refuse})
    ran = stack.run("prune", "--yes")
    assert (ran.code, ran.stdout) == (1, "")
    assert "\n  → get this permission" in ran.stderr
