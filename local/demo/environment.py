"""Both clouds, the functions and the queues of the demo, running."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from local import aws_emulator, gaussdb_emulator
from local.aws_emulator.event_source_mapping import Pump
from local.isolation import isolated

from . import scenario

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@dataclass
class World:
    """Everything that runs; `output` is all that the functions print."""

    cloud: gaussdb_emulator.Cloud
    aws: aws_emulator.LocalAws
    create: aws_emulator.LocalFunction
    dispatch: aws_emulator.LocalFunction
    output: io.StringIO
    requests: Pump
    tracking: Pump
    events_url: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records of the functions so far."""
        lines = (json.loads(line) for line in self.output.getvalue().splitlines() if line.startswith("{"))
        return [line for line in lines if "_aws" not in line]

    def schedule_payload(self, scheduled_time: str) -> dict[str, Any]:
        """Return what the template's schedule sends, as EventBridge Scheduler fills it in."""
        schedule = self.aws.stack.event("DispatchBackupsFunction", "ScheduleV2")
        text = self.aws.stack.resolve(schedule["Input"]).replace(SCHEDULED_TIME, scheduled_time)
        payload: dict[str, Any] = json.loads(text)
        return payload

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request to BackupQueue."""
        self.aws.client("sqs").send_message(
            QueueUrl=self.aws.stack.resources["BackupQueue"], MessageBody=json.dumps(request)
        )

    def waiting(self) -> int:
        """Count the requests that are still in BackupQueue or were set aside in its dead-letter queue."""
        return sum(self._count(name) for name in ("BackupQueue", "BackupDeadLetterQueue"))

    def _count(self, queue: str) -> int:
        names = [f"ApproximateNumberOfMessages{state}" for state in ("", "NotVisible", "Delayed")]
        answer = self.aws.client("sqs").get_queue_attributes(
            QueueUrl=self.aws.stack.resources[queue], AttributeNames=names
        )
        return sum(int(answer["Attributes"][name]) for name in names)

    def collect_events(self) -> None:
        """Take what came over the bus."""
        sqs = self.aws.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.events_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.events.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.events_url, ReceiptHandle=message["ReceiptHandle"])


@contextmanager
def start() -> Iterator[World]:
    """Start both clouds, put the secret, load the functions; stop everything at the end."""
    cloud = gaussdb_emulator.Cloud(scenario.FLEET)
    for fault in scenario.FAULTS:
        cloud.add_fault(fault)
    with isolated(), ExitStack() as stack:
        running = stack.enter_context(gaussdb_emulator.serve(cloud))
        aws = stack.enter_context(
            aws_emulator.start(Connection=scenario.CONNECTION, NameTemplate=scenario.NAME_TEMPLATE)
        )
        aws.put_secret(f"gaussdb-backup/{scenario.CONNECTION}", json.dumps(_secret(running.url)))
        output = io.StringIO()
        create = _load(stack, aws, "create_backup", "CreateBackupFunction", output)
        track = _load(stack, aws, "track_backups", "TrackBackupsFunction", output)
        yield World(
            cloud=cloud,
            aws=aws,
            create=create,
            dispatch=_load(stack, aws, "dispatch_backups", "DispatchBackupsFunction", output),
            output=output,
            requests=_pump(aws, create, "CreateBackupFunction", "BackupQueue"),
            tracking=_pump(aws, track, "TrackBackupsFunction", "TrackingQueue"),
            events_url=_listen(aws),
        )


def _secret(url: str) -> dict[str, str]:
    key = scenario.KEY
    return {"endpoint": url, "project_id": key.project_id, "access_key": key.access_key, "secret_key": key.secret_key}


def _load(
    stack: ExitStack, aws: aws_emulator.LocalAws, folder: str, logical_id: str, output: io.StringIO
) -> aws_emulator.LocalFunction:
    environment = aws.stack.environment(
        logical_id,
        ALLOW_HTTP_ENDPOINT="true",
        TRACK_FIRST_DELAY_SECONDS="1",
        TRACK_MAX_DELAY_SECONDS="2",
        TRACK_DEADLINE_SECONDS=str(scenario.ENDS_OVERDUE_AFTER_SECONDS),
    )
    function = aws_emulator.LocalFunction(folder, environment | aws.environment, output)
    stack.callback(function.close)
    return function


def _pump(aws: aws_emulator.LocalAws, function: aws_emulator.LocalFunction, logical_id: str, queue: str) -> Pump:
    batch_size = aws.stack.event(logical_id, "SQS")["BatchSize"]
    return Pump(aws.stack.resources[queue], function, sqs=aws.client("sqs"), batch_size=batch_size)


def _listen(aws: aws_emulator.LocalAws) -> str:
    """Have the events of the bus come to a queue of the demo."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url: str = sqs.create_queue(QueueName="demo-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="demo", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="demo", Targets=[{"Id": "demo", "Arn": arn}])
    return url
