"""What all commands have in common: options, the stack, the two forms of output, exit codes."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate

import click

from gaussdb_backup_cli.failure import CommandFailed

if TYPE_CHECKING:
    from gaussdb_backup_cli.aws import Account
    from gaussdb_backup_cli.stack import Stack

VERSION = 1
"""Of the JSON form. Fields may be added; one that is removed, or means another thing, makes the next version."""
DEFAULT_STACK = "gaussdb-backup"
MARKS = {"■": "#", "▨": "=", "×": "x", "·": "-", "–": "-", "✗": "X", "✓": "v", "…": "~", "→": ">"}
"""Marks of the texts, and what takes their place where the encoding of stdout has none for them."""
_OPTIONS = "gaussdb_backup_cli.options"


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def _open_account(**options: Any) -> "Account":
    from gaussdb_backup_cli.aws import open_account

    return open_account(**options)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a command gets from outside; tests give others."""

    open_account: Callable[..., "Account"] = _open_account
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] | None = None


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One command as it was typed."""

    command: str
    stack_name: str
    profile: str | None
    region: str | None
    local: bool
    as_json: bool
    dependencies: Dependencies

    def now(self) -> datetime:
        """Return the present time."""
        return self.dependencies.now()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        import time

        (self.dependencies.sleep or time.sleep)(seconds)

    def open_account(self) -> "Account":
        """Return the account that the options name. Raises `CommandFailed`."""
        return self.dependencies.open_account(profile=self.profile, region=self.region, local=self.local)

    def find_stack(self) -> "Stack":
        """Return the stack that the options name. Raises `CommandFailed`.

        One of another version is used, with a note.
        """
        import gaussdb_backup
        from gaussdb_backup_cli.stack import find_stack

        stack = find_stack(self.open_account(), self.stack_name)
        if stack.version != gaussdb_backup.__version__:
            version = stack.version or "an older version"
            self.note(
                f"note: the stack {stack.name} is of {version}, this command line of {gaussdb_backup.__version__}"
            )
        return stack

    def report(self, result: Mapping[str, Any], text: str) -> None:
        """Write what the command is for to stdout: the text for a person, or the result as JSON."""
        if not self.as_json:
            write(text)
            return
        at = self.now().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        envelope = {"version": VERSION, "command": self.command, "at": at, "stack": self.stack_name, "result": result}
        write_json(envelope)

    def note(self, text: str) -> None:
        """Write to the person at the terminal, not into what is read by a program."""
        click.echo("\n".join(_clean(line) for line in text.split("\n")), err=True)

    def option_text(self) -> str:
        """Return the options that another command needs to have the same stack, such as ` --stack other`."""
        options = [] if self.stack_name == DEFAULT_STACK else ["--stack", self.stack_name]
        options += ["--profile", self.profile] if self.profile else []
        options += ["--region", self.region] if self.region else []
        options += ["--local"] if self.local else []
        return "".join(f" {part}" for part in options)


def write(text: str) -> None:
    """Write to stdout at once, with its own marks replaced where the encoding of stdout has none for them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    click.echo(fit_encoding(text.rstrip("\n"), encoding), color=has_colours())


def write_json(document: Mapping[str, Any]) -> None:
    """Write JSON to stdout at once, whole in any encoding: what that does not have is escaped."""
    text, encoding = json.dumps(document, indent=2, ensure_ascii=False), getattr(sys.stdout, "encoding", None)
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    click.echo(text)


def _clean(text: str) -> str:
    """Return a whole text, however long, with � for each character that would steer a terminal."""
    from gaussdb_backup.reports.texts import MAX_SHOWN, clean

    return "".join(clean(text[at : at + MAX_SHOWN]) for at in range(0, len(text), MAX_SHOWN))


def fit_encoding(text: str, encoding: str) -> str:
    """Return a text as an encoding can show it: another mark of one column for each of our own, `?` for the rest."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        missing = {mark for mark in MARKS if mark.encode(encoding, errors="replace") == b"?"}
        shown = text.translate({ord(mark): MARKS[mark] for mark in missing})
        return shown.encode(encoding, errors="replace").decode(encoding)
    return text


def has_colours() -> bool:
    """Return whether stdout is a terminal that shows colours, and nobody objects (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return the columns of the terminal; elsewhere 120, or what COLUMNS has."""
    import shutil

    return shutil.get_terminal_size(fallback=(120, 40)).columns


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep an option that was given, before or after the name of the command; the last one counts."""
    if value == "":
        raise click.BadParameter("it is empty.", context, parameter)
    options = context.meta.setdefault(_OPTIONS, {})
    if value not in (None, False):
        options[parameter.name] = value


def stack_options[T: Callable[..., Any]](function: T) -> T:
    """Add the options that all commands have."""
    kept: dict[str, Any] = {"expose_value": False, "callback": _remember}
    options = (
        click.option(
            "--stack", metavar="NAME", help=f"The stack; default GAUSSDB_BACKUP_STACK or {DEFAULT_STACK}.", **kept
        ),
        click.option("--profile", metavar="NAME", help="The profile of the AWS configuration.", **kept),
        click.option("--region", metavar="NAME", help="The AWS region.", **kept),
        click.option(
            "--local", is_flag=True, help="The emulated clouds of `make local-stack`, without an account.", **kept
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="Print JSON, whose form is stable, instead of text.", **kept
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def stack_command[**P](
    name: str, *, parent: click.Group | None = None
) -> Callable[[Callable[Concatenate[CommandLine, P], int]], click.Command]:
    """Make a command of a function that gets the `CommandLine` and the command's own arguments.

    It returns the exit code. The first line of its docstring is the short help.
    """

    def decorate(function: Callable[Concatenate[CommandLine, P], int]) -> click.Command:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            context = click.get_current_context()
            _refuse_empty(context)
            context.exit(function(read_command_line(context), *args, **kwargs))

        make = click.command if parent is None else parent.command
        return make(name, short_help=(function.__doc__ or "").splitlines()[0])(stack_options(run))

    return decorate


def _refuse_empty(context: click.Context) -> None:
    """Refuse an empty value, as an unset variable of a shell makes it. Only a description may be empty."""
    for parameter in context.command.params:
        if context.params.get(parameter.name or "") == "" and parameter.name != "description":
            raise click.BadParameter("it is empty.", context, parameter)


def read_command_line(context: click.Context) -> CommandLine:
    """Return the command line from the options that were given."""
    options: Mapping[str, Any] = context.meta.get(_OPTIONS, {})
    dependencies = context.find_object(Dependencies) or Dependencies()
    names = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        names.append(here.info_name or "")
        here = here.parent
    return CommandLine(
        command=" ".join(reversed(names)),
        stack_name=options.get("stack") or os.environ.get("GAUSSDB_BACKUP_STACK") or DEFAULT_STACK,
        profile=options.get("profile"),
        region=options.get("region"),
        local=bool(options.get("local")),
        as_json=bool(options.get("as_json")),
        dependencies=dependencies,
    )


def report_failure(failure: CommandFailed, *, as_json: bool) -> None:
    """Write why a command could not do it to stderr: one line and a hint, or JSON."""
    if as_json:
        error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        click.echo(json.dumps({"version": VERSION, "error": error}), err=True)
        return
    hint = f"\n  → {_clean(failure.hint)}" if failure.hint else ""
    click.echo(f"gaussdb-backup: {_clean(failure.message)}{hint}", err=True)


def is_json(context: click.Context) -> bool:
    """Return whether JSON was requested."""
    return bool(context.meta.get(_OPTIONS, {}).get("as_json"))
