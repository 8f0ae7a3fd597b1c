"""A request as it arrived, its query parameters and page, and a request as it is logged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote, unquote_plus
from uuid import uuid4

from .responses import service_error

ApiPrefix = Literal["mysql/v3", "v3", "v3.1", "iam", ""]
RawPlus = Literal["space", "plus"]

_MAX_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `path` and `query` are raw (still escaped); header names are in lower case.

    `read_timeout` is the client's, in seconds, known only in process.
    """

    operation: str
    api_prefix: ApiPrefix
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    project_id: str | None = None
    backup_id: str | None = None
    instance_id: str | None = None
    read_timeout: float | None = None
    request_id: str = field(default_factory=lambda: uuid4().hex)

    def query_pairs(self, *, plus: RawPlus = "plus") -> list[tuple[str, str]]:
        """Return the unescaped pairs of the query. `plus` is what a raw `+` means."""
        decode = unquote_plus if plus == "space" else unquote
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return [(decode(name), decode(value)) for name, _, value in pairs]

    def parameters(self, *, plus: RawPlus) -> dict[str, str]:
        """Return the query parameters that have a value; of a repeated one, the last value."""
        return {name: value for name, value in self.query_pairs(plus=plus) if value}

    def document(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises `ApiError` with the service's 400 for anything else."""
        if not self.body.strip():
            raise service_error(400, "DBS.200006", "The request is empty.")
        try:
            parsed = json.loads(self.body)
        except ValueError:
            raise service_error(400, "DBS.200001", "Parameter error: the body is not JSON.") from None
        if not isinstance(parsed, dict):
            raise service_error(400, "DBS.200001", "Parameter error: the body is not an object.")
        return parsed

    def document_or_empty(self) -> Mapping[str, Any]:
        """Return the body as a JSON object, or an empty one: for what reads the body before it is validated."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One entry of the request log. `status` is `None` where no response was sent; `faults` are the effects applied."""

    at: datetime
    method: str
    path: str
    query: str
    operation: str
    api_prefix: str
    project_id: str | None
    instance_ids: tuple[str, ...]
    status: int | None
    code: str | None
    faults: tuple[str, ...]
    request_id: str


def page_of[T](items: Sequence[T], parameters: Mapping[str, str]) -> Sequence[T]:
    """Return the page that `limit` and `offset` (a record, not a page number) select. Raises `ApiError` for bad ones.

    Source: docs/reference/gaussdb_api.md, "Times and paging".
    """
    limit = _whole_number(parameters.get("limit", str(_MAX_LIMIT)))
    if limit is None or not 1 <= limit <= _MAX_LIMIT:
        raise service_error(400, "DBS.280439", "The limit must be a positive integer of at most 100.")
    offset = _whole_number(parameters.get("offset", "0"))
    if offset is None:
        raise service_error(400, "DBS.200001", "Parameter error: offset.")
    return items[offset : offset + limit]


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
