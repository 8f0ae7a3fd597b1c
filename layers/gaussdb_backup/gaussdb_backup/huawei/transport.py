"""The transport of every call: whole responses only, bounded in time and size, as they were sent."""

import ssl
from collections.abc import Iterator
from functools import cache

import httpcore
import httpx

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.huawei.network import Failure, Network, NetworkError

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""A page of a list has some hundred kilobytes. Parsed, a body takes up to thirty times as much."""
MAX_HEAD_BYTES = 256 * 1024
"""What may be received before the headers have ended, interim responses included."""
MAX_TRANSFER_BYTES = 2 * MAX_RESPONSE_BYTES
"""What may be received of one body with the framing of its chunks."""
KEEP_SECONDS = 5.0
"""How long a connection is kept open without a call: the other side closes it at some time."""

KEPT_HEADERS = (b"date", b"retry-after", b"x-request-id", b"x-iam-trace-id", b"x-subject-token")
"""All that is kept of a response's headers: no cookie, no address to go to, no encoding."""

_FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (httpx.ConnectTimeout, Failure.CONNECT_SLOW),
    (httpx.ConnectError, Failure.CONNECT_FAILED),
    (httpx.PoolTimeout, Failure.NO_TIME),
    (httpx.UnsupportedProtocol, Failure.ILLEGAL_REQUEST),
    (httpx.LocalProtocolError, Failure.ILLEGAL_REQUEST),
    (httpx.TimeoutException, Failure.SLOW),
    (httpx.NetworkError, Failure.LOST),
    (httpcore.PoolTimeout, Failure.NO_TIME),
    (httpcore.UnsupportedProtocol, Failure.ILLEGAL_REQUEST),
    (httpcore.LocalProtocolError, Failure.ILLEGAL_REQUEST),
)


class CallFailed(httpx.TransportError):
    """A call has no usable response. It keeps no error of a library, since that may quote a header or a body."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class BoundedTransport(httpx.BaseTransport):
    """Sends a request by another transport and returns the whole response, or raises `CallFailed`.

    The request's extension `deadline` is when the response has to have ended. An injected transport is held to it as
    far as it returns: each of its steps is given the time that is left.
    """

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response with its content as it was sent."""
        failure: Failure | None = None
        try:
            return self._receive(request, request.extensions["deadline"])
        except NetworkError as error:
            failure = error.failure
        except Exception as error:  # noqa: BLE001 - whatever a library raises may quote a header or a body
            failure = next((each for kind, each in _FAILURES if isinstance(error, kind)), Failure.MALFORMED)
        raise CallFailed(failure)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._inner.close()

    def _receive(self, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        seconds = deadline.remaining.total_seconds()
        if not seconds:
            raise NetworkError(Failure.NO_TIME)
        request.headers["Accept-Encoding"] = "identity"
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        response = self._inner.handle_request(request)
        try:
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
                raise NetworkError(Failure.ENCODED)
            content = _read_body(response, deadline)
        finally:
            response.close()
        kept = [(name, value) for name, value in response.headers.raw if name.lower() in KEPT_HEADERS]
        return httpx.Response(response.status_code, headers=kept, content=content, request=request)


class NetworkTransport(httpx.BaseTransport):
    """Sends requests over the network, HTTP/1.1 with TLS by the bundled certificates. Not safe for several threads."""

    def __init__(self, network: Network | None = None) -> None:
        self._network = network or Network()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_trusted_certificates(), keepalive_expiry=KEEP_SECONDS, network_backend=self._network
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response, whose body is still to be read. Raises `NetworkError` and errors of httpcore."""
        self._network.deadline = request.extensions["deadline"]
        self._network.max_bytes = MAX_HEAD_BYTES
        url = request.url
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                address,
                headers=request.headers.raw,
                content=request.content,
                extensions={"timeout": request.extensions["timeout"]},
            )
        )
        self._network.max_bytes = MAX_TRANSFER_BYTES
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.close()


@cache
def _trusted_certificates() -> ssl.SSLContext:
    """Load them once: that takes a good part of what a call does."""
    return httpx.create_ssl_context(trust_env=False)


class _Body(httpx.SyncByteStream):
    """The body of a response of httpcore's."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _read_body(response: httpx.Response, deadline: Deadline) -> bytes:
    content = bytearray()
    chunks = [response.content] if response.is_stream_consumed else response.iter_raw()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise NetworkError(Failure.TOO_LARGE)
        if not deadline.remaining:
            raise NetworkError(Failure.SLOW)
    return bytes(content)
