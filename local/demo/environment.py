"""Both emulated clouds, the functions and the queues of the demo, running."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from local import aws_emulator, gaussdb_emulator
from local.aws_emulator.event_source_mapping import EventSourceMapping
from local.isolation import isolated

from . import scenario

STATE_CHANGE = "GaussDB Backup State Change"
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@dataclass
class Environment:
    """Everything that runs; `output` is all that the functions print."""

    cloud: gaussdb_emulator.Cloud
    aws: aws_emulator.LocalAws
    create: aws_emulator.LocalFunction
    audit: aws_emulator.LocalFunction
    prune: aws_emulator.LocalFunction
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
    """Start both clouds, store the secret, load the functions; stop everything at the end."""
    cloud = gaussdb_emulator.Cloud(scenario.FLEET)
    now = datetime.now(UTC)
    for name, days in scenario.AGES.items():
        cloud.change_instance(scenario.INSTANCES[name].id, created=now - timedelta(days=days, hours=1))
    cloud.add_instances(scenario.DELETED)
    cloud.add_backups(*scenario.past_backups(now))
    cloud.remove_instance(scenario.DELETED.id)
    for fault in scenario.FAULTS:
        cloud.add_fault(fault)
    with isolated(), ExitStack() as stack:
        running = stack.enter_context(gaussdb_emulator.serve(cloud))
        aws = stack.enter_context(aws_emulator.start(**scenario.STACK_PARAMETERS))
        aws.put_secret(f"gaussdb-backup/{scenario.CONNECTION}", json.dumps(_secret(running.url)))
        output = io.StringIO()
        create = _load(stack, aws, "create_backup", "CreateBackupFunction", output)
        dispatch = _load(stack, aws, "dispatch_backups", "DispatchBackupsFunction", output)
        track = _load(stack, aws, "track_backups", "TrackBackupsFunction", output)
        yield Environment(
            cloud=cloud,
            aws=aws,
            create=create,
            audit=_load(stack, aws, "audit_backups", "AuditBackupsFunction", output),
            prune=_load(stack, aws, "prune_backups", "PruneBackupsFunction", output),
            output=output,
            plan_queue=_map(aws, dispatch, "DispatchBackupsFunction", "PlanQueue"),
            backup_queue=_map(aws, _retry_soon(aws, create), "CreateBackupFunction", "BackupQueue"),
            tracking_queue=_map(aws, track, "TrackBackupsFunction", "TrackingQueue"),
            events_url=_subscribe(aws),
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
        TRACK_DEADLINE_SECONDS=str(scenario.OVERDUE_AFTER_SECONDS),
    )
    function = aws_emulator.LocalFunction(folder, environment | aws.environment, output)
    stack.callback(function.close)
    return function


def _map(
    aws: aws_emulator.LocalAws, invoke: Callable[[dict[str, Any]], Any], logical_id: str, queue: str
) -> EventSourceMapping:
    batch_size = aws.stack.event(logical_id, "SQS")["BatchSize"]
    return EventSourceMapping(aws.stack.resources[queue], invoke, sqs=aws.client("sqs"), batch_size=batch_size)


def _retry_soon(
    aws: aws_emulator.LocalAws, function: aws_emulator.LocalFunction
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Shorten the visibility timeout that the function gave to each request it deferred: the demo need not wait."""
    sqs, url = aws.client("sqs"), aws.stack.resources["BackupQueue"]

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        response: dict[str, Any] = function(event)
        deferred = {item["itemIdentifier"] for item in response["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] in deferred:
                sqs.change_message_visibility(
                    QueueUrl=url,
                    ReceiptHandle=record["receiptHandle"],
                    VisibilityTimeout=scenario.RETRY_AFTER_SECONDS,
                )
        return response

    return invoke


def _subscribe(aws: aws_emulator.LocalAws) -> str:
    """Send the events of the bus to a queue of the demo; return the queue's address."""
    sqs, events = aws.client("sqs"), aws.client("events")
    url: str = sqs.create_queue(QueueName="demo-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="demo", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    events.put_targets(Rule="demo", Targets=[{"Id": "demo", "Arn": arn}])
    return url
