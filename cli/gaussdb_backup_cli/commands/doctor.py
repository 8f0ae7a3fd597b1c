"""`gaussdb-backup doctor`: whether the stack works."""

import shlex
from typing import TYPE_CHECKING

import click

from gaussdb_backup_cli.command import DEFAULT_STACK, CommandLine, stack_command, terminal_width
from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from gaussdb_backup_cli.checks.resources import Subject


@stack_command("doctor")
@click.option("--after-deploy", is_flag=True, help="Exit with 0 where it works, even if something needs you.")
def command(cli: CommandLine, after_deploy: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Check whether the stack works.

    Nothing is changed. The stack's own plan is dispatched as a dry run, which reads the secret, makes one signed call
    and no backup.

    Exit codes: 0 all is well; 1 something failed, or it could not be checked at all; 3 the stack works as far as it
    can, but something needs you. A first deployment has a disabled schedule, and perhaps no secret yet.
    """
    from gaussdb_backup_cli.checks.results import judge
    from gaussdb_backup_cli.checks.run import check_stack
    from gaussdb_backup_cli.checks.text import render_results

    subject = _open(cli)
    cli.note(f"checking the stack {subject.stack.name}, which may take a minute")
    results = list(check_stack(subject))
    region = subject.stack.account.region
    text = render_results(results, stack=subject.stack.name, region=region, width=max(40, terminal_width()))
    cli.report({"region": region, "checks": [result.to_json() for result in results]}, text)
    code = judge(results)
    return Exit.WELL if after_deploy and code is Exit.NEEDS_YOU else code


def _open(cli: CommandLine) -> "Subject":
    """Return what is checked: a stack in whatever state it is. Raises `CommandFailed` and what boto3 raises."""
    from gaussdb_backup_cli.checks.resources import DISPATCH_FUNCTION, Subject, list_resources
    from gaussdb_backup_cli.checks.results import Actions
    from gaussdb_backup_cli.checks.stack_checks import COMPLETE
    from gaussdb_backup_cli.stack import describe_stack

    stack = describe_stack(cli.open_account(), cli.stack_name)
    resources = list_resources(stack.client("cloudformation"), stack.name)
    if resources.id_of(DISPATCH_FUNCTION) is None and stack.status in COMPLETE:
        hint = "name it with --stack, or set GAUSSDB_BACKUP_STACK"
        raise CommandFailed("other_stack", f"{stack.name} is no stack of gaussdb-backup", hint)
    given = {"region": cli.region, "profile": cli.profile}
    options = "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items() if value)
    is_default = stack.name == DEFAULT_STACK
    return Subject(stack, resources, Actions(stack.name, is_default, options, cli.option_text()), cli.now())
