"""Lines of a report: wrapped to a width, with styles that a terminal may not have."""

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap

STYLES: Mapping[str, str] = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}


class Layout:
    """Makes lines of at most `width` columns; a word that is longer, such as a path, is never cut."""

    def __init__(self, width: int, *, has_colours: bool = False) -> None:
        self.width = width
        self._has_colours = has_colours

    def plain(self) -> "Layout":
        """Return one without styles."""
        return Layout(self.width)

    def style(self, text: str, *styles: str) -> str:
        """Return a text with styles, where there are any."""
        if not self._has_colours or not styles:
            return text
        codes = ";".join(STYLES[style] for style in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def paragraph(self, text: str, *styles: str, indent: int = 0) -> Iterator[str]:
        """Yield the lines of a sentence; all but the first are indented."""
        for line in _wrap(text, self.width, " " * indent):
            yield self.style(line, *styles)

    def row(self, cells: Iterable[tuple[str, int, str]], text: str) -> Iterator[str]:
        """Yield the lines of a row: cells with their widths and styles, then a text below which nothing else is."""
        head, styled = "", ""
        for cell, width, style in cells:
            filled = f"{cell:<{width}} "
            head += filled
            styled += self.style(cell, *([style] if style else [])) + filled[len(cell) :]
        first, *others = _wrap(head + text, self.width, " " * len(head)) or [head]
        yield (styled + first[len(head) :]).rstrip()
        yield from others

    def quote(self, text: str, *, is_wrapped: bool = True) -> Iterator[str]:
        """Yield the lines of a text of others, with a bar before each."""
        for line in text.splitlines():
            for part in _wrap(line, self.width - 4, "  ") if is_wrapped else [line]:
                yield self.style("  | ", "dim") + part


def _wrap(text: str, width: int, indent: str) -> list[str]:
    return wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
