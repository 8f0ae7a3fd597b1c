"""`gaussdb-backup backfill`."""

from dataclasses import replace
from datetime import datetime, timedelta

import click

from gaussdb_backup.domain.backup_request import MAX_AGE
from gaussdb_backup_cli.backups.instances import choose_connection
from gaussdb_backup_cli.backups.listing import list_all_backups
from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.runs.backfill import Backfill, choose_runs, narrow
from gaussdb_backup_cli.runs.missed import read_past_runs, read_prunes
from gaussdb_backup_cli.runs.nominal import list_past_runs
from gaussdb_backup_cli.runs.requested import request_plan
from gaussdb_backup_cli.runs.run import Moment, read_limits
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, choose_schedule, list_schedules
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.times.moments import find_zone, parse_moment, show_utc

_TICK = timedelta(microseconds=1)


@stack_command("backfill")
@click.argument("plan")
@click.option(
    "--since", metavar="TIME", required=True, help="From when on: a time, a date, or an age such as 7d or 36h."
)
@click.option("--until", metavar="TIME", help="Until when; default now.")
@click.option("--each", is_flag=True, help="With --yes request every missed run, not only the newest.")
@click.option("--yes", is_flag=True, help="Request what was missed; without it, it is only shown.")
def command(cli: CommandLine, /, *, plan: str, since: str, until: str | None, each: bool, yes: bool) -> int:
    """Find the runs of a plan that were missed, and make up for them.

    The runs are those of the schedule's present expression, of the last 31 days at most. When the schedule was disabled
    is not known: its runs of that time are shown as missed.

    An instance has missed a run if it has no backup of it, and no good one that began before the next run. Where that
    backup may have been pruned since, or the instance may not have existed yet, it is not known, and never requested.
    A backup that is made now has today's data, whatever the time in its name: so only the newest missed run is
    requested, unless --each is given, and only for the instances that lack it.
    """
    stack = cli.find_stack()
    schedules = list_schedules(stack)
    schedule = choose_schedule(schedules, plan, Kind.BACKUP)
    begin, end = _parse_time(cli, schedule, since, until)
    found = _read(cli, stack, schedule, schedules, (begin, end))
    if not schedule.is_enabled:
        cli.note(f"note: the schedule {schedule.name} is disabled; runs while it was are none that were missed")
    if yes:
        found = _request(cli, stack, found, each=each)
    cli.report(found.to_json(), found.draw(terminal_width()))
    return Exit.NEEDS_YOU if found.needs_you else Exit.WELL


def _parse_time(
    cli: CommandLine, schedule: DeployedSchedule, since: str, until: str | None
) -> tuple[datetime, datetime]:
    zone, now = find_zone(schedule.timezone), cli.now()
    begin = parse_moment(since, zone, now=now)
    end = min(parse_moment(until, zone, now=now), now) if until else now
    if begin < now - MAX_AGE:
        raise CommandFailed(
            "too_long_ago",
            f"{since} is more than {MAX_AGE.days} days ago",
            "runs of that time can no longer be requested",
            exit_code=Exit.USAGE,
        )
    if begin >= end:
        raise CommandFailed("no_time", f"{since} is not before the end", "give an earlier time", exit_code=Exit.USAGE)
    return begin, end


def _read(
    cli: CommandLine,
    stack: Stack,
    schedule: DeployedSchedule,
    schedules: list[DeployedSchedule],
    time: tuple[datetime, datetime],
) -> Backfill:
    begin, end = time
    now, connection = cli.now(), choose_connection(None, [schedule])
    times = list_past_runs(schedule, begin - _TICK, now)
    backups = list_all_backups(stack, connection)
    runs = read_past_runs(
        stack,
        schedule.payload,
        times,
        backups=backups,
        prunes=read_prunes(schedules, connection),
        moment=Moment(now, read_limits(stack)),
    )
    chosen = [run for run in runs if run.scheduled_time <= end]
    return Backfill(schedule, begin, end, now, chosen, is_cut=backups.is_cut)


def _request(cli: CommandLine, stack: Stack, found: Backfill, *, each: bool) -> Backfill:
    requested = []
    for run in choose_runs(found.missed, each=each):
        cli.note(f"the run of {show_utc(run.scheduled_time)} is requested; repeated, nothing is made twice")
        changes = narrow(found.schedule.payload, run.missed)
        requested.append(request_plan(stack, found.schedule, run.scheduled_time, changes))
    return replace(found, requested=requested)
