"""Parsing of the bodies that the API, the gateway and IAM return, whatever their shape.

Source: docs/reference/gaussdb_api.md, "Shapes of error bodies".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaussdb_backup.huawei.redaction import Redactor

SHAPES = (
    ("error_code", "error_msg"),  # the service and the gateway
    ("errorCode", "errorMsg"),
    ("errCode", "externalMessage"),
    ("code", "message"),  # IAM, inside "error"
)
_REQUEST_ID_HEADERS = ("X-Request-Id", "X-IAM-Trace-Id")
MAX_WORD = 64
"""Characters that are kept of a code or an id: both are logged as they are."""
MAX_MESSAGE = 200
"""Printable characters that are kept of a message of an item."""
_WORD = re.compile(r"[A-Za-z0-9._:-]+")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error response contains; `None` where it has no such value."""

    http_status: int
    error_code: str | None
    message: str | None
    request_id: str | None

    @property
    def normalized_code(self) -> str:
        """The code as newer gateways write it: older ones write `APIG.` for `APIGW.`. Empty where there is none."""
        return (self.error_code or "").replace("APIG.", "APIGW.", 1)


def parse_body(content: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; anything else (HTML, a list, nothing) is `None`."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def parse_error_body(
    http_status: int, headers: Mapping[str, str], content: bytes, secrets: Redactor | None = None
) -> ErrorBody:
    """Extract code, message and request id from a response of any shape, each only if it shows none of the secrets."""
    body = parse_body(content) or {}
    code, message = next(filter(None, map(_find_code, _candidates(body))), (None, None))
    clean = (secrets or Redactor()).clean
    return ErrorBody(http_status, clean(_word(code)), clean(message), clean(request_id(headers, body)))


def parse_item_error(item: Mapping[str, Any]) -> tuple[str, str]:
    """Extract code and message of an item of a response that reports items; empty where there is none."""
    code, message = _find_code(item) or (None, _text(item.get("error_msg")))
    words = "".join(character if character.isprintable() else " " for character in message or "")
    return _word(code) or "", words[:MAX_MESSAGE]


def request_id(headers: Mapping[str, str], body: Mapping[str, Any] | None = None) -> str | None:
    """Return the API's id of the request, from a header or the body."""
    found = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
    return _word(found or _text((body or {}).get("request_id")))


def _word(text: str | None) -> str | None:
    """Return a code or an id as it may be logged; one with other characters than those of a word is none."""
    cut = (text or "")[:MAX_WORD]
    return cut if _WORD.fullmatch(cut) else None


def _candidates(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [body, *(value for value in body.values() if isinstance(value, dict))]


def _find_code(part: Mapping[str, Any]) -> tuple[str, str | None] | None:
    for code_key, message_key in SHAPES:
        if code := _text(part.get(code_key)):
            return code, _text(part.get(message_key))
    return None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" and not isinstance(value, bool) else None
