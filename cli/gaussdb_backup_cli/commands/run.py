"""`gaussdb-backup run`."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import click

from gaussdb_backup_cli.backups.instances import choose_connection, choose_instance, list_instances
from gaussdb_backup_cli.backups.listing import list_backups
from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.runs.requested import RequestedRun, find_plan, request_instance, request_plan, summarize_end
from gaussdb_backup_cli.runs.run import InstanceRun, read_limits
from gaussdb_backup_cli.runs.waiting import Watch, describe_run, wait_for
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, list_schedules
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.tables import align, colour
from gaussdb_backup_cli.times.moments import find_zone, parse_time, show_utc, show_zone

INTERRUPTED = 130
"""As a shell reports a command that Ctrl-C ended."""


@stack_command("run")
@click.argument("target", metavar="PLAN|INSTANCE")
@click.option("--scheduled-time", metavar="TIME", help="Of the run, to repeat one; default now.")
@click.option("--wait", is_flag=True, help="Wait until each backup has ended.")
@click.option(
    "--timeout", metavar="MINUTES", type=click.IntRange(1, 1440), default=360, show_default=True, help="Of --wait."
)
@click.option("--name-template", metavar="TEMPLATE", help="Names of the backups, instead of the plan's.")
@click.option("--description", metavar="TEXT", help="Description of the backups.")
@click.option("--connection", metavar="NAME", help="Of an instance; default that of the stack's own plan.")
def command(
    cli: CommandLine,
    /,
    *,
    target: str,
    scheduled_time: str | None,
    wait: bool,
    timeout: int,
    connection: str | None,
    **fields: str | None,
) -> int:
    """Back up the instances of a plan, or one instance, now.

    PLAN is the label of a plan, or the name of its schedule. INSTANCE is a name, an id, or the only one that begins so.

    A run is known by its scheduled time, which is printed. Repeated with --scheduled-time and the same other options it
    is the same run, of which no backup is made twice.
    """
    stack = cli.find_stack()
    schedules = list_schedules(stack)
    plan = find_plan(schedules, target)
    zone = find_zone(_zone_of(plan, schedules))
    given = {key: value for key, value in fields.items() if value is not None}
    time = parse_time(scheduled_time, zone) if scheduled_time else cli.now().astimezone(UTC).replace(microsecond=0)
    if plan is None:
        of_project = (target, choose_connection(connection, schedules))
        run = _request_instance(cli, stack, of_project, time, _with_zone(given, zone))
    else:
        _check_connection(target, connection)
        run = _request_plan(cli, stack, plan, target, time, given)
    try:
        outcome = _wait(cli, stack, run, zone, timedelta(minutes=timeout)) if wait and not run.is_dry_run else None
    except KeyboardInterrupt:
        cli.note(f"not waited for any longer: the run goes on. See it with: gaussdb-backup{cli.option_text()} status")
        return INTERRUPTED
    result = run.to_json(outcome)
    cli.report(result, _draw(run, outcome, zone))
    return Exit.NEEDS_YOU if result["needs_you"] else Exit.WELL


def _request_plan(
    cli: CommandLine, stack: Stack, plan: DeployedSchedule, target: str, time: datetime, given: dict[str, Any]
) -> RequestedRun:
    known = list_instances(stack, choose_connection(None, [plan]))
    if any(target in (one.name, one.id) for one in known):
        cli.note(f"note: {target} is a plan and an instance; the plan is run. For the instance give its id")
    cli.note(_describe_repetition(time))
    return request_plan(stack, plan, time, given)


def _request_instance(
    cli: CommandLine, stack: Stack, target: tuple[str, str], time: datetime, given: dict[str, Any]
) -> RequestedRun:
    name, connection = target
    instance = choose_instance(list_instances(stack, connection), name)
    cli.note(_describe_repetition(time))
    return request_instance(stack, instance, connection, time, given)


def _describe_repetition(time: datetime) -> str:
    again = f"--scheduled-time {show_utc(time)}"
    return f"run of {show_utc(time)}; if it is interrupted, repeat with {again}: the same run, nothing is made twice"


def _zone_of(plan: DeployedSchedule | None, schedules: list[DeployedSchedule]) -> str:
    plans = [plan] if plan else [each for each in schedules if each.kind is Kind.BACKUP]
    return plans[0].timezone if plans else "UTC"


def _with_zone(given: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    """Return the fields with the plan's zone for the time in a template that was given."""
    return {**given, "timezone": str(zone)} if "name_template" in given else given


def _check_connection(target: str, connection: str | None) -> None:
    if connection:
        raise CommandFailed(
            "plan_has_connection",
            f"the plan {target} has its own connection",
            "leave out --connection, or name an instance",
            exit_code=Exit.USAGE,
        )


def _wait(cli: CommandLine, stack: Stack, run: RequestedRun, zone: tzinfo, timeout: timedelta) -> list[InstanceRun]:
    expected = [each.expected for each in run.requests]
    ids = [one.instance.id for one in expected if one.backup_name]
    watch = Watch(
        read=lambda: list_backups(stack, run.connection, ids),
        now=cli.now,
        sleep=cli.sleep,
        note=cli.note,
        limits=read_limits(stack),
        zone=zone,
    )
    return wait_for(expected, run.scheduled_time, timeout=timeout, watch=watch)


def _draw(run: RequestedRun, outcome: list[InstanceRun] | None, zone: tzinfo) -> str:
    head = f"{run.plan or run.requests[0].expected.instance.title}  {show_utc(run.scheduled_time)}"
    head += f" ({show_zone(run.scheduled_time, zone)})"
    if not outcome:
        rows, end = run.to_rows(), run.summarize()
    else:
        rows = [[one.state.value, one.instance.title, describe_run(one)] for one in outcome]
        end = summarize_end(outcome)
    return "\n".join([head, *map(colour, align(rows, width=terminal_width())), end])
