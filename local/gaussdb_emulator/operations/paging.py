"""Query parameters and pages, which all the lists share."""

from collections.abc import Mapping, Sequence

from local.gaussdb_emulator.request import Call
from local.gaussdb_emulator.responses import refuse
from local.gaussdb_emulator.state import Cloud

_MAX_LIMIT = 100


def parameters(cloud: Cloud, call: Call) -> dict[str, str]:
    """Return the query's parameters that have a value. A repeated one counts once, with its last value."""
    pairs = call.query_pairs(plus=cloud.rules.raw_plus)
    return {name: value for name, value in pairs if value}


def page[T](items: Sequence[T], parameters: Mapping[str, str]) -> Sequence[T]:
    """Cut out the page. `limit` is 1 to 100, default 100 (else 400 `DBS.280439`); `offset` counts records from 0."""
    limit = _number(parameters.get("limit", str(_MAX_LIMIT)))
    if limit is None or not 1 <= limit <= _MAX_LIMIT:
        raise refuse(400, "DBS.280439", "The limit must be a positive integer of at most 100.")
    offset = _number(parameters.get("offset", "0"))
    if offset is None:
        raise refuse(400, "DBS.200001", "Parameter error: offset.")
    return items[offset : offset + limit]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
