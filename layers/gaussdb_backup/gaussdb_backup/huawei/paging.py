"""Lists that come in pages, whole although they change while they are read, and bounded whatever is sent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gaussdb_backup.domain.models import PAGE_SIZE
from gaussdb_backup.errors import FailedApiCall, TryLater

OVERLAP = 5
"""Records that a page repeats of the one before it: as many may be deleted meanwhile at no cost."""
MAX_PAGES = 1_000
"""A list that has not ended by then never will."""
MAX_LIST_BYTES = 64 * 1024 * 1024
"""The pages of a whole list, whose records may all be kept. A record has about half a kilobyte."""
MAX_REREADS = 10
MAX_ID_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was sent. `total` is how many records the whole list has, `None` where that was not sent."""

    records: list[Any]
    size_bytes: int
    total: int | None


class OddRecordsHook(Protocol):
    """What is called once for a list that has odd records."""

    def __call__(self, *, operation: str, records: int, problem: str) -> None:
        """Report them. `problem` describes the first of them without its content."""


@dataclass(slots=True)
class _OddRecords:
    count: int = 0
    problem: str = ""

    def add(self, problem: str) -> None:
        self.count += 1
        self.problem = self.problem or problem


@dataclass(slots=True)
class _Position:
    """Where the next page begins; `seen` are the ids of all records in front of it, and some behind."""

    seen: set[str] = field(default_factory=set)
    offset: int = 0
    rereads: int = 0
    size_bytes: int = 0
    is_reread: bool = False

    def step_back(self) -> None:
        self.rereads += 1
        self.is_reread = True
        self.offset = max(0, self.offset - PAGE_SIZE + 1)

    def step_on(self, records: int) -> None:
        self.is_reread = False
        self.offset += records - min(OVERLAP, records - 1)


def read_list[T](
    operation: str,
    read_page: Callable[[int], Page],
    *,
    parse: Callable[[Mapping[str, Any]], T],
    on_odd_records: OddRecordsHook | None = None,
    max_pages: int = MAX_PAGES,
    whole: bool = False,
) -> Iterator[T]:
    """Yield the records of all pages, each once; a page is read, by its offset, when it is needed.

    `parse` takes whatever an object with an id has besides. A record without an id is odd, and left out. Where no
    record has one the list is not that of an empty project, but cannot be read.

    A page that does not begin with a record that was seen before has moved, since records in front of it were
    deleted: it is read again from further in front. The order of what stays must not change. Raises `TryLater` for a
    list that moves again and again, that repeats itself, or that has too many pages or bytes; a `whole` list also where
    its end shows fewer records than its total.
    """
    position, odd = _Position(), _OddRecords()
    try:
        for _ in range(max_pages):
            page = read_page(position.offset)
            position.size_bytes += page.size_bytes
            if position.size_bytes > MAX_LIST_BYTES:
                raise _error(operation, f"the list is larger than {MAX_LIST_BYTES} bytes")
            if not _continues(page, position):
                if position.rereads >= MAX_REREADS:
                    raise _error(operation, "the list keeps changing while it is read")
                position.step_back()
                continue
            fresh = _find_fresh(page, position, odd)
            if odd.count and not position.seen:
                raise _error(operation, f"none of the page's {odd.count} records can be read ({odd.problem})")
            yield from map(parse, fresh.values())
            if _is_last(page, position, has_fresh=bool(fresh)):
                if whole and page.total is not None and page.total > len(position.seen) + odd.count:
                    raise _error(operation, f"{len(position.seen)} of {page.total} records are listed")
                return
            if not fresh and not position.is_reread and any(map(_id_of, page.records)):
                _check_complete(operation, page, position)
                return
            position.step_on(len(page.records))
        raise _error(operation, "the list does not end")
    finally:
        if odd.count and on_odd_records:
            on_odd_records(operation=operation, records=odd.count, problem=odd.problem)


def _continues(page: Page, position: _Position) -> bool:
    """Return whether nothing lies between this page and what was seen."""
    if position.offset == 0:
        return True
    ids = [id_ for record in page.records if (id_ := _id_of(record))]
    return ids[0] in position.seen if ids else bool(page.records)


def _is_last(page: Page, position: _Position, *, has_fresh: bool) -> bool:
    """Return whether the list ends here: the page is not full, nor does its total say that there is more.

    Should that total be wrong, the next page shows nothing new, and is the last.
    """
    if len(page.records) >= PAGE_SIZE:
        return False
    is_total_reached = page.total is None or page.total <= position.offset + len(page.records)
    return is_total_reached or not (has_fresh or position.is_reread)


def _find_fresh(page: Page, position: _Position, odd: _OddRecords) -> dict[str, Mapping[str, Any]]:
    """Return the records of a page that were not seen before, by id."""
    fresh: dict[str, Mapping[str, Any]] = {}
    for index, record in enumerate(page.records):
        id_ = _id_of(record)
        if id_ is not None and id_ not in position.seen:
            fresh[id_] = record
        elif id_ is None and (position.offset == 0 or index >= OVERLAP):
            odd.add(f"an id of type {_type_of(record.get('id'))}" if isinstance(record, dict) else _type_of(record))
    position.seen.update(fresh)
    return fresh


def _check_complete(operation: str, page: Page, position: _Position) -> None:
    if page.total is None or page.total > len(position.seen):
        raise _error(operation, "the pages of the list repeat each other")


def _id_of(record: object) -> str | None:
    id_ = record.get("id") if isinstance(record, dict) else None
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        return None
    text = str(id_)
    return text if 0 < len(text) <= MAX_ID_LENGTH else None


def _type_of(value: object) -> str:
    return type(value).__name__


def _error(operation: str, problem: str) -> TryLater:
    return TryLater(f"{operation}: {problem}: repeat it later", api_call=FailedApiCall(operation))
