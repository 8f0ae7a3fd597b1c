"""The results as text: one line each, dotted to its outcome, with what to do below those that are not well."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from gaussdb_backup.reports.texts import clean
from gaussdb_backup_cli.checks.results import Outcome, Result, summarize

WORDS = {
    Outcome.OK: "OK",
    Outcome.FAILED: "FAILED",
    Outcome.NEEDS_YOU: "NEEDS YOU",
    Outcome.NOT_CHECKED: "NOT CHECKED",
}
NAME, WORD = 28, 11
"""Widths of the columns; a longer name keeps its line to itself."""
INDENT = " " * 6


def render_results(results: Sequence[Result], *, stack: str, region: str, width: int) -> str:
    """Return the results of a stack in lines of at most `width` columns, but for commands, which are never broken."""
    lines = [f"stack {clean(stack)} ({clean(region)})"]
    lines += [line for result in results for line in _render(result, width)]
    return "\n".join([*lines, summarize(results)]) + "\n"


def _render(result: Result, width: int) -> Iterator[str]:
    name, word = clean(result.name), WORDS[result.outcome]
    head = f"  {name} {'.' * max(2, NAME - len(name))} {word}"
    detail = clean(result.detail)
    line = f"{head:<{NAME + 4 + WORD}}  {detail}"
    if len(line) <= width or not detail:
        yield line.rstrip()
    else:
        yield head
        yield from wrap(detail, width, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
    if result.action:
        yield f"{INDENT}→ {clean(result.action)}"
