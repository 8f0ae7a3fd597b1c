"""A fleet of thousands under faults: one backup each, no duplicate, every message accounted for."""

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from local import gaussdb_emulator
from tests.helpers.gaussdb import KEY, PROJECT
from tests.load.workers import KEY as QUEUE_KEY
from tests.load.workers import QUEUES, Queues, serve_aws, work

pytestmark = [pytest.mark.load, pytest.mark.timeout(600)]

INSTANCES = 5_000
WORKERS = 8
SHARE = 0.05
MAX_SECONDS = 450
MAX_CALLS = 8
"""API calls per backup, tracking included: half of them is usual."""
SPAWN = multiprocessing.get_context("spawn")
"""Nothing of this process is inherited: each worker is an execution environment of its own."""

MATRIX: list[dict[str, Any]] = [
    *(
        {"status": status, "code": "APIGW.0201", "after_commit": after}
        for status in (500, 502, 503, 504)
        for after in (False, True)
    ),
    {"effect": gaussdb_emulator.Effect.DROP, "after_commit": True},
    {"effect": gaussdb_emulator.Effect.RESET},
    {"status": 429, "code": "APIGW.0308"},
    {"status": 429, "code": "APIGW.0308", "retry_after": "2"},
]


def make_cloud() -> gaussdb_emulator.Cloud:
    instances = (
        gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=5 + number % 40)
        for number in range(INSTANCES)
    )
    fleet = gaussdb_emulator.Fleet(
        projects=(gaussdb_emulator.Project(),), access_keys=(KEY,), instances=tuple(instances)
    )
    cloud = gaussdb_emulator.Cloud(fleet, seed=20261123)
    for fault in MATRIX:
        cloud.add_fault(gaussdb_emulator.Fault(share=SHARE / len(MATRIX), **fault))
    return cloud


@contextmanager
def processes() -> Iterator[tuple[list[Any], Any]]:
    """Hold the processes that a test starts, and end them however it ends."""
    started: list[Any] = []
    stop = SPAWN.Event()
    try:
        yield started, stop
    finally:
        stop.set()
        for process in started:
            process.join(30)
            if process.is_alive():
                process.terminate()


def test_a_fleet_gets_one_backup_each_although_one_call_in_twenty_fails(measurement: Callable[[str], None]) -> None:
    cloud = make_cloud()
    with gaussdb_emulator.serve(cloud) as running, processes() as (started, stop), _queues() as queues:
        environment = _start_aws(started, stop, running.url)
        began = time.monotonic()
        stop_work = SPAWN.Event()
        plan = {"schedule": "nightly", "name_template": "{schedule}-{instance_name}", "scheduled_time": _now()}
        given = (environment, queues.address, stop_work)
        pipes = [_start(started, work, *given, last=(plan if number == 0 else None,)) for number in range(WORKERS)]
        left = _wait(queues, cloud, began, started)
        seconds = time.monotonic() - began
        stop_work.set()
        done = [_receive(pipe) for pipe in pipes]
    [response] = [response for worker in done for response in worker.responses]
    backups = [backup for backup in cloud.backups() if backup.type == "manual"]
    per_instance = Counter(backup.instance_id for backup in backups)
    final = set().union(*(worker.final for worker in done))
    calls = len(cloud.requests)
    failed = sum(1 for request in cloud.requests if request.faults)
    measurement(
        f"{INSTANCES} instances, {WORKERS} workers, {failed / calls:.1%} of {calls} API calls failed: "
        f"{len(backups)} backups in {seconds:.0f} s, {calls / INSTANCES:.2f} API calls per backup, "
        f"peak memory per worker {max(worker.peak_mb for worker in done):.0f} MB"
    )
    assert len(response["queued"]) == INSTANCES
    assert (len(backups), set(per_instance.values())) == (INSTANCES, {1})
    assert left == dict.fromkeys(QUEUES, 0)
    assert final == {(backup.id, "COMPLETED") for backup in backups}
    assert SHARE / 2 < failed / calls < SHARE * 2
    assert calls <= MAX_CALLS * INSTANCES


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _queues() -> Iterator[Any]:
    manager = Queues(address=("127.0.0.1", 0), authkey=QUEUE_KEY, ctx=SPAWN)
    manager.start()
    try:
        yield manager
    finally:
        manager.shutdown()


def _start_aws(started: list[Any], stop: Any, url: str) -> dict[str, str]:
    key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
    secret = json.dumps({"endpoint": url, "project_id": PROJECT, **key})
    environment: dict[str, str] = _receive(_start(started, serve_aws, stop, last=(secret,)))
    return environment


def _start(started: list[Any], target: Callable[..., None], *given: Any, last: tuple[Any, ...] = ()) -> Any:
    """Start a process; return the end of the pipe on which it responds."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(*given, theirs, *last))
    process.start()
    theirs.close()  # so that a process that dies is the end of its pipe
    started.append(process)
    return ours


def _receive(pipe: Any) -> Any:
    """Return what a process sends; raises `EOFError` if it died."""
    assert pipe.poll(60), "a process did not respond"
    return pipe.recv()


def _wait(queues: Any, cloud: gaussdb_emulator.Cloud, began: float, started: list[Any]) -> dict[str, int]:
    """Wait until all is made and tracked, or the time is over; return how many messages each queue holds."""
    sqs = queues.sqs()
    left: dict[str, int] = {}
    while time.monotonic() - began < MAX_SECONDS:
        time.sleep(5)
        assert all(process.is_alive() for process in started), "a process ended early: its traceback is above"
        left = {name: _count(sqs, url) for name, url in QUEUES.items()}
        made = len(cloud.backups())
        print(f"{time.monotonic() - began:4.0f} s: {made} backups, {left}")  # noqa: T201 - `make test-load` shows it
        if made >= INSTANCES and not left["BACKUP_QUEUE_URL"] and not left["TRACKING_QUEUE_URL"]:
            break
    return left


def _count(sqs: Any, url: str) -> int:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(value) for name, value in attributes.items() if name.startswith("ApproximateNumberOfMessages"))
