"""`plans check`: mistakes with their lines, when each schedule runs next, and the names of the backups."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.helpers.command_line import Ran, StackUnderTest, hold_to_golden
from tests.helpers.plan_files import NIGHTLY
from tests.helpers.stack_in_moto import refusal

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)


class Check:
    """Runs the command on a file that a test writes."""

    def __init__(self, stack: StackUnderTest) -> None:
        self.stack = stack

    def __call__(self, text: str, *options: str, width: int = 120) -> Ran:
        Path("plans.yaml").write_text(text, encoding="utf-8")
        return self.stack.run("plans", "check", "plans.yaml", *options, width=width)


@pytest.fixture
def check(stack: StackUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.chdir(tmp_path)
    stack.now = lambda: NOW
    return Check(stack)


def test_a_file_without_a_mistake_shows_its_next_times_in_its_zone_and_in_utc(check: Check) -> None:
    ran = check(NIGHTLY, "--offline")
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "plans.yaml has 1 plan, all well",
        "",
        "nightly, times in Europe/Berlin",
        "  backup    cron(30 3 * * ? *)",
        "            2026-03-28 03:30 CET = 2026-03-28 02:30 UTC",
        "            2026-03-29 03:30 CEST = 2026-03-29 01:30 UTC",
        "            2026-03-30 03:30 CEST = 2026-03-30 01:30 UTC",
        "  audit     cron(0 7 * * ? *)",
        "            2026-03-28 07:00 CET = 2026-03-28 06:00 UTC",
        "            2026-03-29 07:00 CEST = 2026-03-29 05:00 UTC",
        "            2026-03-30 07:00 CEST = 2026-03-30 05:00 UTC",
        "  prune     cron(0 12 * * ? *)",
        "            2026-03-28 12:00 CET = 2026-03-28 11:00 UTC",
        "            2026-03-29 12:00 CEST = 2026-03-29 10:00 UTC",
        "            2026-03-30 12:00 CEST = 2026-03-30 10:00 UTC",
    ]
    assert check.stack.invoked == []


def test_the_times_are_those_between_the_dates_of_the_plan(check: Check) -> None:
    dates = '    from: 2026-04-30\n    until: "2026-05-01"\n    backup:\n'
    shown = check(NIGHTLY.replace("    backup:\n", dates), "--offline", "--json").result
    assert [each["utc"] for each in shown["plans"][0]["schedules"][0]["next"]] == [
        "2026-04-30T01:30:00Z",
        "2026-05-01T01:30:00Z",
    ]


def test_a_rate_counts_from_its_begin(check: Check) -> None:
    text = NIGHTLY.replace("    backup:\n", "    from: 2026-04-30T03:15\n    backup:\n").replace(
        "cron(30 3 * * ? *)", "rate(12 hours)"
    )
    shown = check(text, "--offline", "--json").result["plans"][0]["schedules"][0]["next"]
    assert [each["local"] for each in shown] == [
        "2026-04-30T03:15:00+02:00",
        "2026-04-30T15:15:00+02:00",
        "2026-05-01T03:15:00+02:00",
    ]


def test_names_are_rendered_for_the_instances_that_there_are(check: Check) -> None:
    ran = check(NIGHTLY.replace("    select: {tags: {env: prod}}\n", "").replace("{scheduled_time:%Y%m%d-%H%M}", "x"))
    assert ran.code == 3
    assert "  instances 0 rejected, 0 skipped, 3 queued" in ran.stdout.splitlines()
    names = [line.split()[1] for line in ran.stdout.splitlines() if line.startswith("    name")]
    assert names == ["nightly-orders-x", "nightly-stock---bung--x", "nightly-billing-x"]
    [(function, event)] = check.stack.invoked
    assert (function, event["dry_run"], "scheduled_time" in event) == ("dispatch_backups", True, False)
    assert check.stack.deployment.counts("BACKUP_QUEUE_URL") == (0, 0)


def test_an_instance_that_cannot_be_backed_up_is_a_warning_with_the_reason(check: Check) -> None:
    ids = "{instance_ids: ['99999999999999999999999999999999in07']}"
    ran = check(NIGHTLY.replace("{tags: {env: prod}}", ids))
    assert ran.code == 3
    assert "1 selected by it cannot be backed up: the project has no such instance" in ran.stdout
    assert "    rejected  99999999999999999999999999999999in07: the project has no such instance" in ran.stdout


def test_a_plan_that_selects_nothing_is_a_warning(check: Check) -> None:
    ran = check(NIGHTLY.replace("env: prod", "env: other"))
    assert ran.code == 3
    assert "WARNING   plans.yaml:3:13: nightly.select: no instance of the project is selected" in ran.stdout


def test_a_plan_whose_connection_does_not_work_is_a_warning(check: Check) -> None:
    ran = check(NIGHTLY.replace("    backup:\n", "    connection: other\n    backup:\n"))
    assert ran.code == 3
    assert "its instances are not known: " in ran.stdout
    assert "  instances not known: " in ran.stdout


def test_aws_refuses_the_dry_run(check: Check) -> None:
    check.stack.change("lambda", invoke=_fail_with(refusal("AccessDeniedException", "Invoke")))
    ran = check(NIGHTLY)
    assert ran.code == 3
    assert "its instances are not known: An error occurred (AccessDeniedException)" in " ".join(ran.stdout.split())


def _fail_with(error: Exception) -> Callable[..., Any]:
    def call(**_: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize("error", [None, EndpointConnectionError(endpoint_url="https://cloudformation")])
def test_without_a_stack_the_file_is_checked_all_the_same(check: Check, error: Exception | None) -> None:
    if error is None:
        ran = check(NIGHTLY, "--stack", "other")
    else:
        check.stack.change("cloudformation", describe_stacks=_fail_with(error))
        ran = check(NIGHTLY)
    assert ran.code == 0
    assert ran.stderr.startswith("note: the instances are not known, and no names were rendered: ")
    assert "plans.yaml has 1 plan, all well" in ran.stdout


def test_offline_opens_no_account(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("an account was opened")

    monkeypatch.setattr(check.stack, "open_account", refuse)
    assert check(NIGHTLY, "--offline").code == 0


def test_mistakes_are_errors_and_the_stack_is_not_invoked(check: Check) -> None:
    ran = check(NIGHTLY.replace("max_age_hours: 26", "max_age_hours: 0"))
    assert (ran.code, ran.stderr) == (2, "")
    assert ran.stdout.splitlines() == [
        "plans.yaml has 1 error",
        (
            "ERROR     plans.yaml:11:22: plans.nightly.audit.max_age_hours: expected a number of hours above 0, "
            "at most 8784; got 0"
        ),
    ]
    assert check.stack.invoked == []


def test_a_warning_has_its_line(check: Check) -> None:
    ran = check(NIGHTLY.replace("dry_run: false", "dry_run: true"), "--offline")
    assert ran.code == 3
    assert ran.stdout.splitlines()[:3] == [
        "plans.yaml has 1 plan and 1 warning",
        "WARNING   plans.yaml:14:7: nightly.keep: keep deletes nothing: dry_run is true unless the file has false",
        "",
    ]


@pytest.mark.parametrize("path", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_one_line_and_a_hint(check: Check, path: str) -> None:
    ran = check.stack.run("plans", "check", path)
    assert (ran.code, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 2


def test_the_json_of_a_file_with_warnings(check: Check) -> None:
    text = NIGHTLY.replace("-{scheduled_time:%Y%m%d-%H%M}", "").replace("dry_run: false", "dry_run: true")
    ran = check(text, "--json")
    assert ran.code == 3
    hold_to_golden(ran, "plans_check")


def test_the_json_of_a_file_with_mistakes(check: Check) -> None:
    good = "  weekly: {backup: {schedule: rate(7 days)}, paused: true}\n"
    ran = check(NIGHTLY.replace("catch_up: true", "catch_up: yes") + good, "--json")
    assert ran.code == 2
    hold_to_golden(ran, "plans_check_mistakes")


def test_hostile_texts_do_not_reach_the_terminal(check: Check) -> None:
    text = 'plans:\n  "a\\e[31m\\u202e":\n    backup: {schedule: "rate(1 day)", "x\\e[0m": "\\a"}\n'
    ran = check(text, "--offline")
    assert ran.code == 2
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.stdout + ran.stderr)


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_a_narrow_terminal(check: Check, width: int) -> None:
    text = NIGHTLY.replace("30 3 *", "30 2 *").replace("dry_run: false", "dry_run: true").replace("0 7 *", "0 3 *")
    ran = check(text, width=width)
    assert ran.code == 3
    assert max(len(line) for line in ran.stdout.splitlines()) <= width


def test_a_disabled_plan_is_shown_as_such(check: Check) -> None:
    ran = check(NIGHTLY.replace("    backup:\n", "    paused: true\n    backup:\n"), "--offline")
    assert "nightly, paused, times in Europe/Berlin" in ran.stdout
