"""Sending one request: a whole answer within the time, or an error of ours with the operation in it."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from gaussdb_backup.errors import ApiAnswer, FixConfiguration, GaussDBBackupError, TryLater

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer; a page of the list has well under one megabyte."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Errors before anything reached the API."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API. `changes` tells that it changes something in the cloud; `family` is its path's beginning."""

    operation: str
    method: str
    path: str
    family: str
    changes: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers and body."""

    http_status: int
    headers: httpx.Headers
    content: bytes


class _TooLate(Exception):
    """The answer did not end in time."""


class _TooLarge(Exception):
    """The answer did not end at all."""


def send(client: httpx.Client, request: httpx.Request, call: Call, *, timeout: timedelta) -> Answer:
    """Send one request and read its answer whole, within `timeout` for all of the body.

    A slowly dripping answer ends with the time too, which httpx's own timeouts, one for each read, would not do.
    Raises `TryLater` for whatever may pass, `FixConfiguration` for an address that does not work.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    try:
        response = client.send(request, stream=True)
        try:
            return Answer(response.status_code, response.headers, _read(response, lambda: time.monotonic() > deadline))
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL, _TooLate, _TooLarge) as error:
        raise _explain(error, request, call) from error


def _read(response: httpx.Response, is_late: Callable[[], bool]) -> bytes:
    if response.is_stream_consumed:  # the authentication read it already
        return response.content
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise _TooLarge(f"the answer is larger than {LARGEST_ANSWER} bytes")
        if is_late():
            raise _TooLate("the answer did not end in time")
    return bytes(content)


def _explain(error: Exception, request: httpx.Request, call: Call) -> GaussDBBackupError:
    host = request.url.host
    reason = f"{type(error).__name__.lstrip('_')}: {error}" if str(error) else type(error).__name__.lstrip("_")
    api = ApiAnswer(call.operation)
    if _is_certificate_error(error):
        text = (
            f"{call.operation}: the certificate of {host} is not trusted ({reason}): check the endpoint in the secret"
        )
        return FixConfiguration(text, api=api)
    sent = not isinstance(error, _NOT_SENT)
    state = "no good answer came from" if sent else "no connection to"
    return TryLater(
        f"{call.operation}: {state} {host} ({reason}): ask again later; if it stays, check the endpoint in the secret",
        api=api,
        may_have_taken_effect=sent and call.changes,
    )


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
