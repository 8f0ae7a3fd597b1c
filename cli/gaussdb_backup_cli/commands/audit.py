"""`gaussdb-backup audit`: which instances have a recent good backup."""

from typing import Any

import click

from gaussdb_backup_cli.command import CommandLine, stack_command, terminal_width, write
from gaussdb_backup_cli.failure import CommandFailed, Exit

LIMIT = 20
"""Instances that have a line without --all."""


@stack_command("audit")
@click.argument("plan", required=False)
@click.option("--html", metavar="FILE", help="Write the page of the audit to FILE too, or to stdout alone (-).")
@click.option("--nagios", is_flag=True, help="Print one line, and exit, as a Nagios plug-in does.")
@click.option("--all", "show_all", is_flag=True, help=f"Print a line for every instance, not for the worst {LIMIT}.")
@click.option("--catch-up", is_flag=True, help="Request a backup of each instance that has no recent good one.")
@click.option("--days", type=click.IntRange(1, 92), metavar="N", help="Days that are shown; default as in the plan.")
def command(
    cli: CommandLine,
    plan: str | None,
    html: str | None,
    nagios: bool,  # noqa: FBT001 - click passes options by name
    show_all: bool,  # noqa: FBT001 - as above
    catch_up: bool,  # noqa: FBT001 - as above
    days: int | None,
) -> int:
    """Which instances have a recent good backup.

    Audits the instances of PLAN, by default of the stack's own plan, as its schedule does, but for the metrics of the
    schedule: no alarm ends or goes off by it. Backups are requested with --catch-up only.

    Exit codes: 0 well; 3 an instance has no recent good backup, was not found, or none was audited. With --nagios: 0
    OK, 1 WARNING (a backup is late and being made, or an instance was not found), 2 CRITICAL (an instance has no recent
    good backup, or none was audited), 3 UNKNOWN (the audit could not be made).
    """
    audit = _Audit(cli, plan, catch_up=catch_up, days=days)
    if nagios:
        return _run_plugin(audit, html, as_json=cli.as_json)
    if html == "-" and cli.as_json:
        raise CommandFailed("usage", "--html - and --json both write to stdout", "name a file", exit_code=Exit.USAGE)
    audit.make()
    if html != "-":
        _report(cli, audit, limit=None if show_all else LIMIT)
    if html is not None:
        audit.write_page(html)
    elif audit.coverage.report:
        cli.note(f"page: {audit.coverage.report} (--html FILE writes it to a file)")
    return Exit.WELL if audit.coverage.is_well else Exit.NEEDS_YOU


class _Audit:
    """One audit by hand."""

    def __init__(self, cli: CommandLine, plan: str | None, *, catch_up: bool, days: int | None) -> None:
        self._cli = cli
        self._plan = plan
        self._options: dict[str, Any] = {"catch_up": catch_up, "days": days}

    def make(self) -> None:
        """Make it. Raises `CommandFailed` and what boto3 raises."""
        from pydantic import ValidationError

        from gaussdb_backup.domain.coverage import Coverage
        from gaussdb_backup_cli.audit.event import make_audit_event
        from gaussdb_backup_cli.chosen_schedule import find_audit

        self.stack = self._cli.find_stack()
        schedule = find_audit(self.stack, self._plan)
        event = make_audit_event(schedule.payload, now=self._cli.now(), **self._options)
        self.response = self.stack.invoke("AuditBackups", event)
        try:
            self.coverage = Coverage.model_validate(self.response)
        except ValidationError as error:
            text = f"the response of AuditBackups is none of this version: {error.errors()[0]['msg']}"
            raise CommandFailed("odd_response", text, f"make deploy STACK={self.stack.name}") from error

    def write_page(self, file: str) -> None:
        """Write its page to a file. Raises `CommandFailed`."""
        from gaussdb_backup_cli.audit.report_page import fetch_page, write_page

        write_page(fetch_page(self.stack, self.coverage.report), file)


def _report(cli: CommandLine, audit: _Audit, *, limit: int | None) -> None:
    from gaussdb_backup_cli.audit.coverage_table import render_table

    cli.report(audit.response, render_table(audit.coverage, width=max(40, terminal_width()), limit=limit))


def _run_plugin(audit: _Audit, html: str | None, *, as_json: bool) -> int:
    """Print one line whatever happens, and return the exit code of a plug-in."""
    from botocore.exceptions import BotoCoreError, ClientError

    from gaussdb_backup_cli.audit.nagios import Level, describe_coverage, describe_unknown, evaluate
    from gaussdb_backup_cli.aws import explain

    problem = None
    try:
        _check_plugin_options(html, as_json=as_json)
        audit.make()
        if html is not None:
            audit.write_page(html)
    except CommandFailed as failure:
        problem = failure.message
    except (BotoCoreError, ClientError) as error:
        problem = explain(error).message
    except Exception as error:  # noqa: BLE001 - the exit code of a defect, 1, would read as WARNING
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        write(describe_unknown(problem))
        return Level.UNKNOWN
    write(describe_coverage(audit.coverage))
    return evaluate(audit.coverage)


def _check_plugin_options(html: str | None, *, as_json: bool) -> None:
    if as_json or html == "-":
        raise CommandFailed("usage", "--nagios is one line: neither --json nor --html - goes with it")
