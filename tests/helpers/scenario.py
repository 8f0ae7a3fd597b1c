"""A scenario on a moving clock: real handlers, the emulator and DynamoDB in process, queues that follow the clock."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from types import ModuleType
from typing import Any

import boto3
import httpx
from aws_lambda_powertools import Logger

from gaussdb_backup.bootstrap.audit import for_audit
from gaussdb_backup.bootstrap.common import Runtime, make_aws_client
from gaussdb_backup.bootstrap.create import for_create
from gaussdb_backup.bootstrap.dispatch import for_dispatch
from gaussdb_backup.bootstrap.prune import for_prune
from gaussdb_backup.bootstrap.track import for_track
from local import gaussdb_emulator
from local.aws_emulator import Context
from local.aws_emulator.event_source_mapping import EventSourceMapping
from local.aws_emulator.functions import load_app
from local.isolation import isolated
from tests.helpers.aws import emulated_aws
from tests.helpers.clock import RUN, Clock
from tests.helpers.deployment import QUEUES, SETTINGS, make_report_bucket, make_state_table
from tests.helpers.gaussdb import KEY, PROJECT, make_cloud
from tests.helpers.in_memory_sqs import InMemoryQueue, InMemorySqs

SECRET = "gaussdb-backup/default"
MAKERS = {
    "create_backup": for_create,
    "dispatch_backups": for_dispatch,
    "track_backups": for_track,
    "audit_backups": for_audit,
    "prune_backups": for_prune,
}
VISIBILITY_TIMEOUT_SECONDS = 1080
DISPATCH_BATCH_SIZE, CREATE_BATCH_SIZE, TRACK_BATCH_SIZE = 1, 5, 100
"""Those of the template."""


@dataclass
class InMemoryEvents:
    """EventBridge's client: it takes every event."""

    details: list[dict[str, Any]] = field(default_factory=list)

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self.details.extend(json.loads(entry["Detail"]) for entry in Entries)
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


class AtomicDynamoDb:
    """DynamoDB's client: each write checks its condition and takes effect at once, which moto's does not in threads."""

    def __init__(self, client: Any, lock: Any) -> None:
        """Clients of one table have one lock."""
        self._client = client
        self._lock = lock

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not name.endswith("_item"):
            return attribute

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return attribute(**arguments)

        return locked


@dataclass
class Function:
    """A function in an execution environment of its own."""

    app: ModuleType
    dependencies: Any
    context: Context = field(default_factory=Context)

    def __call__(self, event: Any) -> Any:
        handle = self.app.handle_batch if "Records" in event else self.app.handle_request
        return handle(event, self.context, self.dependencies)


@dataclass
class Scenario:
    clock: Clock
    cloud: gaussdb_emulator.Cloud
    environment: dict[str, str]
    transport: httpx.BaseTransport
    sqs: InMemorySqs
    table: Any
    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    _dynamodb_lock: Any = field(default_factory=RLock)

    @property
    def plans(self) -> InMemoryQueue:
        return self.sqs.queue(self.environment["PLAN_QUEUE_URL"])

    @property
    def dead_plans(self) -> InMemoryQueue:
        return self.sqs.queue(self.environment["PLAN_DLQ_URL"])

    @property
    def requests(self) -> InMemoryQueue:
        return self.sqs.queue(self.environment["BACKUP_QUEUE_URL"])

    @property
    def tracking(self) -> InMemoryQueue:
        return self.sqs.queue(self.environment["TRACKING_QUEUE_URL"])

    @property
    def dead_letters(self) -> InMemoryQueue:
        return self.sqs.queue(self.environment["BACKUP_DLQ_URL"])

    def runtime(self, **changes: Any) -> Runtime:
        runtime = Runtime(
            now=self.clock,
            jitter=lambda: 0.5,
            sleep=lambda _: None,
            transport=self.transport,
            aws_client=self._aws_client,
        )
        return replace(runtime, **changes)

    def _aws_client(self, service: str) -> Any:
        if service == "dynamodb":
            return AtomicDynamoDb(make_aws_client(service), self._dynamodb_lock)
        return {"sqs": self.sqs, "events": self.events}.get(service) or make_aws_client(service)

    def function(self, name: str, *, logger: Logger | None = None, **changes: Any) -> Function:
        """Start a function in an execution environment of its own; `changes` are of its runtime."""
        quiet = logger or Logger(service="gaussdb-backup", level="CRITICAL")
        dependencies: Any = MAKERS[name](self.environment, logger=quiet, runtime=self.runtime(**changes))
        return Function(load_app(name), dependencies)

    def source(self, queue: InMemoryQueue, function: Callable[[Any], Any], batch_size: int) -> EventSourceMapping:
        return EventSourceMapping(queue.url, function, sqs=self.sqs, batch_size=batch_size)

    def deliver_plans(self, function: Callable[[Any], Any], batch_size: int = DISPATCH_BATCH_SIZE) -> bool:
        """Deliver one batch of plans; false if none is visible."""
        return self._deliver(self.plans, function, batch_size)

    def deliver_requests(self, function: Callable[[Any], Any], batch_size: int = CREATE_BATCH_SIZE) -> bool:
        """Deliver one batch of requests; false if none is visible."""
        return self._deliver(self.requests, function, batch_size)

    def deliver_tracking(self, function: Callable[[Any], Any], batch_size: int = TRACK_BATCH_SIZE) -> bool:
        return self._deliver(self.tracking, function, batch_size)

    def _deliver(self, queue: InMemoryQueue, function: Callable[[Any], Any], batch_size: int) -> bool:
        delivery = self.source(queue, function, batch_size).run_once()
        if delivery.error:
            raise delivery.error
        return bool(delivery)

    def run(self, hours: float = 12) -> None:
        """Deliver from all queues, moving the clock to whatever comes next, until all is done or the time is over."""
        dispatch = self.function("dispatch_backups")
        create, track = self.function("create_backup"), self.function("track_backups")
        end = self.clock() + timedelta(hours=hours)
        while self.clock() < end:
            if self.deliver_plans(dispatch) or self.deliver_requests(create) or self.deliver_tracking(track):
                continue
            queues = (self.plans, self.requests, self.tracking)
            next_visible = [when for queue in queues if (when := queue.next_visible())]
            if not next_visible:
                return
            self.move_to(max(self.clock(), min(next_visible)))

    def move_to(self, when: datetime) -> None:
        """Move the clock. Powertools reads the machine's, so its records on the table become older instead."""
        by = when - self.clock()
        self.clock.now = when
        for item in self.table.scan()["Items"]:
            if item.get("status") == "INPROGRESS":
                expiration = int(str(item["in_progress_expiration"])) - int(by.total_seconds() * 1000)
                self.table.put_item(Item={**item, "in_progress_expiration": expiration})

    def put_secret(self, **changes: str) -> None:
        """Store a new version of the connection's secret, with these values changed."""
        client = boto3.client("secretsmanager")
        stored = json.loads(client.get_secret_value(SecretId=SECRET)["SecretString"])
        client.put_secret_value(SecretId=SECRET, SecretString=json.dumps({**stored, **changes}))

    def final_statuses(self) -> dict[str, str]:
        """The final status of each backup, by id, as it was published."""
        return {detail["backup_id"]: detail["status"] for detail in self.events.details if "status" in detail}


@contextmanager
def start_scenario(**settings: str) -> Iterator[Scenario]:
    clock = Clock(RUN)
    cloud = make_cloud(clock)
    sqs = InMemorySqs(clock)
    visibility = {"VisibilityTimeout": str(VISIBILITY_TIMEOUT_SECONDS)}
    urls = {
        name: sqs.create_queue(QueueName=queue, Attributes=visibility)["QueueUrl"] for name, queue in QUEUES.items()
    }
    environment = {**SETTINGS, **urls, "TRACK_FIRST_DELAY_SECONDS": "60", **settings}
    key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
    secret = {"endpoint": "https://gaussdb.test", "project_id": PROJECT, **key}
    with isolated(environment), emulated_aws():
        make_state_table()
        make_report_bucket()
        boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(secret))
        transport = gaussdb_emulator.EmulatorTransport(gaussdb_emulator.create_app(cloud))
        yield Scenario(clock, cloud, environment, transport, sqs, boto3.resource("dynamodb").Table("state"))
