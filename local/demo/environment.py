"""Both emulated clouds, the functions and the queues of the demo, running."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from local import aws_emulator, gaussdb_emulator
from local.stack import RunningStack, serve

from . import scenario

STATE_CHANGE = "GaussDB Backup State Change"
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
ALIAS_OUTPUT = "AliasArn"
"""How the outputs end that have the ARN of a function; before it is the function's logical id."""


@dataclass
class Environment:
    """Everything that runs; `output` is all that the functions print."""

    running: RunningStack
    output: io.StringIO
    events_url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    _records: list[dict[str, Any]] = field(default_factory=list)
    _read: int = 0

    @property
    def cloud(self) -> gaussdb_emulator.Cloud:
        """The emulated cloud."""
        return self.running.cloud

    @cached_property
    def _sqs(self) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        return self.running.aws.client("sqs")

    @cached_property
    def _scheduler(self) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        return self.running.aws.client("scheduler")

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records of the functions so far."""
        printed = self.output.getvalue()
        new, self._read = printed[self._read :], len(printed)
        lines = (json.loads(line) for line in new.splitlines() if line.startswith("{"))
        self._records.extend(line for line in lines if "_aws" not in line)
        return self._records

    def create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke create_backup with a request; return its response."""
        response: dict[str, Any] = self.running.invoke("CreateBackupFunction", request)
        return response

    def fire(self, schedule: str, scheduled_time: str, **changes: object) -> dict[str, Any]:
        """Do at once what EventBridge Scheduler does when a schedule is due: send its payload to its target.

        `changes` are fields of the payload in place of its own. Returns the response of the function; of a queue there
        is none.
        """
        group = self.running.aws.stack.outputs()["ScheduleGroupName"]
        target = self._scheduler.get_schedule(GroupName=group, Name=schedule)["Target"]
        payload = json.loads(target["Input"].replace(SCHEDULED_TIME, scheduled_time)) | changes
        if target["Arn"] in self._functions:
            response: dict[str, Any] = self.running.invoke(self._functions[target["Arn"]], payload)
            return response
        url = self._sqs.get_queue_url(QueueName=target["Arn"].rpartition(":")[2])["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(payload))
        return {}

    @cached_property
    def _functions(self) -> dict[str, str]:
        outputs = self.running.aws.stack.outputs()
        return {arn: name.removesuffix(ALIAS_OUTPUT) for name, arn in outputs.items() if name.endswith(ALIAS_OUTPUT)}

    def read_report(self, address: str) -> str:
        """Return the page that an audit stored."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        page: bytes = self.running.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return page.decode()

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request to BackupQueue."""
        self._sqs.send_message(
            QueueUrl=self.running.aws.stack.resources["BackupQueue"], MessageBody=json.dumps(request)
        )

    def deliver(self, *queues: str) -> None:
        """Deliver the messages that are visible in queues, given by their logical ids."""
        for queue in queues:
            self.running.mappings[queue].run_until_empty()

    def count_waiting(self) -> int:
        """Count the plans and requests in their queues and dead-letter queues."""
        queues = ("PlanQueue", "PlanDeadLetterQueue", "BackupQueue", "BackupDeadLetterQueue")
        return sum(self._count(name) for name in queues)

    def _count(self, queue: str) -> int:
        names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        url = self.running.aws.stack.resources[queue]
        response = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
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
    parameters = scenario.DEMO_PARAMETERS
    with serve(cloud, scenario.KEY, parameters=parameters, settings=settings, output=output) as running:
        yield Environment(running, output, _subscribe(running.aws))


def _subscribe(aws: aws_emulator.LocalAws) -> str:
    """Send the events of the bus to a queue of the demo; return the queue's address."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url: str = sqs.create_queue(QueueName="demo-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="demo", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="demo", Targets=[{"Id": "demo", "Arn": arn}])
    return url
