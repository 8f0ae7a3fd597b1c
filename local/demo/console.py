"""What the demo shows: live where a person looks, plain lines where not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .runner import NAMES
from .verify import MADE, Told

COLOURS = {
    "created": "green",
    "adopted": "cyan",
    "put off": "yellow",
    "rejected": "magenta",
    "skipped": "magenta",
    "BUILDING": "blue",
    "COMPLETED": "green",
    "AVAILABLE": "green",
    "FAILED": "red",
    "OVERDUE": "red",
    "MISSING": "red",
}
MEANINGS = {
    "created": "a new backup",
    "adopted": "had its backup already: none made twice",
    "put off": "stays in the queue, is tried again",
    "rejected": "can never succeed; the others go on",
    "skipped": "cannot be backed up",
}


@dataclass
class View:
    """Writes to one console."""

    console: Console

    def heading(self, instances: int) -> None:
        """Say what runs."""
        self.console.print("[bold]gaussdb-backup[/bold]: one night on this machine")
        self.console.print(
            f"  an emulated GaussDB API: {instances} instances, the vendor's own signer checks each call\n"
            "  an emulated AWS: the queues of template.yaml\n"
            "  in between, the real handlers of functions/\n"
        )

    def progress(self, told: Told) -> None:
        """Show one request as soon as it is answered."""
        name = NAMES.get(told.instance_id, told.instance_id)
        outcome = Text(f"{told.outcome:<9}", style=COLOURS.get(told.outcome, "red"))
        self.console.print(Text("  ") + outcome, Text(f"{name:<10} {told.title}"))

    @contextmanager
    def following(self) -> Iterator["Following"]:
        """Show what becomes of each request and backup until all have ended."""
        self.console.print("\nUntil every backup has ended (time for a busy instance to come back included):")
        if not self.console.is_terminal:
            yield Following(self.console, None)
            return
        with Live(console=self.console, refresh_per_second=8) as live:
            yield Following(self.console, live)

    def summary(self, told: Sequence[Told]) -> None:
        """Show every request with what became of it: a table, or where nobody looks a line for each."""
        self.console.print("\n[bold]What happened[/bold]")
        if self.console.is_terminal:
            self.console.print(_table(told))
        for one in () if self.console.is_terminal else told:
            self.console.print(_line(one), markup=False, soft_wrap=True)

    def events(self, events: Sequence[dict[str, object]]) -> None:
        """Show what was put on the event bus."""
        self.console.print("\nEvents on the bus (bad ends go to the notification topic):")
        for event in events:
            detail = event["detail"]
            if isinstance(detail, dict):
                name = NAMES.get(str(detail["instance_id"]), "")
                took = f"after {detail['duration_seconds']:.0f} s" if "duration_seconds" in detail else ""
                status = Text(f"{detail['status']:<10}", style=COLOURS.get(detail["status"], ""))
                self.console.print(Text("  ") + status, f"{name:<10} {detail['backup_name']} {took}")

    def verdict(self, differences: Sequence[str], told: Sequence[Told], log: str) -> None:
        """Say whether the cloud agrees."""
        made = len({one.backup_id for one in told if one.backup_id})
        if differences:
            self.console.print("\n[bold red]The cloud's own list disagrees:[/bold red]")
            for difference in differences:
                self.console.print(f"  {difference}", markup=False)
        else:
            self.console.print(
                "\n[bold green]The cloud's own list agrees:[/bold green] "
                f"{len(told)} requests, {made} backups, none twice."
            )
        self.console.print(f"Log records and metrics of the handlers: {log}", markup=False)


def _table(told: Sequence[Told]) -> Table:
    table = Table(header_style="bold")
    for column in ("instance", "asked by", "answer", "backup", "end"):
        table.add_column(column, overflow="fold")
    for one in told:
        table.add_row(
            NAMES.get(one.instance_id, one.instance_id),
            one.title,
            Text(f"{one.outcome}: {MEANINGS.get(one.outcome, one.reason)}", style=COLOURS.get(one.outcome, "red")),
            one.backup_name or "-",
            Text(one.status or "-", style=COLOURS.get(one.status or "", "")),
        )
    return table


def _line(one: Told) -> str:
    name = NAMES.get(one.instance_id, one.instance_id)
    ended = f"{one.backup_name} {one.status}" if one.status else one.reason
    return f"  {name:<10} {one.title}: {one.outcome}; {ended}"


@dataclass
class Following:
    """What became of each request so far."""

    console: Console
    live: Live | None
    last: dict[tuple[str, str], str] = field(default_factory=dict)

    def show(self, told: Sequence[Told]) -> None:
        """Show where each is: the whole picture live, else a line for each change."""
        states = {(one.instance_id, one.title): one.status or _state(one) for one in told}
        if self.live is not None:
            self.live.update(self._picture(states))
        else:
            for key, state in states.items():
                if self.last.get(key) != state:
                    self.console.print(f"  {state:<10} {NAMES.get(key[0], key[0]):<10} {key[1]}", highlight=False)
        self.last = states

    def _picture(self, states: dict[tuple[str, str], str]) -> Table:
        table = Table.grid(padding=(0, 2))
        for (instance_id, title), state in states.items():
            dots = "…" if state in ("BUILDING", "put off") else ""
            table.add_row(
                f"  {NAMES.get(instance_id, instance_id)}", Text(state, style=COLOURS.get(state, "")), dots, title
            )
        return table


def _state(one: Told) -> str:
    return "BUILDING" if one.outcome in MADE else one.outcome
