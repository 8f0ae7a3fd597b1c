"""Sections, tables and code blocks of the project's documents."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def reference_page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", _without_code(text), re.MULTILINE)


def section(text: str, heading: str) -> str:
    """What stands under a heading, its subsections included."""
    level, start = next(
        (len(match[1]), match.end()) for match in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE) if match[2] == heading
    )
    end = re.search(rf"^#{{1,{level}}} ", text[start:], re.MULTILINE)
    return text[start : start + end.start()] if end else text[start:]


def table(text: str, first_column: str) -> list[list[str]]:
    """The rows of the tables whose first column has that heading."""
    rows: list[list[str]] = []
    header: str | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells or not line.startswith("|"):
            header = None
        elif header is None:
            header = cells[0]
        elif header == first_column and set(cells[0]) != {"-"}:
            rows.append(cells)
    return rows


def code_words(cell: str) -> list[str]:
    """What is between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def links(text: str) -> Iterator[str]:
    """The targets of the relative links."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(text)):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
