"""The emulator behind a TCP socket."""

import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from threading import Lock, Thread
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from .app import create_app
from .responses import ConnectionDropped
from .state import Cloud

HOST = "127.0.0.1"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Running:
    """A running server. `url` has no trailing slash."""

    url: str
    port: int


@contextmanager
def serve(
    cloud: Cloud, port: int = 0, *, control: bool = False, tls: ssl.SSLContext | None = None, host: str = HOST
) -> Iterator[Running]:
    """Serve the cloud until the block ends, on the loopback interface by default; port 0 selects a free port.

    Connections are kept alive as in HTTP/1.1; at the end those still open are closed.
    """
    server = _Server(host, port, create_app(cloud, control=control), _Handler, ssl_context=tls)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Running(f"{'https' if tls else 'http'}://{host}:{server.port}", server.port)
    finally:
        server.shutdown()
        thread.join()
        server.close_connections()


class _Server(ThreadedWSGIServer):
    """Keeps its open connections, so that it can close them."""

    request_queue_size = 256

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - werkzeug's own
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's own
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        """Print the error, unless the client closed the connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Close the connections that clients left open; their threads end with them."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Runs the application for each request of a connection.

    Werkzeug's own closes the connection after every response, and first waits for more of the request. The real gateway
    does neither, and no test could show that a client reuses its connections.
    """

    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = BytesIO(self._read_body(environ))
        try:
            sent: list[Any] = []
            body = b"".join(_closing(self.server.app(environ, _recorder(sent))))
        except ConnectionDropped as dropped:
            self._drop(reset=dropped.reset)
            return
        status, headers = sent
        self._write(status, headers, body)

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            body: bytes = environ["wsgi.input"].read()
            return body
        return self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))

    def _write(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code = int(status.split(maxsplit=1)[0])
        self.send_response_only(code, HTTPStatus(code).phrase)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drop(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.connection.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing: the requests are in `Cloud.requests`."""


def _recorder(sent: list[Any]) -> Callable[..., Callable[[bytes], object]]:
    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        sent[:] = [status, headers]
        return lambda _: None

    return start_response


def _closing(parts: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from parts
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
