"""`python -m local.demo`: run the demo; the exit status says whether every guarantee held."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from . import environment as worlds
from .console import View
from .runner import ask_all, list_held, settle
from .scenario import INSTANCES
from .verify import find_differences

LOG = Path(".cache/demo/functions.log")


def main() -> int:
    """Return 0 if the cloud's own list agrees with what the handlers said, else 1."""
    view = View(Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False))
    view.heading(len(INSTANCES))
    with worlds.start() as world, _keeping_the_log(world):
        now = datetime.now(UTC)
        told = []
        for one in ask_all(world, now):
            view.progress(one)
            told.append(one)
        with view.following() as following:
            told = settle(world, now, told, following.show)
        view.summary(told)
        view.events(world.events)
        events = [(event["detail"]["backup_id"], event["detail"]["status"]) for event in world.events]
        differences = find_differences(told, list_held(world), events, waiting=world.waiting())
    view.verdict(differences, told, str(LOG))
    return 1 if differences else 0


@contextmanager
def _keeping_the_log(world: worlds.World) -> Iterator[None]:
    """Write what the functions printed to the log, however the block ends."""
    try:
        yield
    finally:
        LOG.parent.mkdir(parents=True, exist_ok=True)
        LOG.write_text(world.output.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
