"""`gaussdb-backup plans`: check, compare and apply a file with plans."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gaussdb_backup_cli.command import CommandLine, stack_command, stack_options, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gaussdb_backup_cli.plans.apply import Applied
    from gaussdb_backup_cli.plans.check import Render
    from gaussdb_backup_cli.plans.difference import Change, Difference
    from gaussdb_backup_cli.schedules import DeployedSchedule
    from gaussdb_backup_cli.stack import Stack

FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group("plans")
@stack_options
def command() -> None:
    """Check, compare and apply files with plans.

    A file describes plans: which instances are backed up when, how they are audited, and how long the backups are
    kept. Its schedules are named PLAN.backup, PLAN.audit and PLAN.prune; all others are left alone.
    """


@stack_command("check", parent=command)
@FILE
@click.option("--offline", is_flag=True, help="Ask nothing of the stack: the names of backups are not rendered.")
def check_file(cli: CommandLine, file: Path, *, offline: bool) -> int:
    """Check a file: each mistake with its line, and when its schedules run next.

    Exit code 2: the file has errors. 3: it has warnings.
    """
    from gaussdb_backup_cli.plans.check import check
    from gaussdb_backup_cli.plans.plan_file import parse_plans, read_plan_file
    from gaussdb_backup_cli.plans.texts import show_check

    now = cli.now()
    plans = parse_plans(read_plan_file(file), now=now)
    render = None if offline or plans.problems else _find_renderer(cli)
    result = check(str(file), plans, render, now=now)
    cli.report(result, show_check(result, terminal_width()))
    if result["problems"]:
        return Exit.USAGE
    return Exit.NEEDS_YOU if result["warnings"] else Exit.WELL


def _find_renderer(cli: CommandLine) -> "Render | None":
    """Return what asks the stack; with a note `None` where it cannot be reached."""
    from botocore.exceptions import BotoCoreError, ClientError

    from gaussdb_backup_cli.aws import explain
    from gaussdb_backup_cli.plans.rendering import render

    try:
        stack = cli.find_stack()
    except CommandFailed as failure:
        reason = failure.message
    except (BotoCoreError, ClientError) as error:
        reason = explain(error).message
    else:
        return partial(render, stack=stack)
    cli.note(f"note: the instances are not known, and no names were rendered: {reason}")
    return None


@stack_command("diff", parent=command)
@FILE
def diff(cli: CommandLine, file: Path) -> int:
    """Compare a file with the schedules of the stack, field by field.

    Exit code 3: there are differences, or the stack's own schedule runs a plan of the file too.
    """
    from gaussdb_backup_cli.plans.texts import show_diff

    _, difference = _compare(cli, file)
    unchanged = _unchanged(difference)
    result = {
        "file": str(file),
        "differences": [_show_change(change) for change in difference.pending],
        "unchanged": unchanged,
        "warnings": _warn(cli, difference.twins),
    }
    cli.report(result, show_diff(difference.pending, len(unchanged), terminal_width()))
    return Exit.NEEDS_YOU if difference.pending or difference.twins else Exit.WELL


@stack_command("apply", parent=command)
@FILE
@click.option("--yes", is_flag=True, help="Also remove the schedules that the file no longer has.")
def apply_file(cli: CommandLine, file: Path, *, yes: bool) -> int:
    """Make the schedules of the stack those of a file.

    Exit code 3: schedules are to be removed, which needs --yes, and nothing was changed; or the stack's own schedule
    runs a plan of the file too.
    """
    from gaussdb_backup_cli.plans.apply import Applied, apply
    from gaussdb_backup_cli.plans.difference import Action

    stack, difference = _compare(cli, file)
    needs_yes = bool(difference.of(Action.REMOVE)) and not yes
    applied = Applied((), difference.pending) if needs_yes else apply(difference, stack, now=cli.now())
    _report_applied(cli, file, difference, applied, needs_yes=needs_yes)
    if applied.failure:
        hint = f"{applied.failure.hint}; then apply the file again"
        raise CommandFailed(applied.failure.code, applied.failure.message, hint)
    if needs_yes:
        names = ", ".join(change.name for change in difference.of(Action.REMOVE))
        cli.note(f"nothing was changed: the file no longer has {names}; with --yes they are removed")
    return Exit.NEEDS_YOU if needs_yes or difference.twins else Exit.WELL


def _report_applied(
    cli: CommandLine, file: Path, difference: "Difference", applied: "Applied", *, needs_yes: bool
) -> None:
    from gaussdb_backup_cli.plans.texts import show_applied

    failure, unchanged = applied.failure, _unchanged(difference)
    result = {
        "file": str(file),
        "done": [_show_change(change) for change in applied.done],
        "not_done": [_show_change(change) for change in applied.left],
        "unchanged": unchanged,
        "needs_yes": needs_yes,
        "failure": {"code": failure.code, "message": failure.message, "hint": failure.hint} if failure else None,
        "warnings": _warn(cli, difference.twins),
    }
    text = show_applied(applied.done, applied.left, len(unchanged), is_failed=failure is not None)
    cli.report(result, text)


def _compare(cli: CommandLine, file: Path) -> "tuple[Stack, Difference]":
    """Return the stack, and how its schedules differ from a file's. Raises `CommandFailed` for a wrong file."""
    from gaussdb_backup_cli.plans.desired import find_resources, make_schedules
    from gaussdb_backup_cli.plans.difference import compare
    from gaussdb_backup_cli.plans.plan_file import parse_plans, read_plan_file
    from gaussdb_backup_cli.schedules import list_schedules

    now = cli.now()
    plans = parse_plans(read_plan_file(file), now=now)
    for problem in plans.problems:
        about = f"{problem.path}: " if problem.path else ""
        cli.note(_clean(f"{file}:{problem.place.line}:{problem.place.column}: {about}{problem.message}"))
    if plans.problems:
        raise CommandFailed(
            "invalid_plan_file",
            _clean(f"{file} has {len(plans.problems)} error{'' if len(plans.problems) == 1 else 's'}"),
            "correct what is named above, then: gaussdb-backup plans check FILE",
            exit_code=Exit.USAGE,
        )
    stack = cli.find_stack()
    desired = make_schedules(plans.plans, find_resources(stack), now=now)
    return stack, compare(desired, list_schedules(stack), now=now)


def _clean(text: str) -> str:
    from gaussdb_backup.reports.texts import clean

    return clean(text)


def _unchanged(difference: "Difference") -> list[str]:
    from gaussdb_backup_cli.plans.difference import Action

    return [change.name for change in difference.of(Action.NONE)]


def _show_change(change: "Change") -> dict[str, Any]:
    fields = [{"field": each.field, "deployed": each.deployed, "file": each.file} for each in change.fields]
    return {"action": str(change.action), "schedule": change.name, "fields": fields}


def _warn(cli: CommandLine, twins: "Sequence[DeployedSchedule]") -> list[dict[str, str]]:
    """Return, and write to the person, which schedules of others run a plan of the file too."""
    warnings = []
    for twin in twins:
        message = (
            f"the schedule {twin.name} is enabled and has the label {twin.plan} too: its {twin.kind} is another one. "
            "Rename the plan, or deploy the stack with its own one disabled (ScheduleState, AuditState, PruneState)"
        )
        warnings.append({"code": "same_label", "schedule": twin.name, "message": message})
        cli.note(f"warning: {_clean(message)}")
    return warnings
