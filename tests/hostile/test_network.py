"""What is below HTTP: names, addresses, TLS. All of it belongs to the one time that a call has."""

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError, TryLater
from gaussdb_backup.huawei.http import ApiRequest
from gaussdb_backup.huawei.network import Address, Network, Resolver
from gaussdb_backup.huawei.session import Session
from gaussdb_backup.huawei.transport import NetworkTransport
from tests.helpers.canaries import CANARIES
from tests.helpers.gaussdb import ORDERS
from tests.helpers.hostile_server import (
    GOOD,
    Behaviour,
    Peer,
    address_of,
    after_request,
    as_json,
    dead_address,
    issues_tokens,
    response,
    sends,
)
from tests.hostile.conftest import ENOUGH, MARGIN, TIMEOUT, Client

LONG = timedelta(seconds=1)
"""So long that a busy machine is noticed less than a second time limit."""
WITHOUT_PATH = response(as_json({"error_code": "APIGW.0101", "error_msg": "no such API"}), status="404 x")


def resolves_to(*addresses: Address) -> Resolver:
    def resolver(host: str, port: int) -> Sequence[Address]:
        return addresses

    return resolver


def create(client: Client, url: str, resolver: Resolver | None = None, **options: timedelta) -> GaussDBBackupError:
    """Create a backup, which has to fail in time."""
    transport = NetworkTransport(Network(resolver)) if resolver else None
    api = client.api(client.by_key(url), transport=transport, **options)
    began = time.monotonic()
    with pytest.raises(GaussDBBackupError) as raised:
        api.create_backup(instance_id=ORDERS, name="first")
    assert time.monotonic() - began < options.get("timeout", TIMEOUT).total_seconds() + MARGIN
    client.emit(raised.value)
    return raised.value


def not_sent(error: GaussDBBackupError) -> str:
    assert isinstance(error, TryLater)
    assert not error.may_have_taken_effect
    return str(error)


def test_four_dead_addresses_take_the_time_of_one_call(client: Client) -> None:
    with dead_address() as dead:
        error = create(client, "http://gaussdb.example", resolves_to(dead, dead, dead, dead))
    assert "no connection to gaussdb.example (no address answered in time)" in not_sent(error)


def test_three_dead_addresses_leave_time_for_the_fourth(client: Client) -> None:
    good = address_of(int(client.serve(sends(response(GOOD))).rpartition(":")[2]))
    with dead_address() as dead:
        transport = NetworkTransport(Network(resolves_to(dead, dead, dead, good)))
        api = client.api(client.by_key("http://gaussdb.example"), transport=transport, timeout=2 * LONG)
        assert api.create_backup(instance_id=ORDERS, name="first").backup.id == "b-1"


def test_a_refused_address_costs_the_next_one_nothing(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = address_of(closed.getsockname()[1])
    good = address_of(int(client.serve(sends(response(GOOD))).rpartition(":")[2]))
    transport = NetworkTransport(Network(resolves_to(refused, good)))
    api = client.api(client.by_key("http://gaussdb.example"), transport=transport, timeout=ENOUGH)
    assert api.create_backup(instance_id=ORDERS, name="first").backup.id == "b-1"


def test_a_name_that_never_resolves_ends_in_time(client: Client) -> None:
    ended = threading.Event()

    def resolver(host: str, port: int) -> Sequence[Address]:
        ended.wait(30)
        return ()

    error = create(client, "http://gaussdb.example", resolver)
    ended.set()
    assert "no connection to gaussdb.example (the look-up of its name did not end in time)" in not_sent(error)


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "x"), UnicodeError("label empty or too long"), None])
def test_a_name_that_no_host_has_is_reported(client: Client, failure: Exception | None) -> None:
    def resolver(host: str, port: int) -> Sequence[Address]:
        if failure:
            raise failure
        return ()

    assert "(its name is not known)" in not_sent(create(client, "http://gaussdb.example", resolver, timeout=ENOUGH))


@pytest.mark.parametrize("endpoint", ["http://a..b", f"http://{'a' * 70}.b", "http://.", "http://host:99999", "x"])
def test_a_malformed_endpoint_that_was_not_checked_is_an_error_of_ours(client: Client, endpoint: str) -> None:
    error = create(client, endpoint)
    assert "the secret" in str(error)


# TLS


def tls_context(host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(host).configure_cert(context)
    return context


def _silent(peer: Peer) -> None:
    peer.wait()


def _in_plain_text(peer: Peer) -> None:
    peer.send(response(GOOD))


def _drips_a_record(peer: Peer) -> None:
    peer.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 16384)


def _alert(peer: Peer) -> None:
    peer.send(b"\x15\x03\x03\x00\x02\x02\x28")


@pytest.mark.parametrize(
    ("behaviour", "words", "timeout"),
    [
        (_silent, "TLS: the handshake did not end in time", LONG),
        (_drips_a_record, "TLS: the handshake did not end in time", LONG),
        (_in_plain_text, "TLS: the handshake failed", ENOUGH),
        (_alert, "TLS: the handshake failed", ENOUGH),
        (Peer.reset, "no connection to", ENOUGH),
    ],
)
def test_a_bad_handshake_ends_in_time_and_nothing_was_sent(
    client: Client, behaviour: Behaviour, words: str, timeout: timedelta
) -> None:
    url = client.serve(behaviour).replace("http:", "https:")
    assert words in not_sent(create(client, url, timeout=timeout))


@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
def test_a_certificate_that_is_not_trusted_gets_no_request(client: Client, host: str) -> None:
    requests: list[bytes] = []

    def keep(peer: Peer) -> None:
        peer.read_request()
        requests.append(peer.request)

    error = create(client, client.serve(keep, tls=tls_context(host)), timeout=ENOUGH)
    assert isinstance(error, FixConfiguration)
    assert "the certificate of 127.0.0.1 is not trusted" in str(error)
    assert requests == []


# One time for all that a call needs


def waits_then(seconds: float, then: Behaviour) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.stopped.wait(seconds)
        then(peer)

    return act


def test_a_token_and_the_call_that_needs_it_have_one_time(client: Client) -> None:
    iam = client.serve(waits_then(LONG.total_seconds() * 0.7, issues_tokens(CANARIES["token"])))
    api = client.api(client.by_password(client.serve(after_request(Peer.wait)), iam), timeout=LONG)
    began = time.monotonic()
    with pytest.raises(TryLater, match="create backup: .*did not end in time") as raised:
        api.create_backup(instance_id=ORDERS, name="first")
    assert time.monotonic() - began < LONG.total_seconds() * 1.6
    assert raised.value.may_have_taken_effect


def test_a_call_on_either_path_has_one_time(client: Client) -> None:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.stopped.wait(LONG.total_seconds() * 0.7)
        if b"/mysql/v3/" in peer.path:
            peer.send(WITHOUT_PATH)
        else:
            peer.wait()

    began = time.monotonic()
    create(client, client.serve(behave), timeout=LONG)
    assert time.monotonic() - began < LONG.total_seconds() * 1.6


def test_a_call_gets_no_more_time_than_its_caller_has(client: Client) -> None:
    session = Session(timeout=timedelta(seconds=30), now=lambda: datetime.now(UTC))
    request = ApiRequest("list backups", "GET", "/backups")
    began = time.monotonic()
    with closing(session), pytest.raises(TryLater, match="list backups: .*did not end in time"):
        session.send(request, client.by_key(client.serve(after_request(Peer.wait))), timeout=TIMEOUT)
    assert time.monotonic() - began < TIMEOUT.total_seconds() + MARGIN


# What is kept between calls


def test_a_connection_is_used_for_several_calls(client: Client) -> None:
    peers: list[Peer] = []

    def behave(peer: Peer) -> None:
        peers.append(peer)
        while True:
            peer.request = b""
            peer.read_request()
            peer.send(response(GOOD))

    api = client.api(client.by_key(client.serve(behave)), timeout=ENOUGH, work=timedelta(seconds=30))
    for _ in range(3):
        api.create_backup(instance_id=ORDERS, name="first")
    assert len(peers) == 1


def test_a_connection_that_the_api_has_closed_is_replaced(client: Client) -> None:
    api = client.api(client.by_key(client.serve(sends(response(GOOD)))), timeout=ENOUGH, work=timedelta(seconds=30))
    for _ in range(3):
        api.create_backup(instance_id=ORDERS, name="first")
        time.sleep(0.05)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[:::::/"])
def test_cookies_and_addresses_of_a_response_are_not_kept(client: Client, url: str) -> None:
    requests: list[str] = []

    def behave(peer: Peer) -> None:
        peer.read_request()
        requests.append(peer.headers.get("cookie", ""))
        peer.send(response(b"", f"Location: {url}", "Set-Cookie: a=b", "Connection: close", status="302 x"))

    api = client.api(client.by_key(client.serve(behave)), timeout=ENOUGH, work=timedelta(seconds=30))
    for _ in range(2):
        with pytest.raises(FixConfiguration, match="returned 302: check endpoint"):
            api.create_backup(instance_id=ORDERS, name="first")
    assert requests == ["", ""]


def test_the_clock_of_the_api_is_compared_with_ours(client: Client) -> None:
    now = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    iam = client.serve(issues_tokens(CANARIES["token"]))
    dates = iter(["Mon, 23 Nov 2026 01:32:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"])

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(response(GOOD, f"Date: {next(dates)}", "Connection: close"))

    api = client.api(
        client.by_password(client.serve(behave), iam), now=lambda: now, timeout=ENOUGH, work=timedelta(seconds=30)
    )
    assert api.clock_skew is None
    for _ in range(3):  # a date that means nothing is none
        api.create_backup(instance_id=ORDERS, name="first")
        assert api.clock_skew == timedelta(minutes=2)
