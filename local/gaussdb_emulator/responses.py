"""Answers and the body shapes of errors (contract, section 7.1)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = Literal["service", "gateway", "keystone", "details", "external", "camel", "html", "empty"]
Document = Mapping[str, Any]

_SUCCESSES = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer. `document` is sent as JSON unless `raw` is given."""

    status: int
    document: Document = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json"

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return self.status in _SUCCESSES

    @property
    def code(self) -> str | None:
        """The vendor's error code, in the two shapes that the emulator itself answers with."""
        code = self.document.get("error_code")
        return str(code) if code else None

    def body(self) -> bytes:
        """Return the bytes to send."""
        return self.raw if self.raw is not None else json.dumps(self.document, ensure_ascii=False).encode()


class Refused(Exception):
    """An operation ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.document)
        self.answer = answer


class ConnectionDropped(ConnectionError):
    """The connection ends without an answer. `reset` tells a reset (RST) from an orderly close (FIN)."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("connection reset" if reset else "connection closed without an answer")
        self.reset = reset


class AnswerTooLate(TimeoutError):
    """In process only: the client's read timeout passed before the answer was due."""


def error(status: int, code: str, message: str, *, shape: Shape = "service", request_id: str = "") -> Answer:
    """Return an error of the given shape; `details` is the one with IAM's encoded authorization message."""
    if shape == "html":
        page = f"<html><head><title>{status}</title></head><body><h1>{status} {message}</h1></body></html>"
        return Answer(status=status, raw=page.encode(), content_type="text/html")
    if shape == "empty":
        return Answer(status=status, raw=b"")
    return Answer(status=status, document=_document(shape, status, code, message, request_id))


def _document(shape: Shape, status: int, code: str, message: str, request_id: str) -> Document:
    plain = {"error_code": code, "error_msg": message}
    shapes: dict[str, Document] = {
        "service": plain,
        "gateway": {"error_msg": message, "error_code": code, "request_id": request_id},
        "keystone": {"error": {"code": status, "message": message, "title": _TITLES.get(status, "Error")}},
        "details": plain | {"request_id": request_id, "encoded_authorization_message": "XHZ0cm9uZw"},
        "external": {"errCode": code, "externalMessage": message},
        "camel": {"errorCode": code, "errorMsg": message},
    }
    return shapes[shape]


_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


def refuse(status: int, code: str, message: str) -> Refused:
    """Return, to be raised, the service's refusal."""
    return Refused(error(status, code, message))


def refuse_at_gateway(status: int, code: str, message: str, request_id: str) -> Refused:
    """Return, to be raised, the gateway's refusal."""
    return Refused(error(status, code, message, shape="gateway", request_id=request_id))
