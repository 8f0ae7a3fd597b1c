"""The client over real sockets: what does not respond ends in time, with the operation in its error."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.errors import FixConfiguration, TryLater
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from gaussdb_backup.huawei.transport import MAX_RESPONSE_BYTES
from local import gaussdb_emulator
from tests.helpers.gaussdb import ORDERS, Source, by_key, make_cloud

TIMEOUT = timedelta(seconds=0.5)
Connect = Callable[..., GaussDBApi]


@pytest.fixture
def connect() -> Iterator[Callable[..., GaussDBApi]]:
    """Makes clients of an address, and closes them."""
    with ExitStack() as stack:

        def make(url: str, timeout: timedelta = TIMEOUT) -> GaussDBApi:
            session = Session(timeout=timeout, now=lambda: datetime.now(UTC))
            stack.callback(session.close)
            deadline = Deadline.after(timedelta(hours=1))
            return GaussDBApi(Source(by_key(url)), session, deadline=deadline, sleep=lambda _: None)

        yield make


@contextmanager
def raw_server(*chunks: bytes, delay: float = 0.0) -> Iterator[str]:
    """Answers every request with these bytes, a delay before each."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    try:
                        for chunk in chunks:
                            if stop.wait(delay):
                                return
                            connection.sendall(chunk)
                    except OSError:
                        continue

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def test_a_backup_is_created_over_a_socket(connect: Connect) -> None:
    cloud = make_cloud()
    with gaussdb_emulator.serve(cloud) as running:
        connect(running.url, timedelta(seconds=5)).create_backup(instance_id=ORDERS, name="first")
    assert [backup.name for backup in cloud.backups(ORDERS)] == ["first"]


def test_a_refused_connection_has_certainly_not_taken_effect(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        TryLater, match="create backup: no connection to 127.0.0.1 .the connection was refused"
    ) as raised:
        connect(f"http://127.0.0.1:{port}").create_backup(instance_id=ORDERS, name="first")
    assert not raised.value.may_have_taken_effect


def test_a_name_that_does_not_resolve_is_reported_with_the_endpoint(connect: Connect) -> None:
    with pytest.raises(
        TryLater, match="list backups: no connection to .*its name is not known.*check the endpoint in the secret"
    ):
        list(connect("http://127.0.0.1.invalid").list_backups())


def test_a_certificate_that_is_not_trusted_is_an_error_of_configuration(connect: Connect) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    cloud = make_cloud()
    with (
        gaussdb_emulator.serve(cloud, tls=context) as running,
        pytest.raises(FixConfiguration, match="create backup: the certificate of 127.0.0.1 is not trusted"),
    ):
        connect(running.url, timedelta(seconds=5)).create_backup(instance_id=ORDERS, name="first")
    assert cloud.backups() == []


def test_a_server_without_tls_is_reported(connect: Connect) -> None:
    with (
        raw_server(b"hello") as url,
        pytest.raises(TryLater, match="create backup: no connection to .*TLS: the handshake failed"),
    ):
        connect(url.replace("http:", "https:")).create_backup(instance_id=ORDERS, name="first")


def test_a_slow_response_ends_in_time_and_may_have_taken_effect(connect: Connect) -> None:
    cloud = make_cloud()
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.SLOW, seconds=1.5))
    began = time.monotonic()
    with gaussdb_emulator.serve(cloud) as running:
        with pytest.raises(
            TryLater, match="create backup: no good response .*the response did not end in time"
        ) as raised:
            connect(running.url).create_backup(instance_id=ORDERS, name="first")
        assert time.monotonic() - began < 1.2
    assert raised.value.may_have_taken_effect


def test_a_dripping_response_ends_in_time(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    began = time.monotonic()
    with raw_server(head, *[b"x"] * 1000, delay=0.05) as url:
        with pytest.raises(TryLater, match="create backup: no good response .*the response did not end in time"):
            connect(url).create_backup(instance_id=ORDERS, name="first")
        assert time.monotonic() - began < 1.5


def test_an_endless_response_is_an_error(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with (
        raw_server(head, *[b"x" * 1_000_000] * (MAX_RESPONSE_BYTES // 1_000_000 + 5)) as url,
        pytest.raises(TryLater, match="the response is larger than any should be"),
    ):
        connect(url, timedelta(seconds=20)).create_backup(instance_id=ORDERS, name="first")


def test_a_response_that_is_not_http_is_reported(connect: Connect) -> None:
    with (
        raw_server(b"SSH-2.0-OpenSSH_9.6\r\n") as url,
        pytest.raises(TryLater, match="create backup: no good response"),
    ):
        connect(url).create_backup(instance_id=ORDERS, name="first")


def test_a_redirect_is_an_error(connect: Connect) -> None:
    response = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with raw_server(response) as url, pytest.raises(FixConfiguration, match="returned 302: check endpoint"):
        connect(url).create_backup(instance_id=ORDERS, name="first")
