"""`gaussdb-backup list`."""

import re
from collections.abc import Sequence

import click

from gaussdb_backup.domain.backup_request import INSTANCE_ID
from gaussdb_backup_cli.backups.instances import Instance, choose_connection, choose_instance, list_instances
from gaussdb_backup_cli.backups.kept import SHOWN, InstanceBackups, read_prunes
from gaussdb_backup_cli.backups.listing import list_backups
from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, list_schedules
from gaussdb_backup_cli.stack import Stack


@stack_command("list")
@click.argument("instance")
@click.option("--all", "everything", is_flag=True, help=f"Every backup, not the newest {SHOWN}.")
@click.option("--connection", metavar="NAME", help="The connection; default that of the stack's own plan.")
def command(cli: CommandLine, /, *, instance: str, everything: bool, connection: str | None) -> int:
    """The backups of an instance, and why each is kept.

    INSTANCE is a name, an id, or the only one that begins so; of a deleted instance it is the whole id. Manual backups
    are listed, whoever made them, the newest first.

    Why a backup is kept is what the prune of a schedule would decide now. What "would go" is deleted by its next run,
    unless that is disabled or a dry run.
    """  # noqa: D401 - what --help shows
    stack = cli.find_stack()
    schedules = list_schedules(stack)
    connection = choose_connection(connection, schedules)
    chosen = _choose(stack, connection, instance)
    listed = list_backups(stack, connection, [chosen.id], with_orphans=True)
    if chosen.name == "" and not listed.total:
        choose_instance([], instance)
    found = InstanceBackups(
        instance=chosen,
        connection=connection,
        timezone=_find_timezone(schedules, connection),
        listed=listed,
        prunes=read_prunes(stack, schedules, connection, chosen, note=cli.note),
        shown=None if everything else SHOWN,
    )
    cli.report(found.to_json(), found.draw(terminal_width()))
    return Exit.WELL


def _choose(stack: Stack, connection: str, given: str) -> Instance:
    """Return the instance; one that the project does not have is only its id. Raises `CommandFailed`."""
    try:
        return choose_instance(list_instances(stack, connection), given)
    except CommandFailed as failure:
        if failure.code == "no_instance" and re.fullmatch(INSTANCE_ID, given):
            return Instance(given, "")
        raise


def _find_timezone(schedules: Sequence[DeployedSchedule], connection: str) -> str:
    plans = [each for each in schedules if each.kind is Kind.BACKUP]
    own = [each for each in plans if each.payload.get("connection", "default") == connection]
    return (own or plans)[0].timezone if plans else "UTC"
