"""The emulator in the client's own process, as a transport of httpx."""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import httpx

from .responses import ConnectionDropped, ResponseTooLate

WsgiApp = Callable[[Any, Any], Iterable[bytes]]


class EmulatorTransport(httpx.BaseTransport):
    """Mounts the application without a socket.

    A dropped connection becomes `httpx.RemoteProtocolError` (closed) or `httpx.ReadError` (reset), as it does over a
    socket; a response that is slower than the request's read timeout becomes `httpx.ReadTimeout`.
    The application sees path and query as they would be on the wire.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to one request. Raises `httpx.TransportError` as a network would."""
        extra = {
            "RAW_URI": request.url.raw_path.decode("ascii"),
            "emulator.read_timeout": request.extensions.get("timeout", {}).get("read"),
        }
        transport = httpx.WSGITransport(app=_with_environ(self._app, extra))
        try:
            return transport.handle_request(request)
        except ConnectionDropped as dropped:
            raise _to_httpx(dropped, request) from dropped
        except ResponseTooLate as late:
            raise httpx.ReadTimeout("timed out", request=request) from late


def _with_environ(app: WsgiApp, extra: dict[str, Any]) -> WsgiApp:
    def wrapped(environ: MutableMapping[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's own
        return app(dict(environ) | extra, start_response)

    return wrapped


def _to_httpx(dropped: ConnectionDropped, request: httpx.Request) -> httpx.TransportError:
    if dropped.reset:
        return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    return httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
