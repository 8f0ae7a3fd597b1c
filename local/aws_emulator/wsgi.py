"""Requests and responses of what is emulated here itself, beside moto."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its path decoded, its headers' names in capitals with underscores, as in `X_AMZ_DATE`."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A response to a request."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


type Emulated = Callable[[Request], Response]
"""A service that is emulated here."""


def named_service(authorization: str) -> str:
    """Return the service that a signature names, such as `lambda`; empty without one."""
    scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) > 3 else ""  # noqa: PLR2004 - key/date/region/service/aws4_request


def respond_json(status: HTTPStatus, content: object, **headers: str) -> Response:
    """Return a response in JSON; `headers` have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(content).encode(), {"Content-Type": "application/json", **named})


def read_request(environ: Mapping[str, Any]) -> Request:
    """Read a request of WSGI, its body included."""
    headers = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        headers=headers,
        body=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
    )


def write_response(response: Response, start_response: Callable[..., object]) -> Iterable[bytes]:
    """Send a response by WSGI."""
    headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
    start_response(f"{response.status.value} {response.status.phrase}", headers)
    return [response.body]
