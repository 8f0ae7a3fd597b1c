"""HTTP responses and the errors that end a request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = Literal["service", "gateway", "keystone", "details", "external", "camel", "html", "empty"]
Document = Mapping[str, Any]

_SUCCESSES = range(200, 300)
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response. `document` is sent as JSON unless `raw` is given."""

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
        """The vendor's error code, in the shapes `service` and `gateway`."""
        code = self.document.get("error_code")
        return str(code) if code else None

    def body(self) -> bytes:
        """Return the bytes to send."""
        return self.raw if self.raw is not None else json.dumps(self.document, ensure_ascii=False).encode()


class ApiError(Exception):
    """The request ends with this error response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status, response.document)
        self.response = response


class ConnectionDropped(ConnectionError):
    """The connection ends without a response. `reset` distinguishes a reset (RST) from an orderly close (FIN)."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("connection reset" if reset else "connection closed without a response")
        self.reset = reset


class ResponseTooLate(TimeoutError):
    """In process only: the client's read timeout passed before the response was due."""


def error_response(status: int, code: str, message: str, *, shape: Shape = "service", request_id: str = "") -> Response:
    """Return an error response in one of the shapes of docs/reference/gaussdb_api.md, "Shapes of error bodies".

    `details` is the shape with IAM's encoded authorization message; `html` and `empty` are no JSON at all.
    """
    if shape == "html":
        page = f"<html><head><title>{status}</title></head><body><h1>{status} {message}</h1></body></html>"
        return Response(status=status, raw=page.encode(), content_type="text/html")
    if shape == "empty":
        return Response(status=status, raw=b"")
    return Response(status=status, document=_error_document(shape, status, code, message, request_id))


def _error_document(shape: Shape, status: int, code: str, message: str, request_id: str) -> Document:
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


def service_error(status: int, code: str, message: str) -> ApiError:
    """Return an error of the service, to be raised."""
    return ApiError(error_response(status, code, message))


def gateway_error(status: int, code: str, message: str, request_id: str) -> ApiError:
    """Return an error of the gateway, to be raised."""
    return ApiError(error_response(status, code, message, shape="gateway", request_id=request_id))
