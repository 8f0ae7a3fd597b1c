"""Connections whose every step, name look-up included, ends by the deadline of the call that it belongs to."""

import errno
import select
import socket
import ssl
from collections.abc import Callable, Sequence
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import httpcore

from gaussdb_backup.domain.deadline import Deadline

MIN_SECONDS = 0.001
"""A socket takes a time limit of zero for none at all."""

type Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""What `socket.getaddrinfo` returns for each address."""
type Resolver = Callable[[str, int], Sequence[Address]]


class Failure(Enum):
    """Why a call has no usable response, in our own words: those of a library may quote a header or a body."""

    NAME_UNKNOWN = "its name is not known"
    NAME_LOOKUP_SLOW = "the look-up of its name did not end in time"
    CONNECT_REFUSED = "the connection was refused"
    CONNECT_FAILED = "no address could be reached"
    CONNECT_SLOW = "no address answered in time"
    CERTIFICATE = "TLS: its certificate is not trusted"
    TLS_FAILED = "TLS: the handshake failed"
    TLS_SLOW = "TLS: the handshake did not end in time"
    NO_TIME = "no time was left to send the request"
    ILLEGAL_REQUEST = "a value of the secret or the request cannot be sent"
    LOST = "the connection was lost"
    SLOW = "the response did not end in time"
    TOO_LARGE = "the response is larger than any should be"
    ENCODED = "the response has an encoding that was not asked for"
    MALFORMED = "the response is malformed or not whole"

    @property
    def is_sent(self) -> bool:
        """Whether the request, or a part of it, may have been received."""
        return self in (Failure.LOST, Failure.SLOW, Failure.TOO_LARGE, Failure.ENCODED, Failure.MALFORMED)


class NetworkError(Exception):
    """A step of a call has failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def resolve(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host, as the operating system does."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Network(httpcore.NetworkBackend):
    """Opens connections, for one call after another.

    `deadline` and `max_bytes` are those of the present call, also for the connections that were opened in earlier ones:
    when every step has to have ended, and how much may still be received.
    """

    def __init__(self, resolver: Resolver = resolve) -> None:
        self._resolver = resolver
        self.deadline = Deadline(0.0)
        self.max_bytes = 0

    def seconds_left(self, too_late: Failure) -> float:
        """Return how long a step may take. Raises `NetworkError` once the deadline has passed."""
        seconds = self.deadline.remaining.total_seconds()
        if seconds < MIN_SECONDS:
            raise NetworkError(too_late)
        return seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline holds
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Any = None,  # noqa: ANN401, ARG002
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; each has an equal part of what the ones before it have left."""
        addresses = self._resolve(host, port)
        failure = Failure.NAME_UNKNOWN
        for index, address in enumerate(addresses):
            seconds = self.seconds_left(Failure.CONNECT_SLOW) / (len(addresses) - index)
            connected = _connect(address, max(seconds, MIN_SECONDS))
            if isinstance(connected, socket.socket):
                return Stream(connected, self)
            failure = connected
        raise NetworkError(failure)

    def _resolve(self, host: str, port: int) -> Sequence[Address]:
        """Resolve a name in a thread of its own, since nothing else can end a look-up that does not end."""
        results: SimpleQueue[Sequence[Address]] = SimpleQueue()
        seconds = self.seconds_left(Failure.NO_TIME)
        Thread(target=_put_addresses, args=(self._resolver, host, port, results), daemon=True).start()
        try:
            addresses = results.get(timeout=seconds)
        except Empty:
            addresses = None
        if addresses:
            return addresses
        raise NetworkError(Failure.NAME_LOOKUP_SLOW if addresses is None else Failure.NAME_UNKNOWN)


class Stream(httpcore.NetworkStream):
    """One connection. It is closed by whoever gets an error from it."""

    def __init__(self, connected: socket.socket, network: Network) -> None:
        self._socket = connected
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline holds
        """Return what has come, at most `max_bytes`; nothing once the other side has ended."""
        self._socket.settimeout(self._network.seconds_left(Failure.SLOW))
        failure = Failure.LOST
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError:
            failure = Failure.SLOW
        except OSError:
            pass
        else:
            self._network.max_bytes -= len(data)
            if self._network.max_bytes >= 0:
                return data
            failure = Failure.TOO_LARGE
        raise NetworkError(failure)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline holds
        """Send all of it. Where the other side has ended, that is an error of httpcore's: it may have responded."""
        if not buffer:
            return
        self._socket.settimeout(self._network.seconds_left(Failure.SLOW))
        failure = None
        try:
            self._socket.sendall(buffer)
        except TimeoutError:
            failure = Failure.SLOW
        except OSError:
            failure = Failure.LOST
        if failure is Failure.SLOW:
            raise NetworkError(failure)
        if failure:
            raise httpcore.WriteError

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline holds
    ) -> httpcore.NetworkStream:
        """Return this connection with TLS."""
        failure = Failure.TLS_FAILED
        try:
            self._socket.settimeout(self._network.seconds_left(Failure.TLS_SLOW))
            return Stream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._network)
        except NetworkError as error:
            failure = error.failure
        except TimeoutError:
            failure = Failure.TLS_SLOW
        except ssl.SSLCertVerificationError:
            failure = Failure.CERTIFICATE
        except (OSError, ValueError):  # a host that no certificate can have is a ValueError
            pass
        self.close()
        raise NetworkError(failure)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own
        """Return whether there is something to read, which httpcore asks before it uses a connection again."""
        return _has_input(self._socket) if info == "is_readable" else None


def _put_addresses(resolver: Resolver, host: str, port: int, results: SimpleQueue[Sequence[Address]]) -> None:
    try:
        results.put(resolver(host, port))
    except (OSError, UnicodeError):  # a name that no host can have is a UnicodeError
        results.put(())


def _connect(address: Address, seconds: float) -> socket.socket | Failure:
    failure = Failure.CONNECT_FAILED
    try:
        connection = socket.socket(*address[:3])
    except OSError:
        return failure
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(seconds)
        connection.connect(address[4])
    except TimeoutError:
        failure = Failure.CONNECT_SLOW
    except OSError as error:
        failure = Failure.CONNECT_REFUSED if error.errno == errno.ECONNREFUSED else Failure.CONNECT_FAILED
    else:
        return connection
    connection.close()
    return failure


def _has_input(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
