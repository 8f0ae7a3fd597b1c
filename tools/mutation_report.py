"""What became of the mutants: the score of each module, and where those are that no test noticed."""

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNNOTICED = ("survived", "no tests")
NOTICED = ("killed", "timeout", "segfault")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change that no test noticed: the line as it is, and as it was changed."""

    path: Path
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}\n    - {self.before}\n    + {self.after}\n"


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """The mutants of one module by their status, and those that no test noticed."""

    module: str
    counts: Mapping[str, int]
    survivors: Sequence[Survivor]


def parse_results(printed: str) -> dict[str, str]:
    """Return the status of each mutant by its name, from what `mutmut results --all true` prints."""
    return dict(re.findall(r"^    (\S+): (.+)$", printed, re.MULTILINE))


def find_survivor(path: Path, source: str, name: str, diff: str) -> Survivor:
    """Return where a mutant changed `source`, from what `mutmut show` prints for it: a diff of one function."""
    lines = diff.splitlines()
    before = [line[1:] for line in lines if line.startswith("-") and not line.startswith("---")]
    after = [line[1:] for line in lines if line.startswith("+") and not line.startswith("+++")]
    start, end = _function_lines(source, name)
    texts = source.splitlines()
    hunk = [line[1:] for line in lines if line.startswith((" ", "-")) and not line.startswith("---")]
    line = _find(texts, hunk, start, end) + (hunk.index(before[0]) if before else 0)
    return Survivor(path, line, _join(before), _join(after))


def _function_lines(source: str, name: str) -> tuple[int, int]:
    """Return the first and the last line of a mutant's function; mutmut names it `x_function` or `xǁClassǁmethod`."""
    mangled = name.rpartition(".")[2].partition("__mutmut_")[0]
    parent, _, function = mangled.removeprefix("x").strip("ǁ").rpartition("ǁ")
    body: Sequence[ast.stmt] = ast.parse(source).body
    if parent:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == parent)
    else:
        function = mangled.removeprefix("x_")
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = next(node for node in functions if node.name == function)
    return found.lineno, found.end_lineno or found.lineno


def _find(texts: Sequence[str], hunk: Sequence[str], start: int, end: int) -> int:
    """Return the line at which the lines of a hunk begin; that of the function if they are not found."""
    wanted = [line.strip() for line in hunk]
    for first in range(start, end + 1):
        if [line.strip() for line in texts[first - 1 : first - 1 + len(wanted)]] == wanted:
            return first
    return start


def _join(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)


def format_report(reports: Sequence[ModuleReport]) -> str:
    """Return the survivors of all modules, then a table of scores."""
    rows = [_row(report.module, report.counts) for report in reports]
    total = sum((Counter(report.counts) for report in reports), Counter[str]())
    heading = f"{'module':30}{'noticed':>10}{'unnoticed':>11}{'not tried':>11}{'score':>8}"
    survivors = [str(survivor) for report in reports for survivor in sorted(report.survivors, key=lambda s: s.line)]
    return "\n".join([*survivors, heading, *rows, _row("all", total)]) + "\n"


def _row(name: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return f"{name:30}  no result: .cache/mutants/{name}/log.txt has the reason"
    noticed = sum(counts.get(status, 0) for status in NOTICED)
    unnoticed = sum(counts.get(status, 0) for status in UNNOTICED)
    not_tried = sum(counts.values()) - noticed - unnoticed
    score = f"{noticed / (noticed + unnoticed):.1%}" if noticed + unnoticed else "-"
    return f"{name:30}{noticed:>10}{unnoticed:>11}{not_tried:>11}{score:>8}"
