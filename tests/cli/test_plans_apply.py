"""A file with plans is compared with the schedules of the stack, and applied: exactly the difference, and no other."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings

from gaussdb_backup_cli.plans.desired import MARK
from local.aws_emulator.stack import read_template
from tests.helpers.command_line import GROUP, Ran, StackUnderTest, hold_to_golden
from tests.helpers.plan_files import FILES, NIGHTLY, NOW
from tests.helpers.stack_in_moto import ROLE, refusal

OTHER = NIGHTLY.replace("nightly:", "weekly:").replace("30 3 *", "30 2 *")


@pytest.fixture
def alone(stack: StackUnderTest) -> StackUnderTest:
    """A stack whose own schedules are disabled, as one that has its plans from files should be."""
    stack.now = lambda: NOW
    client = boto3.client("scheduler")
    for name in ("gaussdb-backup-nightly", "gaussdb-backup-audit", "gaussdb-backup-prune"):
        client.delete_schedule(GroupName=GROUP, Name=name)
        stack.put_schedule(name, {"schedule": "nightly"}, State="DISABLED")
    return stack


class Files:
    """Runs the commands on a file that a test writes."""

    def __init__(self, stack: StackUnderTest, folder: Path) -> None:
        self.stack = stack
        self.path = folder / "plans.yaml"

    def apply(self, text: str, *options: str) -> Ran:
        self.path.write_text(text)
        return self.stack.run("plans", "apply", str(self.path), *options)

    def diff(self, text: str, *options: str) -> Ran:
        self.path.write_text(text)
        return self.stack.run("plans", "diff", str(self.path), *options)


@pytest.fixture
def files(alone: StackUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return Files(alone, Path())


def deployed() -> dict[str, dict[str, Any]]:
    """The schedules of the group, without when they were made."""
    client = boto3.client("scheduler")
    pages = client.get_paginator("list_schedules").paginate(GroupName=GROUP)
    names = [each["Name"] for page in pages for each in page["Schedules"]]
    found = {}
    for name in sorted(names):
        raw: dict[str, Any] = dict(client.get_schedule(GroupName=GROUP, Name=name))
        found[name] = {
            key: value
            for key, value in raw.items()
            if key not in ("ResponseMetadata", "CreationDate", "LastModificationDate", "Arn")
        }
    return found


def owned() -> dict[str, dict[str, Any]]:
    return {name: schedule for name, schedule in deployed().items() if schedule.get("Description") == MARK}


def edit(name: str, **changes: Any) -> None:
    """Change a schedule by hand."""
    client = boto3.client("scheduler")
    raw: dict[str, Any] = dict(client.get_schedule(GroupName=GROUP, Name=name))
    kept = ("Description", "State", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    client.update_schedule(GroupName=GROUP, Name=name, **({key: raw[key] for key in kept} | changes))


def test_a_plan_becomes_three_schedules_with_the_settings_of_the_stacks_own(files: Files) -> None:
    ran = files.apply(NIGHTLY)
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "created   nightly.audit",
        "created   nightly.backup",
        "created   nightly.prune",
        "3 done, 0 not done, 0 unchanged",
    ]
    outputs = files.stack.outputs
    made = owned()
    assert {name: each["Target"]["Arn"] for name, each in made.items()} == {
        "nightly.backup": outputs["PlanQueueArn"],
        "nightly.audit": outputs["AuditBackupsFunctionAliasArn"],
        "nightly.prune": outputs["PruneBackupsFunctionAliasArn"],
    }
    for each in made.values():
        assert each["ScheduleExpressionTimezone"] == "Europe/Berlin"
        assert each["State"] == "ENABLED"
        assert each["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert each["ActionAfterCompletion"] == "NONE"
        assert each["Target"]["RoleArn"] == ROLE
        assert each["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 14400}
        assert each["Target"]["DeadLetterConfig"] == {"Arn": outputs["FailedInvocationsQueueArn"]}
        assert json.loads(each["Target"]["Input"])["scheduled_time"] == "<aws.scheduler.scheduled-time>"


@pytest.mark.parametrize("own", ["NightlySchedule", "AuditSchedule", "PruneSchedule"])
def test_what_is_not_of_the_plan_is_as_in_the_template(files: Files, own: str) -> None:
    files.apply(NIGHTLY)
    expected = read_template()["Resources"][own]["Properties"]
    for each in owned().values():
        assert each["Target"]["RetryPolicy"] == expected["Target"]["RetryPolicy"]
        assert each["FlexibleTimeWindow"] == expected["FlexibleTimeWindow"]
        assert each["Target"].keys() == expected["Target"].keys()


def test_what_aws_would_do_after_the_end_is_compared_too(files: Files) -> None:
    files.stack.put_schedule("nightly.audit", {}, Description=MARK, ActionAfterCompletion="DELETE", State="DISABLED")
    shown = files.diff(NIGHTLY).stdout.splitlines()
    assert "          action after completion: DELETE → NONE" in shown


def test_what_is_applied_runs(files: Files) -> None:
    files.apply(NIGHTLY)
    event = json.loads(owned()["nightly.backup"]["Target"]["Input"])
    event["scheduled_time"] = datetime.now(UTC).isoformat()
    result = files.stack.deployment.invoke("dispatch_backups", event)
    assert {each["instance_name"] for each in result["queued"]} == {"orders", "billing"}


def test_a_file_that_is_applied_has_no_difference(files: Files) -> None:
    files.apply(NIGHTLY)
    ran = files.diff(NIGHTLY)
    assert (ran.code, ran.stdout) == (0, "no difference: 3 schedules as in the file\n")
    again = files.apply(NIGHTLY)
    assert (again.code, again.stdout) == (0, "no difference: 3 schedules as in the file\n")


def test_each_field_that_differs_is_shown_also_where_it_was_changed_by_hand(files: Files) -> None:
    files.apply(NIGHTLY)
    target = owned()["nightly.backup"]["Target"]
    payload = {**json.loads(target["Input"]), "connection": "other", "extra": [1]}
    by_hand = {**target, "RetryPolicy": {"MaximumRetryAttempts": 0}, "Input": json.dumps(payload, indent=1)}
    edit("nightly.backup", State="DISABLED", Target=by_hand)
    edit("nightly.prune", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5})
    ran = files.diff(NIGHTLY.replace("env: prod", "env: test").replace("0 7 *", "0 8 *"))
    assert ran.code == 3
    assert ran.stdout.splitlines() == [
        "CHANGE    nightly.audit",
        "          schedule: cron(0 7 * * ? *) → cron(0 8 * * ? *)",
        "          payload.select.tags.env: prod → test",
        "CHANGE    nightly.backup",
        "          state: DISABLED → ENABLED",
        "          target.RetryPolicy.MaximumRetryAttempts: 0 → 185",
        "          target.RetryPolicy.MaximumEventAgeInSeconds: absent → 14400",
        "          payload.select.tags.env: prod → test",
        "          payload.connection: other → default",
        "          payload.extra: [1] → absent",
        "CHANGE    nightly.prune",
        '          flexible time window: {"MaximumWindowInMinutes": 5, "Mode": "FLEXIBLE"} → {"Mode": "OFF"}',
        "          payload.select.tags.env: prod → test",
        "3 differences: 3 to change; 0 unchanged",
    ]


def test_the_order_of_the_keys_of_an_input_is_no_difference(files: Files) -> None:
    files.apply(NIGHTLY)
    target = owned()["nightly.audit"]["Target"]
    edit("nightly.audit", Target={**target, "Input": json.dumps(json.loads(target["Input"]), sort_keys=True, indent=2)})
    assert files.diff(NIGHTLY).code == 0


def test_an_input_that_is_no_json_is_replaced(files: Files) -> None:
    files.apply(NIGHTLY)
    edit("nightly.audit", Target={**owned()["nightly.audit"]["Target"], "Input": "\x1b[31mno json"})
    ran = files.diff(NIGHTLY)
    assert "          payload: �[31mno json → absent" in ran.stdout.splitlines()
    assert files.apply(NIGHTLY).code == 0
    assert files.diff(NIGHTLY).code == 0


def test_removals_need_yes_and_nothing_is_done_without(files: Files) -> None:
    files.apply(NIGHTLY)
    before = deployed()
    ran = files.apply(OTHER)
    assert ran.code == 3
    assert ran.stdout.splitlines()[:2] == ["not done  weekly.audit (create)", "not done  weekly.backup (create)"]
    assert ran.stdout.splitlines()[-1] == "0 done, 6 not done, 0 unchanged"
    assert ran.stderr == (
        "nothing was changed: the file no longer has nightly.audit, nightly.backup, nightly.prune; with --yes they are "
        "removed\n"
    )
    assert deployed() == before
    done = files.apply(OTHER, "--yes")
    assert done.code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["created"] * 3 + ["removed"] * 3 + ["6"]
    assert sorted(owned()) == ["weekly.audit", "weekly.backup", "weekly.prune"]


def test_the_last_plan_is_removed_by_a_file_that_has_none(files: Files) -> None:
    files.apply(NIGHTLY)
    assert files.apply("plans: {}\n").code == 3
    assert len(owned()) == 3
    assert files.apply("plans: {}\n", "--yes").code == 0
    assert owned() == {}


def test_schedules_of_others_are_left_alone(files: Files) -> None:
    files.stack.put_schedule("weekly.backup", {"schedule": "weekly"})
    files.stack.put_schedule("by-hand", {"schedule": "by-hand"}, Description=MARK)
    files.stack.put_schedule("by.hand", {"schedule": "by-hand"}, Description=MARK)
    before = deployed()
    files.apply(NIGHTLY)
    files.apply(NIGHTLY.replace("nightly:", "other:"), "--yes")
    assert {name: each for name, each in deployed().items() if name in before} == before


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_a_schedule_of_somebody_else_with_a_wanted_name_is_an_error(files: Files, command: str) -> None:
    files.stack.put_schedule("nightly.audit", {"schedule": "by-hand"})
    before = deployed()
    ran = getattr(files, command)(NIGHTLY)
    assert (ran.code, ran.stdout) == (1, "")
    assert "there is a schedule nightly.audit that was not applied from a file: it is left alone" in ran.stderr
    assert deployed() == before


def test_the_stacks_own_enabled_schedule_with_the_label_of_a_plan_is_pointed_out(files: Files) -> None:
    files.stack.put_schedule("twin", {"schedule": "nightly"})
    diffed, applied, again = files.diff(NIGHTLY), files.apply(NIGHTLY), files.diff(NIGHTLY)
    for ran in (diffed, applied, again):
        assert ran.code == 3
        assert (
            "warning: the schedule twin is enabled and has the label nightly too: its backup is another" in ran.stderr
        )
    assert "no difference" in again.stdout


@pytest.mark.parametrize(
    ("dates", "state", "start", "end"),
    [
        ("from: 2091-01-01", "ENABLED", datetime(2090, 12, 31, 23, tzinfo=UTC), None),
        ("from: 2090-01-01", "ENABLED", None, None),
        ("until: 2091-01-01", "ENABLED", None, datetime(2091, 1, 1, 22, 59, 59, tzinfo=UTC)),
        ("until: 2090-11-30", "DISABLED", None, None),
        ("paused: true", "DISABLED", None, None),
        ("until: 2090-12-01T13:00", "DISABLED", None, None),
        ("until: 2090-12-01T13:01", "ENABLED", None, datetime(2090, 12, 1, 12, 1, tzinfo=UTC)),
    ],
)
def test_dates_and_pauses(files: Files, dates: str, state: str, start: datetime | None, end: datetime | None) -> None:
    text = NIGHTLY.replace("    backup:\n", f"    {dates}\n    backup:\n")
    assert files.apply(text).code == 0
    made = owned()["nightly.backup"]
    assert (made["State"], made.get("StartDate"), made.get("EndDate")) == (state, start, end)
    assert files.diff(text).code == 0


def test_a_begin_that_has_passed_since_it_was_applied_is_no_difference(files: Files) -> None:
    text = NIGHTLY.replace("    backup:\n", "    from: 2091-01-01\n    backup:\n")
    files.apply(text)
    files.stack.now = lambda: datetime(2091, 5, 1, tzinfo=UTC)
    assert files.diff(text).code == 0


def test_an_end_that_has_passed_disables_the_schedules(files: Files) -> None:
    text = NIGHTLY.replace("    backup:\n", "    until: 2091-01-01\n    backup:\n")
    files.apply(text)
    files.stack.now = lambda: datetime(2091, 5, 1, tzinfo=UTC)
    assert "state: ENABLED → DISABLED" in files.diff(text).stdout
    files.apply(text)
    assert owned()["nightly.backup"]["State"] == "DISABLED"
    assert files.diff(text).code == 0


def test_an_error_of_aws_ends_it_and_is_reported_with_what_was_done(files: Files) -> None:
    files.apply(NIGHTLY)
    files.stack.change("scheduler", delete_schedule=_fail_with(refusal("AccessDeniedException", "DeleteSchedule")))
    ran = files.apply(OTHER, "--yes")
    assert ran.code == 1
    assert ran.stdout.splitlines() == [
        "FAILED    nightly.audit (remove)",
        "not done  nightly.backup (remove)",
        "not done  nightly.prune (remove)",
        "created   weekly.audit",
        "created   weekly.backup",
        "created   weekly.prune",
        "3 done, 3 not done, 0 unchanged",
    ]
    assert "gaussdb-backup: An error occurred (AccessDeniedException)" in ran.stderr
    assert "then apply the file again" in ran.stderr
    del files.stack.clients["scheduler"]
    assert files.apply(OTHER, "--yes").code == 0


def _fail_with(error: Exception) -> Callable[..., Any]:
    def call(**_: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize("method", ["get_paginator", "get_schedule"])
def test_schedules_that_may_not_be_read(files: Files, method: str) -> None:
    refused = _fail_with(refusal("AccessDeniedException", method))
    files.stack.change("scheduler", **{method: lambda *_, **__: refused()})
    ran = files.diff(NIGHTLY)
    assert (ran.code, ran.stdout) == (1, "")
    assert "get this permission (docs/deploying.md), then repeat it" in ran.stderr


@pytest.mark.parametrize("output", ["PlanQueueArn", "FailedInvocationsQueueArn", "SchedulesRoleArn"])
def test_a_stack_that_is_older_than_an_output(files: Files, output: str) -> None:
    del files.stack.outputs[output]
    ran = files.diff(NIGHTLY)
    assert (ran.code, ran.stdout) == (1, "")
    assert f"has no output {output}" in ran.stderr


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_a_wrong_file_is_not_compared(files: Files, command: str) -> None:
    ran = getattr(files, command)(NIGHTLY.replace("max_age_hours: 26", "max_age_hours: 0\n      x: 1"))
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "plans.yaml:11:22: plans.nightly.audit.max_age_hours: expected a number of hours above 0, at most 8784; got 0",
        (
            "plans.yaml:12:7: plans.nightly.audit.x: no such field (there are schedule, max_age_hours, catch_up, "
            "count_automatic, days, read_protection)"
        ),
        "gaussdb-backup: plans.yaml has 2 errors",
        "  → correct what is named above, then: gaussdb-backup plans check FILE",
    ]
    assert owned() == {}


class Racing:
    """Another `apply` that does something just before this one."""

    def __init__(self, stack: StackUnderTest, method: str, act: Callable[[], Any]) -> None:
        real = getattr(boto3.client("scheduler"), method)
        self.acts = [act]

        def call(**arguments: Any) -> Any:
            if self.acts:
                self.acts.pop()()
            return real(**arguments)

        stack.change("scheduler", **{method: call})


def test_a_schedule_that_another_apply_has_just_created_is_compared_once_more(files: Files) -> None:
    Racing(files.stack, "create_schedule", lambda: put_mine(files, "cron(0 1 * * ? *)"))
    assert files.apply(NIGHTLY).code == 0
    assert owned()["nightly.audit"]["ScheduleExpression"] == "cron(0 7 * * ? *)"


def put_mine(files: Files, expression: str) -> None:
    files.stack.put_schedule("nightly.audit", {}, Description=MARK, ScheduleExpression=expression)


def test_a_schedule_that_somebody_else_has_just_created_is_left_alone(files: Files) -> None:
    Racing(files.stack, "create_schedule", lambda: files.stack.put_schedule("nightly.audit", {"schedule": "mine"}))
    ran = files.apply(NIGHTLY)
    assert ran.code == 1
    assert ran.stdout.startswith("FAILED    nightly.audit (create)")
    assert "was not applied from a file" in ran.stderr
    assert json.loads(deployed()["nightly.audit"]["Target"]["Input"]) == {"schedule": "mine"}


def test_a_schedule_that_was_removed_since_it_was_read_is_made_or_left(files: Files) -> None:
    client = boto3.client("scheduler")
    files.apply(NIGHTLY)
    Racing(files.stack, "update_schedule", lambda: client.delete_schedule(GroupName=GROUP, Name="nightly.audit"))
    assert files.apply(NIGHTLY.replace("0 7 *", "0 8 *")).code == 0
    assert owned()["nightly.audit"]["ScheduleExpression"] == "cron(0 8 * * ? *)"
    Racing(files.stack, "delete_schedule", lambda: client.delete_schedule(GroupName=GROUP, Name="nightly.audit"))
    assert files.apply(OTHER, "--yes").code == 0


def test_the_json_of_a_difference(files: Files) -> None:
    files.apply(NIGHTLY)
    files.stack.put_schedule("twin", {"schedule": "nightly"})
    text = (
        NIGHTLY.replace("env: prod", "env: test")
        .replace("    keep:", "    # keep:")
        .split("      schedule: cron(0 12")[0]
    )
    ran = files.diff(text + OTHER.removeprefix("plans:\n"), "--json")
    assert ran.code == 3
    hold_to_golden(ran, "plans_diff")


def test_the_json_of_what_was_applied(files: Files) -> None:
    hold_to_golden(files.apply(NIGHTLY, "--json"), "plans_apply")


def test_the_json_of_what_needs_yes(files: Files) -> None:
    files.apply(NIGHTLY)
    hold_to_golden(files.apply(OTHER, "--json"), "plans_apply_needs_yes")


def test_the_json_of_a_failure(files: Files) -> None:
    files.stack.change("scheduler", create_schedule=_fail_with(refusal("ThrottlingException", "CreateSchedule")))
    ran = files.apply(NIGHTLY, "--json")
    assert (ran.code, ran.error["code"]) == (1, "aws_error")
    hold_to_golden(ran, "plans_apply_failed")


@pytest.mark.parametrize("width", [60, 80])
def test_names_are_whole_in_a_narrow_terminal(files: Files, width: int) -> None:
    name = "production-of-the-eastern-region_2"
    files.path.write_text(NIGHTLY.replace("nightly:", f"{name}:"))
    ran = files.stack.run("plans", "apply", str(files.path), width=width)
    assert f"created   {name}.backup" in ran.stdout
    files.path.write_text(NIGHTLY.replace("nightly:", f"{name}:").replace("Nightly backup", "word " * 30))
    shown = files.stack.run("plans", "diff", str(files.path), width=width).stdout
    assert max(len(line) for line in shown.splitlines()) <= width


def make_again(stack: StackUnderTest) -> dict[str, dict[str, Any]]:
    """Begin with the schedules of others only."""
    client = boto3.client("scheduler")
    stack.clients.clear()
    for name in owned():
        client.delete_schedule(GroupName=GROUP, Name=name)
    return deployed()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILES, second=FILES)
def test_whatever_was_applied_before_the_schedules_become_those_of_the_file(
    files: Files, first: str, second: str
) -> None:
    others = make_again(files.stack)
    assert files.apply(second).code == 0
    fresh = owned()
    make_again(files.stack)
    assert files.apply(first).code == 0
    assert files.apply(second, "--yes").code == 0
    assert owned() == fresh
    assert {name: each for name, each in deployed().items() if name not in fresh} == others
    assert files.diff(second).code == 0
    for each in fresh.values():
        assert each.get("StartDate") is None or each["StartDate"] > NOW


class FailsOnce:
    """A client whose calls fail from one on, before they have an effect or after it."""

    def __init__(self, stack: StackUnderTest, number: int, *, has_effect: bool) -> None:
        real = boto3.client("scheduler")
        self.left = number
        names = ("create_schedule", "update_schedule", "delete_schedule", "get_schedule", "get_paginator")
        calls = {name: self._wrap(getattr(real, name), has_effect=has_effect) for name in names}
        stack.change("scheduler", **calls)

    def _wrap(self, method: Callable[..., Any], *, has_effect: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                if has_effect:
                    method(*arguments, **named)
                raise refusal("InternalServerException", "Any")
            return method(*arguments, **named)

        return call


@pytest.mark.parametrize("has_effect", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before", "after"])
def test_a_failure_at_any_call_is_mended_by_applying_again(files: Files, has_effect: bool) -> None:
    before = NIGHTLY + OTHER.removeprefix("plans:\n")
    after = NIGHTLY.replace("0 7 *", "0 8 *") + NIGHTLY.replace("nightly:", "monthly:").removeprefix("plans:\n")
    make_again(files.stack)
    files.apply(after)
    wanted = owned()
    failures = 0
    for number in range(100):
        make_again(files.stack)
        files.apply(before)
        FailsOnce(files.stack, number, has_effect=has_effect)
        ran = files.apply(after, "--yes")
        files.stack.clients.clear()
        if ran.code == 0:
            break
        failures += 1
        assert ran.code == 1
        assert files.apply(after, "--yes").code == 0
        assert owned() == wanted
    assert failures == 17
