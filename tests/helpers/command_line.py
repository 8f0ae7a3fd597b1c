"""The command line, run against a stack whose resources are in moto and whose functions are in this process."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import jsonschema
from click.testing import CliRunner

import gaussdb_backup
from gaussdb_backup_cli.aws import Account
from gaussdb_backup_cli.command import Dependencies, utc_now
from gaussdb_backup_cli.main import main
from local.aws_emulator.event_source_mapping import EventSourceMapping
from tests.helpers.deployment import SETTINGS, Deployment
from tests.helpers.stack_in_moto import ROLE, Wrapped, refusal

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "cli" / "gaussdb_backup_cli" / "schemas"
GOLDEN = ROOT / "tests" / "data" / "cli"
VARIABLE = {
    "backup": re.compile(r"[0-9a-f]{32}br07"),
    "run": re.compile(r"(?<=-)\d{8}-\d{4}(?=\")"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+\d\d:\d\d)"),
}
NAME = "gaussdb-backup"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
GROUP = NAME
ZONE = "Europe/Berlin"
FUNCTIONS = {
    "CreateBackup": "create_backup",
    "DispatchBackups": "dispatch_backups",
    "TrackBackups": "track_backups",
    "AuditBackups": "audit_backups",
    "PruneBackups": "prune_backups",
}
QUEUES = {
    "PlanQueue": "PLAN_QUEUE_URL",
    "PlanDeadLetterQueue": "PLAN_DLQ_URL",
    "BackupQueue": "BACKUP_QUEUE_URL",
    "BackupDeadLetterQueue": "BACKUP_DLQ_URL",
    "TrackingQueue": "TRACKING_QUEUE_URL",
    "TrackingDeadLetterQueue": "TRACKING_DLQ_URL",
}
PLAN = {
    "schedule": "nightly",
    "name_template": "nightly-{instance_name:.20}-{scheduled_time:%Y%m%d-%H%M}",
    "timezone": ZONE,
    "connection": "default",
    "scheduled_time": "<aws.scheduler.scheduled-time>",
}
AUDIT = {**PLAN, "max_age_hours": 26, "catch_up": True}
PRUNE = {
    "schedule": "nightly",
    "connection": "default",
    "timezone": ZONE,
    "name_prefix": "nightly-",
    "keep": {"daily": 7},
    "dry_run": False,
    "scheduled_time": "<aws.scheduler.scheduled-time>",
}


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> Any:
        """The result of the JSON form."""
        return json.loads(self.stdout)["result"]

    @property
    def error(self) -> Any:
        """The error of the JSON form: the last line of stderr."""
        return json.loads(self.stderr.splitlines()[-1])["error"]


@dataclass(frozen=True)
class Pages:
    """A paginator."""

    pages: list[dict[str, Any]]

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        """Return the pages, whatever is requested."""
        return self.pages


@dataclass
class StackUnderTest:
    """A stack with three schedules of the plan `nightly`, as its parameters make them."""

    deployment: Deployment
    name: str = NAME
    status: str = "CREATE_COMPLETE"
    parameters: dict[str, str] = field(
        default_factory=lambda: {"ScheduleTimezone": ZONE, "SecretPrefix": "gaussdb-backup/"}
    )
    outputs: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)
    invoked: list[tuple[str, Any]] = field(default_factory=list)
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] | None = None
    alarms: list[str] = field(default_factory=list)
    """The names of the alarms that are resources of the stack."""
    outside: Any = None
    """The stdout of the functions, which is not that of the command line."""

    def run(self, *arguments: str, width: int = 120) -> Ran:
        """Run the command line."""
        dependencies = Dependencies(open_account=self.open_account, now=self.now, sleep=self.sleep)
        with_colours = {"COLUMNS": str(width)}
        self.outside = sys.stdout
        done = CliRunner().invoke(main, list(arguments), obj=dependencies, env=with_colours, prog_name="gaussdb-backup")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def open_account(self, **_: Any) -> Account:
        """Return this account, whatever the options name."""
        return Account(REGION, self.client)

    def client(self, service: str) -> Any:
        """Return a client: that of moto, unless a test has changed it."""
        if service in self.clients:
            return self.clients[service]
        if service == "cloudformation":
            return self
        if service == "lambda":
            return Wrapped(boto3.client("lambda"), invoke=self._invoke)
        return boto3.client(service)  # type: ignore[call-overload]  # any service

    def change(self, service: str, **methods: Any) -> None:
        """Replace methods of a client, or have them raise an error."""
        self.clients[service] = Wrapped(self.client(service), **methods)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        """As CloudFormation's client."""
        if StackName != self.name:
            raise refusal("ValidationError", "DescribeStacks", f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": parameters, "Outputs": outputs}]}

    def get_paginator(self, _: str) -> Any:
        """As CloudFormation's client, of its resources in one page: the alarms."""
        summaries = [
            {"LogicalResourceId": name, "ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": name}
            for name in self.alarms
        ]
        return Pages([{"StackResourceSummaries": summaries}])

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        event = json.loads(Payload)
        [function] = [name for name in FUNCTIONS if self.outputs[f"{name}FunctionAliasArn"] == FunctionName]
        self.invoked.append((FUNCTIONS[function], event))
        try:
            with redirect_stdout(self.outside):
                return {"StatusCode": 200, "Payload": _stream(self.deployment.invoke(FUNCTIONS[function], event))}
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime reports whatever a function raises
            failure = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _stream(failure)}

    def put_schedule(self, name: str, payload: Mapping[str, Any] | str, **fields: Any) -> None:
        """Create a schedule in the stack's group: of a plan, unless a target is given."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        target = {"Arn": fields.pop("target", self.outputs["PlanQueueArn"]), "RoleArn": ROLE, "Input": text}
        settings = {
            "State": "ENABLED",
            "ScheduleExpression": "cron(30 3 * * ? *)",
            "ScheduleExpressionTimezone": ZONE,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            **fields,
        }
        boto3.client("scheduler").create_schedule(GroupName=GROUP, Name=name, Target=target, **settings)

    def deliver(self) -> None:
        """Deliver the messages of the queues until none is visible."""
        with redirect_stdout(self.outside or sys.stdout):
            self._deliver()

    def _deliver(self) -> None:
        for variable, function in (
            ("PLAN_QUEUE_URL", "dispatch_backups"),
            ("BACKUP_QUEUE_URL", "create_backup"),
            ("TRACKING_QUEUE_URL", "track_backups"),
        ):
            url = self.deployment.queues[variable]
            mapping = EventSourceMapping(
                url,
                lambda event, function=function: self.deployment.invoke(function, event),  # type: ignore[misc]
                sqs=boto3.client("sqs"),
                batch_size=10,
            )
            mapping.run_until_empty()


def _stream(payload: Any) -> Any:
    return io.BytesIO(json.dumps(payload).encode())


def make_stack(deployment: Deployment) -> StackUnderTest:
    """Make a stack whose plan runs at 03:30 in Berlin, is audited, and keeps seven days."""
    stack = StackUnderTest(deployment)
    stack.outputs |= {
        "Version": gaussdb_backup.__version__,
        "ScheduleGroupName": GROUP,
        "ScheduleName": f"{NAME}-nightly",
        "AuditScheduleName": f"{NAME}-audit",
        "SchedulesRoleArn": ROLE,
        "SecretPrefix": "gaussdb-backup/",
        "ReportBucketName": SETTINGS["REPORT_BUCKET"],
        "PlanQueueArn": _arn("sqs", "plans"),
        "FailedInvocationsQueueArn": _arn("sqs", "failed-invocations"),
    }
    stack.outputs |= {f"{name}Url": deployment.queues[variable] for name, variable in QUEUES.items()}
    for name in ("FailedInvocationsQueue", "NotificationDeadLetterQueue"):
        stack.outputs[f"{name}Url"] = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    for name, folder in FUNCTIONS.items():
        full_name = f"{NAME}-{folder.replace('_', '-')}"
        stack.outputs |= {
            f"{name}FunctionName": full_name,
            f"{name}FunctionAliasArn": f"{_arn('lambda', f'function:{full_name}')}:live",
            f"{name}LogGroupName": f"/aws/lambda/{full_name}",
        }
    boto3.client("scheduler").create_schedule_group(Name=GROUP)
    stack.put_schedule(f"{NAME}-nightly", PLAN)
    stack.put_schedule(f"{NAME}-audit", AUDIT, target=stack.outputs["AuditBackupsFunctionAliasArn"])
    stack.put_schedule(f"{NAME}-prune", PRUNE, target=stack.outputs["PruneBackupsFunctionAliasArn"])
    return stack


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def hold_to_golden(ran: Ran, name: str) -> None:
    """Compare a JSON answer with its golden file and its schema; GOLDEN=write writes the file anew.

    Ids and times that differ from run to run are numbered in the order in which they are first seen.
    """
    document = json.loads(ran.stdout)
    schema = json.loads((SCHEMAS / f"{document['command'].replace(' ', '_')}.schema.json").read_text())
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(document)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    for kind, pattern in VARIABLE.items():
        for number, found in enumerate(dict.fromkeys(match[0] for match in pattern.finditer(text)), start=1):
            text = text.replace(found, f"<{kind} {number}>")
    path = GOLDEN / f"{name}.json"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"GOLDEN=write writes {path.name} anew"
