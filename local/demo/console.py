"""The demo's output: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup_cli.audit.coverage_table import render_table
from local.stack import RETRY_AFTER_SECONDS

from .scenario import INSTANCES, NAMES, OVERDUE_AFTER_SECONDS
from .verify import WITH_BACKUP, ReportedRequest

COLOURS = {
    "created": "green",
    "adopted": "cyan",
    "deferred": "yellow",
    "rejected": "magenta",
    "skipped": "magenta",
    "BUILDING": "blue",
    "COMPLETED": "green",
    "AVAILABLE": "green",
    "FAILED": "red",
    "OVERDUE": "red",
    "MISSING": "red",
}
EXPLANATIONS = {
    "created": "a new backup",
    "adopted": "its backup was found, no second one made",
    "deferred": "stays in the queue for a retry",
    "rejected": "can never succeed; in the dead-letter queue",
    "skipped": "cannot be backed up now",
}
INTRODUCTION = f"""\
  GaussDB    emulated API: {len(INSTANCES)} instances; the vendor's own signer checks every call
  AWS        emulated: the queues, the table and the event bus of template.yaml
  functions  the real handlers of functions/
  time       shortened: a backup takes seconds, is overdue after {OVERDUE_AFTER_SECONDS}, and a deferred request is
             retried after {RETRY_AFTER_SECONDS} seconds
"""


@dataclass
class DemoConsole:
    """Writes to one console."""

    console: Console

    def introduction(self) -> None:
        """Print what runs."""
        self.console.print(
            "[bold]gaussdb-backup[/bold]: one night and the morning after it, both clouds emulated here\n"
        )
        self.console.print(INTRODUCTION)
        self.console.print("[bold]Requests[/bold]")

    def request(self, one: ReportedRequest) -> None:
        """Print one request with its first outcome."""
        name = NAMES.get(one.instance_id, one.instance_id)
        outcome = Text(f"{one.outcome:<9}", style=COLOURS.get(one.outcome, "red"))
        self.console.print(Text("  ") + outcome, Text(f"{name:<10} {one.title}"))

    @contextmanager
    def tracking(self, reported: Sequence[ReportedRequest]) -> Iterator["Progress"]:
        """Show the state of each request and backup until all have ended."""
        self.console.print("\n[bold]Tracking[/bold], until every backup has ended")
        if not self.console.is_terminal:
            yield Progress(self.console, None, _states(reported))
            return
        with Live(console=self.console, refresh_per_second=8) as live:
            yield Progress(self.console, live)

    def results(self, reported: Sequence[ReportedRequest]) -> None:
        """Print every request with its outcome and final status."""
        self.console.print("\n[bold]Results[/bold]")
        if self.console.is_terminal:
            self.console.print(_table(reported))
            return
        for one in reported:
            self.console.print(_line(one), markup=False, soft_wrap=True)

    def events(self, events: Sequence[dict[str, object]]) -> None:
        """Print the events on the bus."""
        self.console.print("\n[bold]Events[/bold] on the bus; FAILED, OVERDUE and MISSING also notify the SNS topic")
        for event in events:
            detail = event["detail"]
            if isinstance(detail, dict):
                name = NAMES.get(str(detail["instance_id"]), "")
                duration = f"after {detail['duration_seconds']:.0f} s" if "duration_seconds" in detail else ""
                status = Text(f"{detail['status']:<10}", style=COLOURS.get(detail["status"], ""))
                text = f"{name:<10} {detail['backup_name']} {duration}".rstrip()
                self.console.print(Text("  ") + status, text)

    def conclusion(self, differences: Sequence[str], reported: Sequence[ReportedRequest]) -> None:
        """Print whether the cloud's own list agrees with the reports."""
        if differences:
            self.console.print("\n[bold red]The cloud's own list disagrees:[/bold red]")
            for difference in differences:
                self.console.print(f"  {difference}", markup=False)
            return
        backups = len({one.backup_id for one in reported if one.backup_id})
        self.console.print(
            "\n[bold green]The cloud's own list agrees:[/bold green] "
            f"{len(reported)} requests, {backups} backups, no duplicate, every end reported."
        )
        self.console.print(
            "The gap that the audit found was closed by one backup, and the prune deleted what the page foresaw and "
            "nothing else."
        )

    def audit(self, title: str, coverage: Coverage) -> None:
        """Print how each instance is covered."""
        self.console.print(f"\n[bold]{title}[/bold]")
        width = min(self.console.width, 140)
        self.console.print(render_table(coverage, width=width), markup=False, highlight=False, soft_wrap=True)

    def prune(self, response: Mapping[str, Any]) -> None:
        """Print how many backups were kept and deleted, and why some of one instance were kept."""
        self.console.print("\n[bold]Prune[/bold]: what the retention rules no longer keep, after a dry run of the same")
        counts = response["counts"]
        line = f"  kept {counts['kept']}, deleted {counts['deleted']}, not deleted {counts['failed']}"
        self.console.print(line, highlight=False)
        shown = [one for one in response["kept"] if NAMES.get(one["instance_id"]) == "orders"]
        for one in [*shown[:4], *shown[-3:]]:
            self.console.print(f"  keep    {one['backup_name']:<32} {', '.join(one['reasons'])}", highlight=False)
        for one in [each for each in response["deleted"] if NAMES.get(each["instance_id"]) == "orders"][-2:]:
            self.console.print(f"  delete  {one['backup_name']:<32} no rule keeps it", highlight=False)

    def files(self, log: str, page: str) -> None:
        """Print where the functions' output and the page are."""
        self.console.print(f"Log records and metrics of the functions: {log}", markup=False)
        self.console.print(f"The page of the audit: {page}", markup=False)


def _table(reported: Sequence[ReportedRequest]) -> Table:
    table = Table(header_style="bold")
    for column in ("instance", "request", "outcome", "backup", "final status"):
        table.add_column(column, overflow="fold")
    for one in reported:
        table.add_row(
            NAMES.get(one.instance_id, one.instance_id),
            one.title,
            Text(f"{one.outcome}: {EXPLANATIONS.get(one.outcome, one.reason)}", style=COLOURS.get(one.outcome, "red")),
            one.backup_name or "-",
            Text(one.status or "-", style=COLOURS.get(one.status or "", "")),
        )
    return table


def _line(one: ReportedRequest) -> str:
    name = NAMES.get(one.instance_id, one.instance_id)
    ended = f"{one.backup_name} {one.status}" if one.status else one.reason
    return f"  {name:<10} {one.title}: {one.outcome}; {ended}"


_States = dict[tuple[str, str], str]


@dataclass
class Progress:
    """The state of each request so far."""

    console: Console
    live: Live | None
    last: _States = field(default_factory=dict)

    def show(self, reported: Sequence[ReportedRequest]) -> None:
        """Show the state of each: all of them on a terminal, elsewhere a line for each change."""
        states = _states(reported)
        if self.live is not None:
            self.live.update(_picture(states))
        else:
            for key, state in states.items():
                if self.last.get(key) != state:
                    self.console.print(f"  {state:<10} {NAMES.get(key[0], key[0]):<10} {key[1]}", highlight=False)
        self.last = states


def _states(reported: Sequence[ReportedRequest]) -> _States:
    return {
        (one.instance_id, one.title): one.status or ("BUILDING" if one.outcome in WITH_BACKUP else one.outcome)
        for one in reported
    }


def _picture(states: _States) -> Table:
    table = Table.grid(padding=(0, 2))
    for (instance_id, title), state in states.items():
        dots = "…" if state in ("BUILDING", "deferred") else ""
        table.add_row(
            f"  {NAMES.get(instance_id, instance_id)}", Text(state, style=COLOURS.get(state, "")), dots, title
        )
    return table
