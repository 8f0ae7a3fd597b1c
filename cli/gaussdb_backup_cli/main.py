"""The entry point: the list of the commands, each of which is imported when it is run."""

import importlib
from typing import TYPE_CHECKING, Any

import click

from gaussdb_backup_cli.command import report_failure, stack_options
from gaussdb_backup_cli.ending import ARGUMENTS, explain_system_error, report_error, report_usage
from gaussdb_backup_cli.failure import Exit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "status": "What became of the backups of the last day, and what waits.",
    "list": "The backups of an instance, and why each is kept.",
    "run": "Back up the instances of a plan, or one instance, now.",
    "backfill": "Find the runs of a plan that were missed, and make up for them.",
    "audit": "Which instances have a recent good backup.",
    "prune": "What the retention rules no longer keep; with --yes delete it.",
    "plans": "Check, compare and apply files with plans.",
    "redrive": "List dead-lettered messages, or send them again.",
    "doctor": "Check whether the stack works.",
}
"""The name of each command, which is that of its file, and its help in one line."""


class Commands(click.Group):
    """Imports a command when it is run: boto3 takes longer to import than `--help` to print."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return one command."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"gaussdb_backup_cli.commands.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the commands and options that begin with what was typed, without importing the commands."""
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; a help text that cannot be written is one line too."""
        try:
            return super().main(*args, **options)
        except OSError as error:
            report_failure(explain_system_error(error), as_json=False)
            raise SystemExit(Exit.FAILED) from None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the options before the name of the command; a wrong one is reported in the form that was requested."""
        given = list(args)
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise report_usage(error, given) from None
        context.meta[ARGUMENTS] = given
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; why it could not do what it was to do is one line, and a hint."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise report_usage(error, ctx.meta[ARGUMENTS]) from None
        except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt, click.Abort) as error:  # noqa: BLE001 - nobody is to see a traceback
            raise report_error(error, ctx) from None


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value and not ctx.resilient_parsing:
        import gaussdb_backup

        click.echo(f"gaussdb-backup {gaussdb_backup.__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Exit codes: {Exit.WELL} well; {Exit.FAILED} it could not be done; {Exit.USAGE} usage; "
    f"{Exit.NEEDS_YOU} done, but something needs you.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version, and end.",
)
@stack_options
def main() -> None:
    """Run scheduled manual backups of GaussDB(for MySQL): see, make, audit and prune them.

    The commands talk to the stack in your AWS account, with your AWS credentials. What deletes or sends something
    again only shows what it would do, unless --yes is given.
    """
