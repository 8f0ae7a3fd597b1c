"""`gaussdb-backup status`."""

import click

from gaussdb_backup.domain.backup_request import MAX_AGE
from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.runs.run import read_limits
from gaussdb_backup_cli.status.reading import read_overview
from gaussdb_backup_cli.status.texts import draw_overview
from gaussdb_backup_cli.times.moments import parse_age


@stack_command("status")
@click.option("--since", metavar="AGE", default="24h", show_default=True, help="How far back, such as 36h or 7d.")
@click.option("--failed", is_flag=True, help="Only what needs a person.")
def command(cli: CommandLine, /, *, since: str, failed: bool) -> int:
    """What became of the backups of the last day, and what waits.

    Of each plan the last run is shown, and besides it every other manual backup of that time. FAILED, OVERDUE (still
    building after the tracking deadline), MISSING (none, and no longer started) and REJECTED need a person, as do dead
    letters and alarms; the exit code is 3 then. What is "made up" failed or was missed, but its instance has a good
    backup that began later.

    A backup is found by the name that the plan gives it now. Counts of messages are approximate.
    """  # noqa: D401 - what --help shows
    age = parse_age(since)
    if age is None or not age or age >= MAX_AGE:
        raise CommandFailed(
            "bad_age", f"{since} is no age", f"give one such as 36h or 7d, below {MAX_AGE.days}d", exit_code=Exit.USAGE
        )
    stack = cli.find_stack()
    overview = read_overview(stack, cli.now() - age, cli.now())
    for each in overview.unread:
        hint = f"\n  → {each.failure.hint}" if each.failure.hint else ""
        cli.note(f"{each.part} could not be read: {each.failure.message}{hint}")
    text = draw_overview(overview, limits=read_limits(stack), width=terminal_width(), only_failed=failed)
    cli.report(overview.to_json(), text)
    if overview.is_unknown:
        return Exit.FAILED
    return Exit.NEEDS_YOU if overview.needs_you else Exit.WELL
