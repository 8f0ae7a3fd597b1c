"""What is allowed in a file with plans, and hardly meant."""

from datetime import UTC, datetime

import pytest

from gaussdb_backup_cli.plans.plan_file import parse_plans
from gaussdb_backup_cli.plans.plan_warnings import find_warnings
from tests.helpers.plan_files import NIGHTLY

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def warnings_of(text: str, now: datetime = NOW) -> list[tuple[str, str, str]]:
    plans = parse_plans(text, now=now)
    assert plans.problems == []
    return [(each.code, each.plan, each.message) for each in find_warnings(plans.plans, now=now)]


def change(*changes: tuple[str, str]) -> str:
    text = NIGHTLY
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


def test_a_plan_may_have_nothing_to_point_out() -> None:
    assert warnings_of(NIGHTLY) == []


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        (
            [("30 3 *", "30 2 *")],
            "clock_skips",
            "the backup does not run at 2027-03-28 02:30: the clock of Europe/Berlin skips this time",
        ),
        (
            [("0 7 *", "0/15 2,7 *")],
            "clock_skips",
            (
                "the audit does not run at 2027-03-28 02:00, 2027-03-28 02:15, 2027-03-28 02:30 and 1 more: the clock "
                "of Europe/Berlin skips this time"
            ),
        ),
        ([("dry_run: false", "dry_run: true")], "keep_dry_run", "keep deletes nothing: dry_run is true"),
        ([("      dry_run: false\n", "")], "keep_dry_run", "keep deletes nothing: dry_run is true"),
        (
            [("0 7 *", "29 4 *")],
            "audit_too_early",
            "the audit of 2026-12-02 04:29 follows the backup of 2026-12-02 03:30 within an hour",
        ),
        (
            [("0 7 *", "30 3 *")],
            "audit_too_early",
            "the audit of 2026-12-02 03:30 follows the backup of 2026-12-02 03:30",
        ),
        (
            [("cron(0 7 * * ? *)", "cron(0 7 ? * MON *)")],
            "audit_too_rare",
            "169 h may lie between two audits, more than max_age_hours (26 h)",
        ),
        (
            [("cron(30 3 * * ? *)", "cron(30 3 ? * MON-FRI *)")],
            "age_too_short",
            "73 h may lie between two backups: the audit reports each instance as late then",
        ),
        ([("max_age_hours: 26", "max_age_hours: 24")], "age_too_short", "25 h may lie between two backups"),
        (
            [("cron(30 3 * * ? *)", "cron(30 3,15 * * ? *)"), ("-%H%M", "")],
            "equal_names",
            "the backups of 2026-12-02 03:30 and 2026-12-02 15:30 have the same name, so the second is not made",
        ),
        (
            [("cron(30 3 * * ? *)", "cron(0/30 3 * * ? *)"), ("-%H%M", "-%H")],
            "equal_names",
            "the backups of 2026-12-02 03:00 and 2026-12-02 03:30 have the same name",
        ),
        (
            [("      last: 3\n", "      last: 3\n      name_prefix: orders-\n")],
            "other_prefix",
            "keep has the prefix orders-, but the names of this plan begin with nightly-: it deletes none of them",
        ),
        (
            [("catch_up: true", "days: 30")],
            "keeps_too_little",
            "the audit shows 30 days, of which keep deletes the backups of 23",
        ),
        (
            [("    backup:\n", "    until: 2026-11-30\n    backup:\n")],
            "ended",
            "the plan has ended: its schedules are disabled",
        ),
        (
            [("cron(0 12 * * ? *)", "at(2026-12-01T03:00:00)")],
            "never_runs",
            "the keep never runs: its schedule has no time that is still ahead",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_is_pointed_out(changes: list[tuple[str, str]], code: str, message: str) -> None:
    [found] = [each for each in warnings_of(change(*changes)) if each[0] == code]
    assert found[:2] == (code, "nightly")
    assert found[2].startswith(message)


@pytest.mark.parametrize(
    "changes",
    [
        [("0 7 *", "30 4 *")],
        [("cron(30 3 * * ? *)", "rate(1 hour)"), ("0 7 *", "30 4 *")],
        [("cron(30 3 * * ? *)", "at(2026-12-02T03:30:00)")],
        [("max_age_hours: 26", "max_age_hours: 25")],
        [("catch_up: true", "days: 7")],
        [("cron(30 3 * * ? *)", "cron(30 3,15 * * ? *)")],
        [("    backup:\n", "    until: 2026-12-24\n    backup:\n"), ("30 3 *", "30 2 *")],
        [("      last: 3\n", "      last: 3\n      name_prefix: night\n")],
    ],
    ids=[
        "an hour later",
        "hourly",
        "once",
        "a longest day",
        "days that are kept",
        "the hour is shown",
        "over by then",
        "p",
    ],
)
def test_what_is_not_pointed_out(changes: list[tuple[str, str]]) -> None:
    assert warnings_of(change(*changes)) == []


BACKUP = "backup: {{schedule: rate(1 day), name_template: '{}'}}"
KEEP = "keep: {schedule: rate(1 day), daily: 7, dry_run: false}"
TIME = "{instance_id:.8}-{scheduled_time:%Y%m%d%H%M}"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (BACKUP.format(f"x-{TIME}"), BACKUP.format(f"x-{TIME}"), [("plans_collide", "night-b")]),
        (BACKUP.format(f"{{schedule}}-b-{TIME}"), BACKUP.format(f"night-b-{TIME}"), [("plans_collide", "night-b")]),
        (BACKUP.format(f"{{schedule}}-{TIME}"), BACKUP.format(f"{{schedule}}-{TIME}"), []),
        (f"connection: eu, {BACKUP.format(f'x-{TIME}')}", BACKUP.format(f"x-{TIME}"), []),
        (f"{KEEP}, {BACKUP.format(f'x-{TIME}')}", BACKUP.format(f"x-b-{TIME}"), [("keeps_others", "night")]),
        (BACKUP.format(f"x-{TIME}"), f"{KEEP}, {BACKUP.format(f'x-b-{TIME}')}", []),
        (
            f"select: {{instance_ids: [{'a' * 32}]}}, {BACKUP.format(f'x-{TIME}')}",
            f"select: {{instance_ids: [{'b' * 32}]}}, {BACKUP.format(f'x-{TIME}')}",
            [],
        ),
    ],
    ids=["same", "filled in", "own labels", "other connection", "prefix", "longer prefix", "disjoint"],
)
def test_what_is_pointed_out_between_plans(first: str, second: str, expected: list[tuple[str, str]]) -> None:
    text = f"plans:\n  night: {{{first}}}\n  night-b: {{{second}}}\n"
    assert [(code, plan) for code, plan, _ in warnings_of(text)] == expected


def test_the_most_frequent_schedules_are_searched_at_once() -> None:
    text = change(("cron(30 3 * * ? *)", "cron(* * * * ? *)"), ("0 7 *", "* * *"), ("0 12 *", "* * *"))
    assert {code for code, _, _ in warnings_of(text)} == {"clock_skips"}
