"""Columns of text for a terminal of any width."""

import unicodedata
from collections.abc import Collection, Sequence

import click

from gaussdb_backup_cli.command import has_colours

GAP = "  "
INDENT = "    "
BAD = frozenset({"FAILED", "OVERDUE", "MISSING", "MISSED", "REJECTED", "ALARM"})
PENDING = frozenset({"running", "waiting", "unknown", "BUILDING", "UNKNOWN"})


def measure(text: str) -> int:
    """Return the columns that a text takes: two for a wide character, none for one that combines."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) != 0 for each in text)


def align(rows: Sequence[Sequence[str]], *, width: int, right: Collection[int] = ()) -> list[str]:
    """Return the rows as lines whose cells are in columns; `right` are the columns that are aligned to the right.

    Where a line would be longer than `width`, its last cell goes to a line of its own. No cell is cut.
    """
    if not rows:
        return []
    count = max(len(row) for row in rows)
    widths = [max((measure(row[at]) for row in rows if at < len(row) - 1), default=0) for at in range(count)]
    lines = []
    for row in rows:
        cells = [_pad(cell, widths[at], to_right=at in right) for at, cell in enumerate(row[:-1])]
        head, last = GAP.join(cells), row[-1]
        line = f"{head}{GAP}{last}" if cells else last
        if measure(line.rstrip()) <= width or not last:
            lines.append(line.rstrip())
        else:
            lines += [head.rstrip(), f"{INDENT}{last}".rstrip()]
    return lines


def colour(line: str) -> str:
    """Return a line whose first word, a state, is coloured where stdout shows colours."""
    word, _, rest = line.partition(" ")
    if not has_colours() or not (word in BAD or word in PENDING):
        return line
    return f"{click.style(word, fg='red' if word in BAD else 'yellow', bold=word in BAD)} {rest}"


def _pad(cell: str, width: int, *, to_right: bool) -> str:
    space = " " * max(width - measure(cell), 0)
    return f"{space}{cell}" if to_right else f"{cell}{space}"
