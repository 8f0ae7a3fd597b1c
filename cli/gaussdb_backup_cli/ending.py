"""How a command ends that could not do what it was to do: in the form that was requested, never with a traceback."""

import os
import sys
from collections.abc import Collection

import click

from gaussdb_backup_cli.command import is_json, report_failure, write
from gaussdb_backup_cli.failure import CommandFailed, Exit

ARGUMENTS = "gaussdb_backup_cli.arguments"
"""Where a context keeps the arguments as they were typed: of a wrong command line nothing else is known."""
DEBUG = "GAUSSDB_BACKUP_DEBUG"
"""The environment variable with which a defect shows its traceback."""
NAGIOS = "--nagios"
INTERRUPTED = 130
"""As a shell reports a command that Ctrl-C ended."""
UNKNOWN = 3
"""The exit code of a plug-in of Nagios that could not check."""


def report_usage(error: click.UsageError, arguments: Collection[str]) -> click.ClickException | click.exceptions.Exit:
    """Report a wrong command line as a program reads it; return what is raised then: of text click's own error."""
    failure = CommandFailed("usage", error.format_message(), "see --help", exit_code=Exit.USAGE)
    if NAGIOS in arguments:
        return _end_plugin(failure)
    if "--json" not in arguments or isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    report_failure(failure, as_json=True)
    return click.exceptions.Exit(failure.exit_code)


def report_error(error: BaseException, context: click.Context) -> click.exceptions.Exit:
    """Report why a command ended; return what is raised then."""
    failure = error if isinstance(error, CommandFailed) else explain_error(error)
    if failure.code == "defect" and os.environ.get(DEBUG):
        import traceback

        traceback.print_exception(error)
    if NAGIOS in context.meta[ARGUMENTS] and not isinstance(error, OSError):
        return _end_plugin(failure)
    report_failure(failure, as_json=is_json(context))
    is_interrupted = isinstance(error, KeyboardInterrupt | click.Abort)
    is_plugin = NAGIOS in context.meta[ARGUMENTS]
    return click.exceptions.Exit(UNKNOWN if is_plugin else INTERRUPTED if is_interrupted else failure.exit_code)


def explain_error(error: BaseException) -> CommandFailed:
    """Return what an error means: one of AWS, of this machine, Ctrl-C, or a defect of the command line."""
    from botocore.exceptions import BotoCoreError, ClientError

    from gaussdb_backup_cli.aws import explain

    if isinstance(error, BotoCoreError | ClientError):
        return explain(error)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        hint = "see what was done with: gaussdb-backup status"
        return CommandFailed("interrupted", "interrupted: what was begun in the cloud goes on", hint)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, OSError):
        return explain_system_error(error)
    hint = f"this is a defect: set {DEBUG}=1, repeat it if that does no harm, and report what it prints"
    return CommandFailed("defect", f"unexpected error: {text}", hint)


def explain_system_error(error: OSError) -> CommandFailed:
    """Return what an error of this machine means. Nothing more is written to stdout, which may be full."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it is open until the end
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return CommandFailed("system_error", text, "correct this on the machine, then repeat it")


def _end_plugin(failure: CommandFailed) -> click.exceptions.Exit:
    from gaussdb_backup_cli.audit.nagios import describe_unknown

    write(describe_unknown(failure.message))
    return click.exceptions.Exit(UNKNOWN)
