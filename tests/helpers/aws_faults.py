"""Calls of AWS that fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content

    def read(self, *_: Any, **__: Any) -> bytes:
        return self._content


@contextmanager
def fail(session: Any, service: str, operation: str, attempts: int) -> Iterator[None]:
    """Let the next attempts of an operation be answered with 500, by clients made from now on."""
    left = [attempts]

    def respond(request: Any, **_: Any) -> AWSResponse | None:
        if not left[0]:
            return None
        left[0] -= 1
        body = b'{"__type": "InternalServerError", "message": "try again"}'
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 500, headers, _Raw(body))

    events = session._session.get_component("event_emitter")
    name = f"before-send.{service}.{operation}"
    events.register_first(name, respond)
    try:
        yield
        assert not left[0], f"{service}:{operation} was never called"
    finally:
        events.unregister(name, respond)
