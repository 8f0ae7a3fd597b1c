"""One request as it arrived."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, unquote_plus
from uuid import uuid4

from .responses import refuse

Family = Literal["mysql/v3", "v3", "v3.1", "iam", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `path` and `query` are raw (still escaped); header names are in lower case.

    `read_timeout` is the client's, in seconds, known only in process.
    """

    operation: str
    family: Family
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

    def query_pairs(self, *, plus: Literal["space", "plus"] = "plus") -> list[tuple[str, str]]:
        """Return the query's pairs, unescaped. A raw `+` stays one, unless it is to mean a space."""
        decode = unquote_plus if plus == "space" else unquote
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return [(decode(name), decode(value)) for name, _, value in pairs]

    def document(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises `Refused` with the service's 400 for anything else."""
        if not self.body.strip():
            raise refuse(400, "DBS.200006", "The request is empty.")
        try:
            parsed = json.loads(self.body)
        except ValueError:
            raise refuse(400, "DBS.200001", "Parameter error: the body is not JSON.") from None
        if not isinstance(parsed, dict):
            raise refuse(400, "DBS.200001", "Parameter error: the body is not an object.")
        return parsed

    def peek(self) -> Mapping[str, Any]:
        """Return the body if it is a JSON object, else nothing: for matching faults, before anything is validated."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
