"""The command `python -m local.demo`."""

import argparse
import sys
from pathlib import Path

from local.writable import NotWritable, ensure_writable

FOLDER = Path(".cache/demo")
LOG, PAGE = FOLDER / "functions.log", FOLDER / "coverage.html"
HELD, BROKEN, NOT_RUN, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = f"""\
Run one nightly backup plan, and the audit and the prune of the next morning, on this machine, in about 20 seconds: the
GaussDB API and the AWS services are emulated, the functions are the real ones. No account, no network and no Docker
are needed.

It shows a direct request and its repetition, an invalid queue message, and a plan over eight instances: one is busy,
one restarts, one is frozen, one backup fails, one never ends, and one response of the API is lost. Then the audit finds
which instances have no recent good backup, and has another one made where it can, and the prune deletes what the
retention rules no longer keep. Every outcome is verified against the emulated cloud's own list of backups.

What the functions logged is in {LOG} afterwards, and the page of the audit in {PAGE}.
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
        ensure_writable(LOG)
    except NotWritable as error:
        print(f"demo: {error}", file=sys.stderr)
        return NOT_RUN
    try:
        return BROKEN if _run() else HELD
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run() -> list[str]:
    # Both clouds take a second to import, which --help and a folder that cannot be written to need not wait for.
    from rich.console import Console  # noqa: PLC0415 - see above

    from .console import DemoConsole  # noqa: PLC0415 - see above
    from .runner import run  # noqa: PLC0415 - see above

    console = DemoConsole(Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False))
    console.introduction()
    try:
        return run(console, lambda name, text: (FOLDER / name).write_text(text, encoding="utf-8"))
    finally:
        console.files(str(LOG), str(PAGE))


if __name__ == "__main__":
    sys.exit(main())
