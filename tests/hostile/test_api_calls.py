"""One call of a hostile API or IAM: it ends in time, with an error of ours, in bounded memory, and no secret is seen."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError, TryLater
from gaussdb_backup.huawei.api import GaussDBApi
from tests.helpers.canaries import CANARIES, find_canaries
from tests.helpers.gaussdb import ORDERS
from tests.helpers.hostile_server import (
    BEHAVIOURS, CONTENT, ECHOES, ENCODED, ENDLESS, HARMLESS, HEADERS, MALFORMED, NO_RESPONSE, SLOW,
    Peer, after_request, issues_tokens, response, sends,
)  # fmt: skip
from tests.hostile.conftest import MARGIN, TIMEOUT, Client

WHERE = ["API by key", "API by password", "IAM"]
MEGABYTE = 1024 * 1024


def create(api: GaussDBApi) -> object:
    return api.create_backup(instance_id=ORDERS, name="first")


def list_(api: GaussDBApi) -> object:
    return list(api.list_backups())


OPERATIONS = {"create": create, "list": list_}


def run(client: Client, api: GaussDBApi, operation: str) -> GaussDBBackupError | None:
    """Run an operation, which must end in time; return its error."""
    began = time.monotonic()
    try:
        OPERATIONS[operation](api)
        error = None
    except GaussDBBackupError as raised:
        error = raised
        client.emit(raised)
    assert time.monotonic() - began < TIMEOUT.total_seconds() + MARGIN
    return error


@contextmanager
def bounded_memory(megabytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def test_the_search_would_find_a_part_of_a_secret() -> None:
    for value in CANARIES.values():
        assert find_canaries(f"x{value[3:11].upper()}x")
    assert find_canaries("nothing of that kind") == []


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_create_call_ends_in_time_with_an_error_of_ours_and_shows_no_secret(
    client: Client, name: str, where: str
) -> None:
    error = run(client, client.api(client.connect(where, BEHAVIOURS[name])), "create")
    assert error is not None
    assert error.api_call is not None
    assert error.api_call.operation == ("request IAM token" if where == "IAM" else "create backup")


@pytest.mark.parametrize("where", [WHERE[0], *(pytest.param(where, marks=pytest.mark.slow) for where in WHERE[1:])])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_read_ends_in_time_with_an_error_of_ours_and_shows_no_secret(client: Client, name: str, where: str) -> None:
    assert run(client, client.api(client.connect(where, BEHAVIOURS[name])), "list") is not None


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("name", ENDLESS | ENCODED)
def test_no_response_takes_more_than_bounded_memory(client: Client, name: str, where: str) -> None:
    api = client.api(client.connect(where, BEHAVIOURS[name]))
    with bounded_memory(16):
        assert run(client, api, "create") is not None
