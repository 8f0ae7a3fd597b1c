"""A server on the loopback interface that does to its clients whatever a broken or malicious one might do."""

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle

from gaussdb_backup.huawei.network import Address

CHUNK = b"x" * 65536
DRIP_SECONDS = 0.02
IAM_PATH = b"/v3/auth/tokens"


@dataclass
class Peer:
    """One connection of a client. Every wait ends when the server stops."""

    socket: socket.socket
    stopped: threading.Event
    request: bytes = b""

    def read_request(self) -> None:
        """Read one request, headers and body."""
        while b"\r\n\r\n" not in self.request:
            self.request += self._receive()
        head, _, body = self.request.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            chunk = self._receive()
            body += chunk
            self.request += chunk

    def _receive(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError
        return data

    @property
    def path(self) -> bytes:
        return self.request.split(b" ", 2)[1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def send_endlessly(self, part: bytes) -> None:
        for each in cycle([part]):
            if self.stopped.is_set():
                return
            self.socket.sendall(each)

    def drip(self, data: bytes) -> None:
        for byte in data:
            if self.stopped.wait(DRIP_SECONDS):
                return
            self.socket.sendall(bytes([byte]))

    def wait(self) -> None:
        self.stopped.wait(30)

    def reset(self) -> None:
        """Close the connection so that the client gets a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Behaviour = Callable[[Peer], None]


@dataclass
class HostileServer:
    url: str
    requests: list[bytes] = field(default_factory=list)
    """What was read of each request."""


@contextmanager
def serve_hostile(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """Serve each connection by `behaviour`, in a thread of its own."""
    stopped = threading.Event()
    peers: list[tuple[socket.socket, threading.Thread]] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.05)
        scheme = "https" if tls else "http"
        server = HostileServer(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")

        def serve(connection: socket.socket) -> None:
            with suppress(OSError):  # the client closed the connection, which is what it should do
                wrapped = tls.wrap_socket(connection, server_side=True) if tls else connection
                peer = Peer(wrapped, stopped)
                with wrapped:
                    try:
                        behaviour(peer)
                    finally:
                        server.requests.append(peer.request)

        def accept() -> None:
            while not stopped.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.settimeout(10)
                    thread = threading.Thread(target=serve, args=(connection,), daemon=True)
                    peers.append((connection, thread))
                    thread.start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            stopped.set()
            acceptor.join()
            for connection, thread in peers:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
                thread.join(5)


# How responses are made


def response(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


GOOD = as_json({"backup": {"id": "b-1", "name": "first"}, "backups": [], "instances": []})


def after_request(act: Behaviour) -> Behaviour:
    """Read a request, do this, and close the connection."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        act(peer)

    return behave


def sends(*parts: bytes) -> Behaviour:
    return after_request(lambda peer: peer.send(*parts))


def sends_and_waits(*parts: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(*parts)
        peer.wait()

    return after_request(act)


def sends_endlessly(start: bytes, part: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(start)
        peer.send_endlessly(part)

    return after_request(act)


def drips(start: bytes, rest: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(start)
        peer.drip(rest)

    return after_request(act)


def sends_much(start: bytes, megabytes: int) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(start)
        for _ in range(megabytes * 16):
            peer.send(CHUNK)

    return after_request(act)


def resets(*parts: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(*parts)
        peer.reset()

    return after_request(act)


def _never_reads(peer: Peer) -> None:
    peer.wait()


def _closes_at_once(peer: Peer) -> None:
    peer.socket.close()


def _gzipped(depth: int, megabytes: int) -> bytes:
    data = b"0" * (megabytes * 1024 * 1024)
    for _ in range(depth):
        data = gzip.compress(data, mtime=0)
    return data


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = _gzipped(2, 8)

NO_RESPONSE: dict[str, Behaviour] = {
    "never reads": _never_reads,
    "closes at once": _closes_at_once,
    "resets at once": Peer.reset,
    "is silent": after_request(Peer.wait),
    "closes": after_request(lambda _: None),
    "resets": resets(),
}
SLOW: dict[str, Behaviour] = {
    "drips the status line": drips(b"", HEAD * 50),
    "drips headers": drips(HEAD, b"X-Header: value\r\n" * 100),
    "drips the body": drips(HEAD + b"Content-Length: 9999\r\n\r\n", b"x" * 9999),
    "drips chunks": drips(CHUNKED, b"1\r\nx\r\n" * 999),
    "drips 1xx": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "stops in the status line": sends_and_waits(b"HTTP/1."),
    "stops in the headers": sends_and_waits(HEAD + b"Content-Le"),
    "stops in the body": sends_and_waits(response(b"{", length=100)),
    "stops between chunks": sends_and_waits(CHUNKED + b"1\r\n{\r\n"),
    "announces a body and sends none": sends_and_waits(response(length=5)),
}
ENDLESS: dict[str, Behaviour] = {
    "endless status line": sends_endlessly(b"HTTP/1.1 200 ", CHUNK),
    "endless headers": sends_endlessly(HEAD, b"X-Header: value\r\n" * 4000),
    "one endless header": sends_endlessly(HEAD + b"X-Header: ", CHUNK),
    "endless 1xx": sends_endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "endless early hints": sends_endlessly(b"", (HEAD.replace(b"200 OK", b"103 Hints") + b"Link: x\r\n\r\n") * 2000),
    "endless body": sends_endlessly(HEAD + b"Connection: close\r\n\r\n", CHUNK),
    "endless chunks": sends_endlessly(CHUNKED, b"10000\r\n" + CHUNK + b"\r\n"),
    "endless chunk extension": sends_endlessly(CHUNKED + b"1;x=", CHUNK),
    "endless trailers": sends_endlessly(CHUNKED + b"0\r\n", b"X-Header: value\r\n" * 4000),
    "200 MB": sends_much(response(length=200 * 1024 * 1024), 200),
    "300 MB without a length": sends_much(HEAD + b"Connection: close\r\n\r\n", 300),
    "endless garbage": sends_endlessly(b"", b"\x00\xff\r\n" * 16384),
}
MALFORMED: dict[str, Behaviour] = {
    "garbage": sends(bytes(range(256)) * 4),
    "null bytes": sends(b"\0" * 4096),
    "another protocol": sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/2": sends(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\0" * 18),
    "HTTP/0.9": sends(b"<html>hello</html>"),
    "an empty line": sends(b"\r\n\r\n"),
    "no reason and no space": sends(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
    "status 99": sends(response(status="099 x")),
    "status 999": sends(response(status="999 x")),
    "status of four digits": sends(response(status="2000 x")),
    "a folded header": sends(HEAD + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
    "a header without a name": sends(HEAD + b": x\r\n\r\n"),
    "a header with a blank in its name": sends(HEAD + b"X A: x\r\n\r\n"),
    "headers that are not ASCII": sends(
        HEAD + b"X-A: \xff\xfe\r\nX-Request-Id: \xc3\xa4\x01\xff\r\nContent-Length: 0\r\n\r\n"
    ),
    "two lengths": sends(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "a negative length": sends(HEAD + b"Content-Length: -1\r\n\r\n{}"),
    "a length that is no number": sends(HEAD + b"Content-Length: many\r\n\r\n{}"),
    "a length of 5000 digits": sends(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}"),
    "a body that is too short": sends(response(b"{}", length=100)),
    "a chunk size that is no number": sends(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk size of 50 digits": sends(CHUNKED + b"9" * 50 + b"\r\n{}\r\n"),
    "chunks that end too early": sends(CHUNKED + b"5\r\n{}"),
    "an unknown transfer coding": sends(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "closes in the status line": sends(b"HTTP/1.1 20"),
    "closes in the headers": sends(HEAD + b"Content-Ty"),
    "resets in the body": resets(response(b"{", length=100)),
    "upgrades": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
}
ENCODED: dict[str, Behaviour] = {
    name: sends(response(body, f"Content-Encoding: {name}"))
    for name, body in {
        "gzip": gzip.compress(GOOD),
        "gzip, gzip": BOMB,
        "GZIP": gzip.compress(GOOD),
        "deflate": b"x",
        "br": b"x",
        "zstd": b"x",
        "identity, gzip": b"x",
        "odd": b"x",
        "gzip, " * 500 + "gzip": BOMB,
    }.items()
}
CONTENT: dict[str, Behaviour] = {
    "an empty body": sends(response()),
    "HTML": sends(response(b"<html><body>Welcome</body></html>", "Content-Type: text/html")),
    "HTML with 503": sends(response(b"<html>down</html>", status="503 Down")),
    "204": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": sends(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "a redirect": sends(response(b"", "Location: http://127.0.0.1:9/", status="302 Found")),
    "a redirect to nowhere": sends(response(b"", "Location: http://[:::::/", status="307 x")),
    "JSON nested 100,000 deep": sends(response(b"[" * 100_000 + b"]" * 100_000)),
    "objects nested 100,000 deep": sends(response(b'{"a":' * 100_000)),
    "an error nested 100,000 deep": sends(response(b'{"a":' * 100_000, status="400 x")),
    "not a number": sends(response(b'{"backup": {"id": NaN}, "backups": NaN}')),
    "a number of 5000 digits": sends(response(b'{"backups": ' + b"9" * 5000 + b"}")),
    "null": sends(response(b"null")),
    "a list": sends(response(b"[1]")),
    "text": sends(response(b'"text"')),
    "UTF-16": sends(response('{"backups": []'.encode("utf-16"))),
    "broken UTF-8": sends(response(b'{"backups": "\xff\xfe"}')),
    "odd error fields": sends(response(as_json({"error_code": [1], "error_msg": {"a": 1}}), status="409 x")),
    "an error code of 1 MB": sends(
        response(as_json({"error_code": "D" * 1_000_000, "error_msg": "x"}), status="409 x")
    ),
    "control characters in the error": sends(
        response(
            as_json({"error_code": "DBS\n\x1b[31m", "error_msg": "a\r\nb\x00\u202e", "request_id": "\x07"}),
            status="400 x",
        )
    ),
}
HEADERS: dict[str, Behaviour] = {
    **{
        f"Retry-After: {value[:20]}": sends(response(b"{}", f"Retry-After: {value}", status="503 x"))
        for value in (
            "-1", "1e9", "9" * 5000, "nan", "²", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 +2359",
            "Mon, 99 Foo 2026 99:99:99 +9999", "Mon, 01 Jan 2026 00:00:00 +999999999999999", ",", "\u0660",
        )
    },
    **{
        f"Date: {value[:20]}": sends(response(b"{}", f"Date: {value}", status="503 x"))
        for value in ("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "0", "-", "9" * 5000)
    },
    "cookies": sends(response(b"{}", *(f"Set-Cookie: c{number}={'x' * 100}" for number in range(300)), status="503 x")),
}  # fmt: skip


def _echo(peer: Peer, body: Callable[[str], object], *, status: str) -> None:
    text = " ".join(peer.headers.values()) + peer.request.partition(b"\r\n\r\n")[2].decode() + peer.path.decode()
    peer.send(response(as_json(body(text)), status=status))


def _echo_each(peer: Peer, *, status: str) -> None:
    """Return each header of the request, and the body, as a header and as part of an error's code, words and id."""
    headers = peer.headers
    credential = headers.get("x-auth-token") or headers.get("x-security-token") or headers.get("authorization") or ""
    code = credential or peer.request.partition(b"\r\n\r\n")[2].decode()
    extra = [
        f"X-Request-Id: {credential[:60]}",
        f"X-IAM-Trace-Id: {credential[-40:]}",
        f"X-Subject-Token: \x7f{credential}",
    ]
    body = {"error_code": code, "error_msg": f"wrong: {code[-150:]}", "request_id": code}
    peer.send(response(as_json(body), *extra, status=status.replace("x", credential[:40] or "x")))


def _echo_of_key(peer: Peer) -> None:
    key = peer.headers.get("authorization", "Access=none,").partition("Access=")[2].partition(",")[0]
    body = {"error_code": key, "error_msg": f"key {key.lower()} {key[:9]}", "request_id": f"r-{key}"}
    peer.send(response(as_json(body), f"X-Request-Id: {key}", status="409 x"))


def _echo_as_record(peer: Peer) -> None:
    token = peer.headers.get("x-auth-token") or peer.headers.get("x-security-token") or "none"
    record = {"id": token, "name": token[:60], "instance_id": 5, "status": token, "begin_time": token, "size": token}
    body = as_json({"backup": record, "backups": [record], "job_id": [token]}).replace(b"/", b"\\/")
    peer.send(response(body, f"X-Request-Id: {token[5:50]}"))


ECHOES: dict[str, Behaviour] = {
    **{
        f"echoes as words, {status}": after_request(
            partial(_echo, body=lambda text: {"error_code": "DBS.1", "error_msg": text}, status=f"{status} x")
        )
        for status in ("400", "404", "409", "500")
    },
    **{
        f"echoes as code and id, {status}": after_request(partial(_echo_each, status=f"{status} x"))
        for status in ("400", "401", "403", "404", "409", "413", "429", "500", "503", "302")
    },
    "echoes in IAM's shape": after_request(
        partial(_echo, body=lambda text: {"error": {"code": text[:64], "message": text}}, status="503 x")
    ),
    "echoes the access key": after_request(_echo_of_key),
    "echoes as a record": after_request(_echo_as_record),
}
BEHAVIOURS = NO_RESPONSE | SLOW | ENDLESS | MALFORMED | ENCODED | CONTENT | HEADERS | ECHOES

HARMLESS = {"no reason and no space", "a folded header", "headers that are not ASCII"}
"""Odd, but a complete response without a record."""


def issues_tokens(token: str, body: bytes = b'{"token": {"expires_at": "2036-01-01T00:00:00.0Z"}}') -> Behaviour:
    """IAM as it should be."""

    def act(peer: Peer) -> None:
        while True:
            peer.request = b""
            peer.read_request()
            peer.send(response(body, f"X-Subject-Token: {token}", status="201 Created"))

    return act


# What is no server at all


@contextmanager
def dead_address() -> Iterator[Address]:
    """Listens, and never takes a connection: its queue is full, so that the next one is not answered at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        yield address_of(listener.getsockname()[1])
        for each in waiting:
            each.close()


def address_of(port: int) -> Address:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)
