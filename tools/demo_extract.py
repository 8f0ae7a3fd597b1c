"""Write an extract of the demo's report into the README: `python -m tools.demo_extract REPORT README`."""

import argparse
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

BEGIN, END = "<!-- written by make picture -->", "<!-- end -->"
NOTIFICATION_LINES = 4
_BETWEEN = re.compile(rf"{re.escape(BEGIN)}\n```\n(.*?)```\n{re.escape(END)}", re.DOTALL)


def choose_extract(report: Sequence[str]) -> list[str]:
    """Return whether everything held, the run, and how a notification begins; `...` is where lines are left out."""
    parts = [list(group) for is_empty, group in groupby(report, key=lambda line: not line) if not is_empty]
    titled = {part[0].partition(".")[0]: part for part in parts}
    return [*parts[0], "...", *titled["2"], "...", *titled["5"][: NOTIFICATION_LINES + 1], "..."]


def read_extract(document: str) -> list[str]:
    """Return the lines between the two markers. Raises `ValueError` where there are none."""
    found = _BETWEEN.search(document)
    if found is None:
        raise ValueError(f"no block of code between {BEGIN} and {END}")
    return found[1].splitlines()


def replace_extract(document: str, extract: Sequence[str]) -> str:
    """Return the document with another extract between the two markers. Raises `ValueError` where there are none."""
    read_extract(document)
    block = "\n".join((BEGIN, "```", *extract, "```", END))
    return _BETWEEN.sub(lambda _: block, document)


def main(arguments: Sequence[str]) -> int:
    """Write the extract; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo_extract", description=__doc__)
    parser.add_argument("report", type=Path, help="the report that the demo wrote")
    parser.add_argument("readme", type=Path, help="the document with the markers")
    given = parser.parse_args(arguments)
    extract = choose_extract(given.report.read_text().splitlines())
    given.readme.write_text(replace_extract(given.readme.read_text(), extract))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
