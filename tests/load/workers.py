"""Processes of the load test: AWS's stand-in, the queues, and execution environments that play both event sources."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseManager
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import RLock
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.bootstrap import Services
from local.aws_emulator.functions import Context, load_app
from tests.scenarios.night import ClockQueue

KEY = b"load"
LONGEST_SECONDS = 600
SETTINGS = {
    "ALLOW_HTTP_ENDPOINT": "true",
    "HTTP_TIMEOUT_SECONDS": "10",
    "TRACK_FIRST_DELAY_SECONDS": "4",
    "TRACK_MAX_DELAY_SECONDS": "16",
    "TRACK_DEADLINE_SECONDS": "3600",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
}


def serve_aws(stop: Event, pipe: Connection, secret: str) -> None:
    """Run moto's server with the stack of the template until told to stop; send what the workers need."""
    from local import aws_emulator  # noqa: PLC0415 - in this process only

    with aws_emulator.start() as stand_in:
        stand_in.put_secret("gaussdb-backup/default", secret)
        environment = stand_in.stack.environment("CreateBackupFunction", **SETTINGS) | stand_in.environment
        pipe.send(environment)
        stop.wait(LONGEST_SECONDS)


@dataclass
class Done:
    """What one worker did."""

    ended: set[tuple[str, str]] = field(default_factory=set)
    peak_mb: float = 0.0
    answers: list[Any] = field(default_factory=list)
    forwarded: int = 0
    """Messages that came out of moto's queue."""


class SharedQueue(ClockQueue):
    """A queue for many processes: their manager calls it from one thread for each of them."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self._lock = RLock()

    def send(self, body: str, *, delay: timedelta = timedelta(0), attributes: Mapping[str, str] | None = None) -> None:
        with self._lock:
            super().send(body, delay=delay, attributes=attributes)

    def put_back(self, delays: Mapping[str, timedelta]) -> int:
        with self._lock:
            return super().put_back(delays)

    def receive(self, most: int) -> list[dict[str, Any]]:
        with self._lock:
            return super().receive(most)

    def delete(self, *handles: str) -> None:
        with self._lock:
            super().delete(*handles)


class Queues(BaseManager):
    """The queues of the stack in a process of their own.

    Moto's SQS looks at every message in each call: with 5,000 of them a receive takes a second. So requests are
    dispatched to moto's queue and moved on at once (`Forwarding`), and wait, as tracking messages do, in queues of
    the scenarios with the machine's clock. Claims and circuits are moto's.
    """


_QUEUES = {name: SharedQueue() for name in ("requests", "dead_letters", "tracking_queue")}
"""In the manager's process, the queues; in every other, nothing that is used."""


def _queue(name: str) -> ClockQueue:
    return _QUEUES[name]


Queues.register("queue", callable=_queue)


class NotingBus:
    """The bus: a note of every end that it took."""

    def __init__(self, ended: set[tuple[str, str]]) -> None:
        self._ended = ended

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[bool]:
        self._ended |= {(detail["backup_id"], detail["status"]) for detail in details}
        return [True] * len(details)


class Forwarding:
    """The queue to which is dispatched: moto's, from which requests are moved on before there are many."""

    def __init__(self, queue: Queue, url: str, onwards: Any) -> None:
        self._queue, self._url, self._onwards = queue, url, onwards
        self._sqs = boto3.client("sqs")
        self.moved = 0

    def send_all(self, bodies: Sequence[str]) -> list[bool]:
        taken: list[bool] = []
        for some in batched(bodies, 100, strict=False):
            taken += self._queue.send_all(some)
            while self._move_ten():
                pass
        return taken

    def _move_ten(self) -> bool:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        self._onwards.send_all([message["Body"] for message in messages])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        self.moved += len(messages)
        return bool(messages)


def _connect(address: Any) -> dict[str, Any]:
    queues = Queues(address=address, authkey=KEY)
    queues.connect()
    return {name: queues.queue(name) for name in _QUEUES}  # type: ignore[attr-defined]  # registered above


def work(environment: dict[str, str], address: Any, stop: Event, pipe: Connection, plan: dict[str, Any] | None) -> None:
    """Dispatch the plan if this worker has it, then take from both queues until told to stop; send what was done."""
    os.environ.update(environment)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    proxies = _connect(address)
    services = Services(os.environ, logger=Logger(level="CRITICAL"), spread=lambda: 0.0)
    done = Done()
    if plan is not None:
        forwarding = Forwarding(services.requests, services.settings.backup_queue_url, proxies["requests"])
        services.__dict__["requests"] = forwarding
        done.answers.append(load_app("dispatch_backups").answer(plan, services))
        done.forwarded = forwarding.moved
    services.__dict__.update(proxies, tracking_dead_letters=proxies["dead_letters"], bus=NotingBus(done.ended))
    create, track = load_app("create_backup"), load_app("track_backups")
    sources = (
        (proxies["requests"], 5, lambda event: create.answer(event, services, Context())),
        (proxies["tracking_queue"], 100, lambda event: track.answer(event, services)),
    )
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:  # never outlives the test
        if not any([_deliver(*source) for source in sources]):  # noqa: C419 - each source gets its turn
            time.sleep(0.2)
    services.close()
    done.peak_mb = _peak_mb()
    pipe.send(done)


def _peak_mb() -> float:
    """Return this process's own peak; `ru_maxrss` would be that of the process which started it, if that is larger."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


def _deliver(queue: Any, batch_size: int, answer: Callable[[Any], Any]) -> bool:
    """Play an event source once; false if nothing is visible."""
    if not (records := queue.receive(batch_size)):
        return False
    failed = {item["itemIdentifier"] for item in answer({"Records": records})["batchItemFailures"]}
    queue.delete(*(record["receiptHandle"] for record in records if record["messageId"] not in failed))
    return True
