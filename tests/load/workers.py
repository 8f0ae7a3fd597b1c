"""Processes of the load test: the emulated AWS, the queues, and execution environments with both event sources."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseManager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.bootstrap.common import Runtime, make_aws_client
from gaussdb_backup.bootstrap.create import for_create
from gaussdb_backup.bootstrap.dispatch import for_dispatch
from gaussdb_backup.bootstrap.track import for_track
from local.aws_emulator.event_source_mapping import EventSourceMapping
from local.aws_emulator.functions import load_app
from tests.helpers.in_memory_sqs import URL, InMemorySqs
from tests.helpers.scenario import CREATE_BATCH_SIZE, TRACK_BATCH_SIZE, VISIBILITY_TIMEOUT_SECONDS, Function

KEY = b"load"
MAX_SECONDS = 600
QUEUES = {
    "PLAN_QUEUE_URL": f"{URL}plans",
    "PLAN_DLQ_URL": f"{URL}plans-dead",
    "BACKUP_QUEUE_URL": f"{URL}requests",
    "BACKUP_DLQ_URL": f"{URL}requests-dead",
    "TRACKING_QUEUE_URL": f"{URL}tracking",
    "TRACKING_DLQ_URL": f"{URL}tracking-dead",
}
SETTINGS = {
    "ALLOW_HTTP_ENDPOINT": "true",
    "HTTP_TIMEOUT_SECONDS": "10",
    "TRACK_FIRST_DELAY_SECONDS": "4",
    "TRACK_MAX_DELAY_SECONDS": "16",
    "TRACK_DEADLINE_SECONDS": "3600",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
    **QUEUES,
}


def serve_aws(stop: Event, pipe: Connection, secret: str) -> None:
    """Run moto's server with the stack of the template until logged to stop; send what the workers need."""
    from local import aws_emulator  # noqa: PLC0415 - in this process only

    with aws_emulator.start() as running:
        running.put_secret("gaussdb-backup/default", secret)
        functions = ("CreateBackupFunction", "DispatchBackupsFunction", "TrackBackupsFunction")
        environment = {key: value for name in functions for key, value in running.stack.environment(name).items()}
        pipe.send(environment | SETTINGS | running.environment)
        stop.wait(MAX_SECONDS)


@dataclass
class Done:
    """What one worker did."""

    final: set[tuple[str, str]] = field(default_factory=set)
    peak_mb: float = 0.0
    responses: list[Any] = field(default_factory=list)


class Queues(BaseManager):
    """The queues of the stack in a process of their own, on the machine's clock.

    Moto's SQS looks at every message in each call: with 5,000 of them a receive takes a second. The ones in memory
    behave alike (`tests/adapters/test_in_memory_sqs.py`). Idempotency records and circuit breakers are moto's.
    """


def _make_sqs() -> InMemorySqs:
    sqs = InMemorySqs(lambda: datetime.now(UTC))
    for url in QUEUES.values():
        name = url.removeprefix(URL)
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(VISIBILITY_TIMEOUT_SECONDS)})
    return sqs


_SQS = _make_sqs()
"""In the manager's process, the queues; in every other, nothing that is used."""


def _shared_sqs() -> InMemorySqs:
    return _SQS


Queues.register("sqs", callable=_shared_sqs)


@dataclass
class RecordingEvents:
    """EventBridge's client: it takes every event and records its backup and status."""

    final: set[tuple[str, str]]

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        details = [json.loads(entry["Detail"]) for entry in Entries]
        self.final |= {(detail["backup_id"], detail["status"]) for detail in details}
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


def work(environment: dict[str, str], address: Any, stop: Event, pipe: Connection, plan: dict[str, Any] | None) -> None:
    """Dispatch the plan if this worker has it, then consume both queues until logged to stop; send what was done."""
    os.environ.update(environment)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    manager = Queues(address=address, authkey=KEY)
    manager.connect()
    done = Done()
    clients = {"sqs": manager.sqs(), "events": RecordingEvents(done.final)}  # type: ignore[attr-defined]  # registered
    runtime = Runtime(jitter=lambda: 0.0, aws_client=lambda name: clients.get(name) or make_aws_client(name))
    logger = Logger(level="CRITICAL")
    if plan is not None:
        dispatch = Function(load_app("dispatch_backups"), for_dispatch(os.environ, logger=logger, runtime=runtime))
        done.responses.append(dispatch(plan))
    create = Function(load_app("create_backup"), for_create(os.environ, logger=logger, runtime=runtime))
    track = Function(load_app("track_backups"), for_track(os.environ, logger=logger, runtime=runtime))
    sources = [
        EventSourceMapping(QUEUES["BACKUP_QUEUE_URL"], create, sqs=clients["sqs"], batch_size=CREATE_BATCH_SIZE),
        EventSourceMapping(QUEUES["TRACKING_QUEUE_URL"], track, sqs=clients["sqs"], batch_size=TRACK_BATCH_SIZE),
    ]
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:  # never outlives the test
        deliveries = [source.run_once() for source in sources]
        if errors := [delivery.error for delivery in deliveries if delivery.error]:
            raise errors[0]
        if not any(deliveries):
            time.sleep(0.2)
    for function in (create, track):
        function.dependencies.api_clients.close()
    done.peak_mb = _peak_mb()
    pipe.send(done)


def _peak_mb() -> float:
    """Return this process's own peak; `ru_maxrss` would be that of the process which started it, if that is larger."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024
