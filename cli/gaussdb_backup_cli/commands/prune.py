"""`gaussdb-backup prune`: what the retention rules no longer keep."""

import shlex
from typing import TYPE_CHECKING

import click

from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from gaussdb_backup_cli.prune.result import Pruned
    from gaussdb_backup_cli.schedules import DeployedSchedule
    from gaussdb_backup_cli.stack import Stack

REQUIRED = {"counts", "refused", "kept", "deleted", "deferred", "failed", "not_found", "dry_run"}
"""Fields of the response of a prune."""


@stack_command("prune")
@click.argument("plan", required=False)
@click.option("--yes", is_flag=True, help="Delete them. Without it nothing is deleted.")
@click.option(
    "--instance", "instances", multiple=True, metavar="ID|NAME", help="Prune this instance only; may be repeated."
)
def command(cli: CommandLine, plan: str | None, yes: bool, instances: tuple[str, ...]) -> int:  # noqa: FBT001 - click passes options by name
    """What the retention rules no longer keep; with --yes delete it.

    The rules are those of the prune schedule of PLAN, by default of the stack's own. A deleted backup cannot be
    restored by anybody. With --yes they are deleted even if the schedule itself is a dry run.

    Exit codes: 0 done, or shown; 3 it is refused, a deletion failed, or an instance was not found.
    """  # noqa: D401 - the help of the list of commands
    stack = cli.find_stack()
    prune = _Prune(cli, stack, plan, instances)
    foreseen = prune.run(dry_run=True)
    if not yes or foreseen.refused or not foreseen.counts["deleted"]:
        return prune.report(foreseen)
    prune.announce(foreseen)
    return prune.report(prune.run(dry_run=False))


class _Prune:
    """One prune by hand, which is foreseen before it is made."""

    def __init__(self, cli: CommandLine, stack: "Stack", plan: str | None, instances: tuple[str, ...]) -> None:
        from gaussdb_backup_cli.chosen_schedule import find_prune
        from gaussdb_backup_cli.prune.instances import choose_ids, read_names

        self._cli = cli
        self._stack = stack
        self._schedule: DeployedSchedule = find_prune(stack, plan)
        self._names = read_names(stack, self._schedule.payload)
        self._ids = choose_ids(instances, self._names, self._schedule.payload) if instances else None
        parts = [*([plan] if plan else []), *(f"--instance={each}" for each in instances)]
        arguments = "".join(f" {shlex.quote(part)}" for part in parts)
        self._hint = f"gaussdb-backup prune{arguments}{cli.option_text()} --yes"

    def run(self, *, dry_run: bool) -> "Pruned":
        """Make it, or foresee it. Raises `CommandFailed` and what boto3 raises."""
        from gaussdb_backup_cli.prune.event import make_prune_event
        from gaussdb_backup_cli.prune.result import Pruned

        payload = self._schedule.payload
        event = make_prune_event(payload, now=self._cli.now(), dry_run=dry_run, instance_ids=self._ids)
        response = self._stack.invoke("PruneBackups", event)
        if not response.keys() >= REQUIRED:
            hint = f"make deploy STACK={self._stack.name}"
            raise CommandFailed("odd_response", "the response of PruneBackups is none of this version", hint)
        return Pruned(self._schedule.plan, payload, response, self._names)

    def announce(self, foreseen: "Pruned") -> None:
        """Note what is about to be deleted, and what the schedule would do."""
        from gaussdb_backup_cli.prune.event import is_dry_run
        from gaussdb_backup_cli.prune.text import describe_deletion

        if is_dry_run(self._schedule.payload):
            self._cli.note(f"note: the schedule {self._schedule.name} is a dry run; --yes deletes in this run only")
        self._cli.note(f"deleting {describe_deletion(foreseen)}")

    def report(self, pruned: "Pruned") -> int:
        """Report a prune; return the exit code."""
        from gaussdb_backup_cli.prune.text import render_prune

        self._cli.report(pruned.to_json(), render_prune(pruned, width=max(40, terminal_width()), hint=self._hint))
        return Exit.NEEDS_YOU if pruned.needs_you else Exit.WELL
