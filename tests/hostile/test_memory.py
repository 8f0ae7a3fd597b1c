"""A whole process that calls a hostile API stays small, its libraries included."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context

import pytest

from gaussdb_backup.huawei.transport import MAX_RESPONSE_BYTES
from tests.helpers.hostile_server import BEHAVIOURS, Behaviour, response, sends, serve_hostile
from tests.helpers.measured_calls import measure

MAX_MEGABYTES = 200
BOMBS = {"gzip, gzip", "300 MB without a length", "200 MB", "one endless header", "endless 1xx", "endless chunks"}


def _list_of(part: bytes) -> Behaviour:
    number = (MAX_RESPONSE_BYTES - 100) // len(part)
    return sends(response(b'{"backups": [' + b",".join([part.rstrip(b",")] * number) + b"]}"))


SHAPES: dict[str, Behaviour] = {
    "of objects": _list_of(b'{"":0},'),
    "of empty objects": _list_of(b"{},"),
    "of lists": _list_of(b"[0],"),
    "of numbers": _list_of(b"1e9,"),
}


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "where"), [*product(sorted(BOMBS), ("API", "IAM")), *product(SHAPES, ("API",))]
)  # one parser reads the bodies of both
def test_a_process_stays_under_200_megabytes(process: ProcessPoolExecutor, name: str, where: str) -> None:
    with serve_hostile({**BEHAVIOURS, **SHAPES}[name]) as server:
        megabytes = process.submit(measure, server.url, by_password=where == "IAM").result(timeout=60)
    assert megabytes < MAX_MEGABYTES
