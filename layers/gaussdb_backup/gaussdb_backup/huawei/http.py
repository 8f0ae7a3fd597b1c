"""One HTTP request and its whole response within a time limit, or an error that names the operation."""

import ssl
import time
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from gaussdb_backup.errors import FailedApiCall, FixConfiguration, GaussDBBackupError, TryLater

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""A page of a list has well under one megabyte."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Errors before anything reached the API."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the API. `path` is what follows the project id; `is_mutating` means that it changes the cloud.

    `api_prefix` is the first part of the path; `None` for that of the connection.
    """

    operation: str
    method: str
    path: str
    api_prefix: str | None = None
    is_mutating: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A whole response."""

    http_status: int
    headers: httpx.Headers
    content: bytes


class _ResponseTooSlow(Exception):
    """The body did not end in time."""


class _ResponseTooLarge(Exception):
    """The body is larger than any that is expected."""


def send(
    client: httpx.Client, http_request: httpx.Request, api_request: ApiRequest, *, timeout: timedelta
) -> ApiResponse:
    """Send one request and read its response whole, within `timeout` for all of the body.

    The body has a deadline of its own, since httpx's timeouts are per read: a slowly dripping body would never end.
    Raises `TryLater` for whatever may pass, `FixConfiguration` for an address that does not work.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    try:
        response = client.send(http_request, stream=True)
        try:
            return ApiResponse(response.status_code, response.headers, _read_body(response, deadline))
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL, _ResponseTooSlow, _ResponseTooLarge) as error:
        raise _make_error(error, http_request, api_request) from error


def _read_body(response: httpx.Response, deadline: float) -> bytes:
    if response.is_stream_consumed:  # the authentication has read it
        return response.content
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise _ResponseTooLarge(f"the body is larger than {MAX_RESPONSE_BYTES} bytes")
        if time.monotonic() > deadline:
            raise _ResponseTooSlow("the body did not end in time")
    return bytes(content)


def _make_error(error: Exception, http_request: httpx.Request, api_request: ApiRequest) -> GaussDBBackupError:
    host = http_request.url.host
    reason = f"{type(error).__name__.lstrip('_')}: {error}" if str(error) else type(error).__name__.lstrip("_")
    api_call = FailedApiCall(api_request.operation)
    if _is_certificate_error(error):
        text = f"the certificate of {host} is not trusted ({reason}): check the endpoint in the secret"
        return FixConfiguration(f"{api_request.operation}: {text}", api_call=api_call)
    sent = not isinstance(error, _NOT_SENT)
    problem = "no good response from" if sent else "no connection to"
    text = f"{problem} {host} ({reason}): repeat it later; if it stays, check the endpoint in the secret"
    return TryLater(
        f"{api_request.operation}: {text}",
        api_call=api_call,
        may_have_taken_effect=sent and api_request.is_mutating,
    )


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
