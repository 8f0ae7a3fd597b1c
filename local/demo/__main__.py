"""The command `python -m local.demo`."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gaussdb_backup_cli.command import fit_encoding, has_colours, terminal_width
from local.writable import NotWritable, ensure_writable

if TYPE_CHECKING:
    from .layout import Layout
    from .outcome import Outcome
    from .progress import Progress

FOLDER = Path(".cache/demo")
FILES = {"log": FOLDER / "functions.log", "page": FOLDER / "coverage.html", "report": FOLDER / "report.txt"}
HELD, BROKEN, NOT_RUN, INTERRUPTED = 0, 1, 2, 130
NARROWEST, WIDEST = 40, 120

INTRODUCTION = "gaussdb-backup: one nightly run and the morning after it, both clouds emulated here. About 20 seconds."
DESCRIPTION = f"""\
Apply a plan file, run its nightly backup, and the audit and the prune of the next morning, on this machine, in about
20 seconds: the GaussDB API and the AWS services are emulated, the functions and the command line are the real ones. No
account, no network and no Docker are needed.

It shows a direct request and its repetition, an invalid queue message, and a plan over eight instances: one is busy,
one restarts, one is frozen, one backup fails, one never ends, and one response of the API is lost. Then the audit finds
which instances have no recent good backup, and has another one made where it can, and the prune deletes what the
retention rules no longer keep. At the end are the text of a notification, and what the command line prints.

The report begins with whether every guarantee held, by the emulated cloud's own list of backups. It is also in
{FILES["report"]} afterwards, what the functions logged in {FILES["log"]}, and the page of the audit
in {FILES["page"]}.
"""
EXIT_CODES = """\
exit codes: 0 every guarantee held; 1 the cloud's list disagrees with what was reported; 2 the demo could not be run
"""


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="make demo", description=DESCRIPTION, epilog=EXIT_CODES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.parse_args()
    try:
        for path in FILES.values():
            ensure_writable(path)
    except NotWritable as error:
        print(f"demo: {error}", file=sys.stderr)
        return NOT_RUN
    try:
        return _run()
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run() -> int:
    from .layout import Layout  # noqa: PLC0415 - see _play
    from .progress import Progress  # noqa: PLC0415 - see _play
    from .typed import NotDone  # noqa: PLC0415 - see _play

    width = max(NARROWEST, min(terminal_width(), WIDEST))
    layout = Layout(width, has_colours=has_colours())
    _print(*layout.paragraph(INTRODUCTION))
    try:
        with Progress(sys.stdout, is_live=has_colours(), width=width) as progress:
            outcome = _play(progress, width)
    except NotDone as error:
        print(f"demo: {error}", file=sys.stderr)
        return NOT_RUN
    _show(outcome, layout)
    return BROKEN if outcome.differences else HELD


def _play(progress: "Progress", width: int) -> "Outcome":
    progress.begin("starting both clouds")
    # They take a second to import, which the first line, --help and a folder that cannot be written to do not wait for.
    from .runner import run  # noqa: PLC0415 - see above
    from .typed import Terminal  # noqa: PLC0415 - see above

    terminal = partial(Terminal, width=width, encoding=_encoding())
    return run(progress, terminal, lambda name, text: (FOLDER / name).write_text(text, encoding="utf-8"))


def _show(outcome: "Outcome", layout: "Layout") -> None:
    from .report import write_report  # noqa: PLC0415 - see _play

    files = {what: str(path) for what, path in FILES.items()}
    FILES["report"].write_text("\n".join(write_report(outcome, layout.plain(), files)) + "\n", encoding="utf-8")
    _print("", *write_report(outcome, layout, files))


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _print(*lines: str) -> None:
    for line in lines:
        print(fit_encoding(line, _encoding()))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
