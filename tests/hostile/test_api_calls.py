"""One call of a hostile API or IAM: it ends in time, as an error of ours, in bounded memory, and shows no secret."""

import time
import tracemalloc
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gaussdb_backup.errors import GaussDBBackupError, TryLater
from gaussdb_backup.huawei.api import GaussDBApi
from tests.helpers.canaries import CANARIES, find_canaries
from tests.helpers.gaussdb import ORDERS
from tests.helpers.hostile_server import BEHAVIOURS, ECHOES, ENCODED, ENDLESS, MALFORMED, NO_RESPONSE, SLOW
from tests.hostile.conftest import ENOUGH, MARGIN, TIMEOUT, TIMEOUT_WITH_TOKEN, Client

WHERE = ["API by key", "API by password", "IAM"]
MEGABYTE = 1024 * 1024
HARMLESS = {"no reason and no space", "a folded header", "headers that are not ASCII", "upgrades", "status 999"}
"""Those of MALFORMED that are a response nevertheless."""
WITHOUT_RESPONSE = {*NO_RESPONSE, *SLOW, *ENDLESS, *MALFORMED, *ENCODED} - HARMLESS - {"resets at once"}
"""A connection that is reset at once may count as one that was never made."""
WAITS = {*SLOW, "never reads", "is silent"}
"""Only the time limit ends these."""
FAST_EVERYWHERE = {
    *(
        "is silent",
        "drips headers",
        "drips the body",
        "drips 1xx",
        "endless body",
        "endless 1xx",
        "300 MB without a length",
    ),
    *("garbage", "closes", "gzip, gzip", "204", "JSON nested 100,000 deep"),
    *ECHOES,
}


def cases(
    names: Iterable[str], *, everywhere: Collection[str] = FAST_EVERYWHERE, fast: Collection[str] | None = None
) -> list[Any]:
    """Return each name with the API by key, and those `everywhere` with each place.

    `fast` are those that are not marked slow, by default all of the API by key and what is fast everywhere.
    """

    def is_fast(name: str, where: str) -> bool:
        if fast is not None:
            return name in fast
        return where == WHERE[0] or name in FAST_EVERYWHERE

    return [
        pytest.param(name, where, id=f"{name}-{where}", marks=() if is_fast(name, where) else pytest.mark.slow)
        for name in names
        for where in WHERE
        if where == WHERE[0] or name in everywhere
    ]


def each_once_from_iam() -> list[Any]:
    """IAM's responses are read by code of their own; those of the API do not depend on how a call is authenticated."""
    names = [name for name in BEHAVIOURS if name not in FAST_EVERYWHERE]
    return [pytest.param(name, "IAM", id=f"{name}-IAM", marks=pytest.mark.slow) for name in names]


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


@pytest.mark.parametrize(("name", "where"), cases(BEHAVIOURS) + each_once_from_iam())
def test_a_create_call_ends_in_time_with_an_error_of_ours_and_shows_no_secret(
    client: Client, name: str, where: str
) -> None:
    waiting = TIMEOUT_WITH_TOKEN if where == "API by password" else TIMEOUT
    timeout = waiting if name in WAITS else ENOUGH
    error = run(client, client.api(client.connect(where, BEHAVIOURS[name]), timeout=timeout), "create")
    assert error is not None
    assert error.api_call is not None
    assert error.api_call.operation == ("request IAM token" if where == "IAM" else "create backup")
    if name in WITHOUT_RESPONSE:
        assert isinstance(error, TryLater)
        assert error.may_have_taken_effect == (where != "IAM")  # without a token nothing was created
        assert error.api_call.http_status is None


@pytest.mark.parametrize(("name", "where"), cases(BEHAVIOURS, fast={"endless body", "drips 1xx", "gzip, gzip"}))
def test_a_read_ends_in_time_with_an_error_of_ours_and_shows_no_secret(client: Client, name: str, where: str) -> None:
    assert run(client, client.api(client.connect(where, BEHAVIOURS[name])), "list") is not None


@pytest.mark.parametrize(("name", "where"), cases(ENDLESS | ENCODED, everywhere=ENDLESS | ENCODED))
def test_no_response_takes_more_than_bounded_memory(client: Client, name: str, where: str) -> None:
    api = client.api(client.connect(where, BEHAVIOURS[name]))
    with bounded_memory(16):
        assert run(client, api, "create") is not None
