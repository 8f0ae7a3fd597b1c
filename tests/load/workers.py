"""Processes of the load test: AWS's stand-in, the queues, and execution environments that play both event sources."""

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseManager
from multiprocessing.synchronize import Event
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.wiring import Services
from local.aws.functions import Context, load_app
from tests.scenarios.night import ClockQueue

KEY = b"load"
LONGEST_SECONDS = 900
SETTINGS = {
    "ALLOW_HTTP_ENDPOINT": "true",
    "HTTP_TIMEOUT_SECONDS": "10",
    "TRACK_FIRST_DELAY_SECONDS": "2",
    "TRACK_MAX_DELAY_SECONDS": "8",
    "TRACK_DEADLINE_SECONDS": "3600",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
}


def serve_aws(pipe: Connection, stop: Event, secret: str) -> None:
    """Run moto's server with the stack of the template until told to stop; send what the workers need."""
    from local import aws  # noqa: PLC0415 - in this process only

    with aws.start() as stand_in:
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


class Queues(BaseManager):
    """The queues of the stack in a process of their own.

    Moto's SQS takes longer for each call the more messages there are (5,000 instances took it over ten minutes), so
    here the queues are those of the scenarios, with the machine's clock; claims and circuits are still moto's.
    """


_QUEUES = {name: ClockQueue(lambda: datetime.now(UTC)) for name in ("requests", "dead_letters", "tracking_queue")}
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


def work(
    number: int, environment: dict[str, str], address: Any, stop: Event, pipe: Connection, plan: dict[str, Any] | None
) -> None:
    """Dispatch the plan if this worker has it, then take from both queues until told to stop; send what was done."""
    os.environ.update(environment)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    queues = Queues(address=address, authkey=KEY)
    queues.connect()
    services = Services(os.environ, logger=Logger(level="CRITICAL"), spread=lambda: number / 8)
    proxies = {name: queues.queue(name) for name in _QUEUES}  # type: ignore[attr-defined]  # registered above
    done = Done()
    services.__dict__.update(proxies, tracking_dead_letters=proxies["dead_letters"], bus=NotingBus(done.ended))
    create, track = load_app("create_backup"), load_app("track_backups")
    if plan is not None:
        done.answers.append(load_app("dispatch_backups").answer(plan, services))
    sources = (
        (proxies["requests"], 5, lambda event: create.answer(event, services, Context())),
        (proxies["tracking_queue"], 100, lambda event: track.answer(event, services)),
    )
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:  # never outlives the test
        if not any([_deliver(*source) for source in sources]):  # noqa: C419 - each source gets its turn
            time.sleep(0.2)
    services.close()
    done.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send(done)


def _deliver(queue: Any, batch_size: int, answer: Callable[[Any], Any]) -> bool:
    """Play an event source once; false if nothing is visible."""
    if not (records := queue.receive(batch_size)):
        return False
    failed = {item["itemIdentifier"] for item in answer({"Records": records})["batchItemFailures"]}
    queue.delete(*(record["receiptHandle"] for record in records if record["messageId"] not in failed))
    return True
