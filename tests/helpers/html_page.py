"""What a person reads of a page, and what a browser would act on: parsed, so that no test depends on its markup."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

CELLS = ("th", "td")
VOID = ("meta", "path", "br", "link", "img", "input")


@dataclass
class Cell:
    tag: str
    attributes: dict[str, str]
    text: str = ""

    @property
    def span(self) -> int:
        return int(self.attributes.get("colspan", 1))


@dataclass
class Table:
    attributes: dict[str, str]
    rows: list[list[Cell]] = field(default_factory=list)

    @property
    def body(self) -> list[list[Cell]]:
        """The rows that begin with the head of a row."""
        return [row for row in self.rows if row[0].attributes.get("scope") == "row"]

    def texts(self) -> list[list[str]]:
        return [[" ".join(cell.text.split()) for cell in row] for row in self.body]


class HtmlPage(HTMLParser):
    """A page with its tables, its headings, each element's attributes, and all its text without the styles.

    The ends of cells, rows and items may be left out, as HTML allows.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.tables: list[Table] = []
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.styles = self._text = self.title = ""
        self._cell: Cell | None = None
        self._inside: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(self._text.split())

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self._text += " "
        if self._cell:
            self._cell.text += " "
        if tag == "table":
            self.tables.append(Table(attributes))
        elif tag == "tr":
            self._cell = None
            self.tables[-1].rows.append([])
        elif tag in CELLS:
            self._cell = Cell(tag, attributes)
            self.tables[-1].rows[-1].append(self._cell)
        elif tag in ("h1", "h2"):
            self.headings.append("")
        if tag not in (*CELLS, *VOID, "tr", "li"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._cell = None
        while tag in self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1:] or [""]
        if inside == ["style"]:
            self.styles += data
            return
        if inside == ["title"]:
            self.title += data
            return
        self._text += data
        if self._cell:
            self._cell.text += data
        if "h1" in self._inside or "h2" in self._inside:
            self.headings[-1] += data
