"""Both emulated clouds, the functions and the queues of the demo, running."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from local import aws_emulator, gaussdb_emulator
from local.aws_emulator.event_source_mapping import EventSourceMapping
from local.stack import serve

from . import scenario

STATE_CHANGE = "GaussDB Backup State Change"
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@dataclass
class Environment:
    """Everything that runs; `output` is all that the functions print."""

    cloud: gaussdb_emulator.Cloud
    aws: aws_emulator.LocalAws
    create: Callable[[object], Any]
    audit: Callable[[object], Any]
    prune: Callable[[object], Any]
    output: io.StringIO
    plan_queue: EventSourceMapping
    backup_queue: EventSourceMapping
    tracking_queue: EventSourceMapping
    events_url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    _records: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @cached_property
    def _sqs(self) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        return self.aws.client("sqs")

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records of the functions so far."""
        printed = self.output.getvalue()
        new, self._read = printed[self._read :], len(printed)
        lines = (json.loads(line) for line in new.splitlines() if line.startswith("{"))
        self._records.extend(line for line in lines if "_aws" not in line)
        return self._records

    def run_schedule(self, scheduled_time: str) -> None:
        """Send the payload of the template's schedule to PlanQueue."""
        self._send("PlanQueue", self._payload("NightlySchedule", scheduled_time))

    def run_audit(self, scheduled_time: str) -> dict[str, Any]:
        """Invoke audit_backups with the payload of the template's schedule; return its response."""
        response: dict[str, Any] = self.audit(json.loads(self._payload("AuditSchedule", scheduled_time)))
        return response

    def run_prune(self, scheduled_time: str, **fields: object) -> dict[str, Any]:
        """Invoke prune_backups with the payload of the template's schedule, some fields changed."""
        payload = json.loads(self._payload("PruneSchedule", scheduled_time))
        response: dict[str, Any] = self.prune({**payload, **fields})
        return response

    def read_report(self, address: str) -> str:
        """Return the page that an audit stored."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        page: bytes = self.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return page.decode()

    def _payload(self, schedule: str, scheduled_time: str) -> str:
        """Return the payload of a schedule of the template, completed as EventBridge Scheduler does."""
        return self.aws.stack.schedule_input(schedule).replace(SCHEDULED_TIME, scheduled_time)

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request to BackupQueue."""
        self._send("BackupQueue", json.dumps(request))

    def _send(self, queue: str, body: str) -> None:
        self._sqs.send_message(QueueUrl=self.aws.stack.resources[queue], MessageBody=body)

    def count_waiting(self) -> int:
        """Count the plans and requests in their queues and dead-letter queues."""
        queues = ("PlanQueue", "PlanDeadLetterQueue", "BackupQueue", "BackupDeadLetterQueue")
        return sum(self._count(name) for name in queues)

    def _count(self, queue: str) -> int:
        names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        response = self._sqs.get_queue_attributes(QueueUrl=self.aws.stack.resources[queue], AttributeNames=names)
        return sum(int(response["Attributes"][name]) for name in names)

    def collect_events(self) -> None:
        """Add the state changes that arrived on the bus since the last call to `events`."""
        while messages := self._sqs.receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                if event["detail-type"] == STATE_CHANGE:
                    self.events.append(event)
                self._sqs.delete_message(QueueUrl=self.events_url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def start() -> Iterator[Environment]:
    """Start both clouds with the scenario's fleet, its faults and the functions; stop everything at the end."""
    cloud, output = scenario.make_cloud(datetime.now(UTC)), io.StringIO()
    for fault in scenario.FAULTS:
        cloud.add_fault(fault)
    settings = {
        "TRACK_FIRST_DELAY_SECONDS": "1",
        "TRACK_MAX_DELAY_SECONDS": "2",
        "TRACK_DEADLINE_SECONDS": str(scenario.OVERDUE_AFTER_SECONDS),
    }
    with serve(cloud, scenario.KEY, parameters=scenario.STACK_PARAMETERS, settings=settings, output=output) as running:
        yield Environment(
            cloud=cloud,
            aws=running.aws,
            create=partial(running.invoke, "CreateBackupFunction"),
            audit=partial(running.invoke, "AuditBackupsFunction"),
            prune=partial(running.invoke, "PruneBackupsFunction"),
            output=output,
            plan_queue=running.mappings["PlanQueue"],
            backup_queue=running.mappings["BackupQueue"],
            tracking_queue=running.mappings["TrackingQueue"],
            events_url=_subscribe(running.aws),
        )


def _subscribe(aws: aws_emulator.LocalAws) -> str:
    """Send the events of the bus to a queue of the demo; return the queue's address."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url: str = sqs.create_queue(QueueName="demo-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="demo", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="demo", Targets=[{"Id": "demo", "Arn": arn}])
    return url
