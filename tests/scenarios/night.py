"""A night with a moving clock: real handlers, the emulator and DynamoDB in process, queues that follow the clock."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from types import ModuleType
from typing import Any

import boto3
import httpx
from aws_lambda_powertools import Logger
from moto import mock_aws

from gaussdb_backup.bootstrap import Services
from gaussdb_backup.errors import TryLater
from local import gaussdb_emulator
from local.aws_emulator.functions import Context, load_app
from local.isolation import isolated
from tests.functions.conftest import SETTINGS, make_state_table
from tests.support import KEY, PROJECT, RUN, Clock, make_cloud

VISIBILITY = timedelta(seconds=1080)


@dataclass
class Item:
    """One message of a queue."""

    body: str
    sent_at: datetime
    visible_at: datetime
    attributes: dict[str, str]
    number: int
    receives: int = 0


class ClockQueue:
    """A queue whose delays and visibility follow the clock of the test; it has the methods of `aws.queues.Queue`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._sent = 0
        self.items: dict[int, Item] = {}
        self.failures = 0
        """How many of the next calls fail."""
        self.received = 0
        """How many messages were handed out, again and again."""

    def send(self, body: str, *, delay: timedelta = timedelta(0), attributes: Mapping[str, str] | None = None) -> None:
        self._fail()
        self._sent += 1
        now = self._clock()
        self.items[self._sent] = Item(body, now, now + delay, dict(attributes or {}), self._sent)

    def send_all(self, bodies: Sequence[str]) -> list[bool]:
        for body in bodies:
            self.send(body)
        return [True] * len(bodies)

    def put_back(self, delays: Mapping[str, timedelta]) -> int:
        for handle, delay in delays.items():
            self.items[int(handle)].visible_at = self._clock() + delay
        return 0

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise TryLater("the queue took no message")

    def receive(self, most: int) -> list[dict[str, Any]]:
        now = self._clock()
        ready = list(islice((item for item in self.items.values() if item.visible_at <= now), most))
        self.received += len(ready)
        for item in ready:
            item.receives += 1
            item.visible_at = self._clock() + VISIBILITY
        return [_as_record(item) for item in ready]

    def delete(self, *handles: str) -> None:
        for handle in handles:
            del self.items[int(handle)]

    def count(self) -> int:
        return len(self.items)

    def next_visible(self) -> datetime | None:
        return min((item.visible_at for item in self.items.values()), default=None)


def _as_record(item: Item) -> dict[str, Any]:
    return {
        "messageId": str(item.number),
        "receiptHandle": str(item.number),
        "body": item.body,
        "attributes": {
            "ApproximateReceiveCount": str(item.receives),
            "SentTimestamp": str(int(item.sent_at.timestamp() * 1000)),
        },
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"} for name, value in item.attributes.items()
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:requests",
        "awsRegion": "eu-central-1",
    }


class NightServices(Services):
    """The services with the queues and the bus of the test; everything else is the real thing."""

    def __init__(self, night: "Night", **options: Any) -> None:
        clock: dict[str, Any] = {"now": night.clock, "spread": lambda: 0.5, "sleep": lambda _: None}
        super().__init__(night.environment, transport=night.transport, **clock, **options)
        self._night = night

    @cached_property
    def requests(self) -> Any:
        return self._night.requests

    @cached_property
    def dead_letters(self) -> Any:
        return self._night.letters

    @cached_property
    def tracking_queue(self) -> Any:
        return self._night.tracking

    @cached_property
    def tracking_dead_letters(self) -> Any:
        return self._night.letters

    @cached_property
    def bus(self) -> Any:
        return self._night


@dataclass
class Night:
    """Everything of one night."""

    clock: Clock
    cloud: gaussdb_emulator.Cloud
    environment: dict[str, str]
    transport: httpx.BaseTransport
    requests: ClockQueue
    tracking: ClockQueue
    letters: ClockQueue
    events: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[bool]:
        """The bus."""
        self.events.extend(dict(detail) for detail in details)
        return [True] * len(details)

    def worker(self, function: str, **options: Any) -> "Worker":
        """Make a function as in an execution environment of its own."""
        logger = Logger(service="gaussdb-backup", level="CRITICAL")
        return Worker(load_app(function), NightServices(self, logger=logger, **options))

    def deliver(self, queue: ClockQueue, function: Callable[[Any], Any], batch_size: int) -> bool:
        """Play the event source once; false if nothing is visible."""
        if not (records := queue.receive(batch_size)):
            return False
        try:
            answer = function({"Records": records})
        except Killed:
            return True
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                del queue.items[int(record["messageId"])]
        return True

    def run(self, hours: float = 12) -> None:
        """Play both event sources, moving the clock to whatever comes next, until all is done or the time is over."""
        create, track = self.worker("create_backup"), self.worker("track_backups")
        end = self.clock() + timedelta(hours=hours)
        while self.clock() < end:
            if self.deliver(self.requests, create, 5) or self.deliver(self.tracking, track, 100):
                continue
            following = [when for queue in (self.requests, self.tracking) if (when := queue.next_visible())]
            if not following:
                return
            self.move_to(max(self.clock(), min(following)))

    def move_to(self, when: datetime) -> None:
        """Move the clock; Powertools reads the machine's, so the claims grow older instead."""
        older_by = when - self.clock()
        self.clock.now = when
        table = boto3.resource("dynamodb").Table("state")
        for item in table.scan()["Items"]:
            if "in_progress_expiration" in item:
                left = int(str(item["in_progress_expiration"])) - int(older_by.total_seconds() * 1000)
                table.put_item(Item={**item, "in_progress_expiration": left})
            if "opened_at" in item:
                table.put_item(Item={**item, "opened_at": int(str(item["opened_at"])) - int(older_by.total_seconds())})

    def ends(self) -> dict[str, str]:
        """The end of each backup, by id, as it was told."""
        return {event["backup_id"]: event["status"] for event in self.events}


@dataclass
class Worker:
    """A function in an execution environment of its own."""

    app: ModuleType
    services: NightServices

    def __call__(self, event: Any) -> Any:
        if self.app.__name__.endswith("create_backup_app"):
            return self.app.answer(event, self.services, Context())
        return self.app.answer(event, self.services)


class Killed(BaseException):
    """The function ended at once, as if its process had been killed."""


@contextmanager
def begin(**settings: str) -> Iterator[Night]:
    clock = Clock(RUN)
    cloud = make_cloud(clock)
    addresses = {
        name: f"https://sqs.test/{name}"
        for name in ("BACKUP_QUEUE_URL", "BACKUP_DLQ_URL", "TRACKING_QUEUE_URL", "TRACKING_DLQ_URL")
    }
    environment = {**SETTINGS, **addresses, "TRACK_FIRST_DELAY_SECONDS": "60", **settings}
    key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
    secret = {"endpoint": "https://gaussdb.test", "project_id": PROJECT, **key}
    with isolated(environment), mock_aws():
        boto3.setup_default_session()
        make_state_table()
        boto3.client("secretsmanager").create_secret(Name="gaussdb-backup/default", SecretString=json.dumps(secret))
        transport = gaussdb_emulator.EmulatorTransport(gaussdb_emulator.create_app(cloud))
        yield Night(clock, cloud, environment, transport, ClockQueue(clock), ClockQueue(clock), ClockQueue(clock))
    boto3.DEFAULT_SESSION = None
