"""`gaussdb-backup redrive`: dead-lettered messages, listed or sent again."""

import shlex
from typing import TYPE_CHECKING

import click

from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from gaussdb_backup_cli.stack import Stack


@stack_command("redrive")
@click.argument("ids", metavar="[ID…]", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="List the messages, which is done without --yes anyway.")
@click.option("--queue", type=click.Choice(["plans", "requests", "tracking"]), help="Only the messages of this queue.")
@click.option("--yes", is_flag=True, help="Send them again. Without it they are listed.")
def command(cli: CommandLine, ids: tuple[str, ...], only_list: bool, queue: str | None, yes: bool) -> int:  # noqa: FBT001 - click passes options by name
    """List dead-lettered messages, or send them again.

    With ID only the messages whose ids begin with it. Each message goes to the queue that it belongs to, and keeps its
    run, so that no backup is made twice. Listing hides messages for a moment and changes nothing else.

    Exit codes: 0 there are none, or all that were meant were sent again; 3 some are left.
    """
    if only_list and yes:
        raise CommandFailed("usage", "--list and --yes contradict each other", "give one", exit_code=Exit.USAGE)
    if "" in ids:
        raise CommandFailed("usage", "an empty ID names every message", "leave it away", exit_code=Exit.USAGE)
    stack = cli.find_stack()
    if yes:
        return _send(cli, stack, ids, queue)
    return _list(cli, stack, ids, queue)


def _list(cli: CommandLine, stack: "Stack", ids: tuple[str, ...], queue: str | None) -> int:
    from gaussdb_backup_cli.redrive.listing import list_messages
    from gaussdb_backup_cli.redrive.results import describe_list
    from gaussdb_backup_cli.redrive.stack_queues import open_others, open_queues
    from gaussdb_backup_cli.redrive.texts import render_list
    from gaussdb_backup_cli.times.moments import find_zone

    queues = open_queues(stack, queue) + ([] if queue else open_others(stack))
    listed = [list_messages(each).only(ids) for each in queues]
    if all(each.stopped_by for each in listed):
        hint = "get the permissions of the queues (docs/reference/command_line.md), then repeat it"
        raise CommandFailed("not_read", f"no dead-letter queue can be read: {listed[0].stopped_by}", hint)
    arguments = "".join(f" {shlex.quote(each)}" for each in ids) + (f" --queue {queue}" if queue else "")
    hint = f"gaussdb-backup redrive{arguments}{cli.option_text()} --yes"
    zone, width = find_zone(stack.parameters.get("ScheduleTimezone") or "UTC"), max(40, terminal_width())
    cli.report(describe_list(listed), render_list(listed, zone=zone, now=cli.now(), width=width, hint=hint))
    if shown := sum(len(each.messages) for each in listed):
        cli.note(f"{shown} listed; they are visible in their queues again")
    return Exit.NEEDS_YOU if any(each.count or each.stopped_by for each in listed) else Exit.WELL


def _send(cli: CommandLine, stack: "Stack", ids: tuple[str, ...], queue: str | None) -> int:
    from gaussdb_backup_cli.redrive.results import describe_redriven
    from gaussdb_backup_cli.redrive.sending import ALL, redrive, time_of_sqs
    from gaussdb_backup_cli.redrive.stack_queues import OTHERS, open_queues
    from gaussdb_backup_cli.redrive.texts import render_redriven

    queues = open_queues(stack, queue)
    started_at = time_of_sqs(stack.client("sqs"), queues[0].queue.url, now=cli.now())
    results = {}
    for each in queues:
        results[each.name] = redrive(each.queue, started_at=started_at, now=cli.now, ids=ids or ALL)
    others = {} if queue or ids else _count_others(cli, stack)
    cli.report(describe_redriven(results, others, OTHERS), render_redriven(results, others, OTHERS))
    sent = {id_ for each in results.values() for id_ in each.sent}
    missing = [each for each in ids if not any(id_.startswith(each) for id_ in sent)]
    if missing:
        cli.note(f"not sent again: {', '.join(missing)}")
    is_well = not missing and not any(others.values()) and not any(each.needs_you for each in results.values())
    return Exit.WELL if is_well else Exit.NEEDS_YOU


def _count_others(cli: CommandLine, stack: "Stack") -> dict[str, int]:
    """Return the messages that cannot be sent again; a queue that cannot be read is a note, since others were sent."""
    from botocore.exceptions import BotoCoreError, ClientError

    from gaussdb_backup_cli.redrive.stack_queues import open_others

    counts = {}
    for each in open_others(stack):
        try:
            counts[each.name] = each.queue.count()
        except (BotoCoreError, ClientError) as error:
            cli.note(f"note: {each.name} could not be read: {error}")
    return counts
