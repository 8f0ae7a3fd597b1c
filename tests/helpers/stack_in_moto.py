"""A deployed stack as its checks see it: its resources in moto, its functions in this process."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

import gaussdb_backup
from gaussdb_backup_cli.checks.resources import Resource
from local.aws_emulator.stack import ROOT, read_template

NAME = "gaussdb-backup"
ROLE = "arn:aws:iam::123456789012:role/any"
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
FUNCTIONS = {"CreateBackupFunction": "create-backup", "DispatchBackupsFunction": "dispatch-backups"}
QUEUES = ("PlanQueue", "BackupQueue", "PlanDeadLetterQueue", "BackupDeadLetterQueue", "FailedInvocationsQueue")
PLANS = "arn:aws:sqs:eu-central-1:123456789012:plans"
AUDITS = "arn:aws:lambda:eu-central-1:123456789012:function:gaussdb-backup-audit-backups:live"
PRUNES = "arn:aws:lambda:eu-central-1:123456789012:function:gaussdb-backup-prune-backups:live"
OUTPUTS = {
    "Version": gaussdb_backup.__version__,
    "ScheduleGroupName": NAME,
    "PlanQueueArn": PLANS,
    "AuditBackupsFunctionAliasArn": AUDITS,
    "PruneBackupsFunctionAliasArn": PRUNES,
}
PLAN = {"schedule": "nightly", "connection": "default", "scheduled_time": "<aws.scheduler.scheduled-time>"}


class Wrapped:
    """A client that behaves like another one, but for what a test sets: a method, or an error in its place."""

    def __init__(self, client: Any, **methods: Any) -> None:
        self._client = client
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = self._methods.get(name, getattr(self._client, name, None))
        if isinstance(found, Exception):
            raise found
        return found


def refusal(code: str, operation: str, message: str = "refused") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class StackInMoto:
    """The resources of a stack. `clients` take the place of boto3's; `invoke` runs a function of the stack."""

    invoke: Callable[[Mapping[str, Any]], Any]
    status: str = "CREATE_COMPLETE"
    parameters: dict[str, str] = field(default_factory=lambda: {"SecretPrefix": "gaussdb-backup/"})
    outputs: dict[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    resources: list[Resource] = field(default_factory=list)
    clients: dict[str, Any] = field(default_factory=dict)
    invoked: list[tuple[str, Any]] = field(default_factory=list)
    now: datetime | None = None

    def client(self, service: str) -> Any:
        if service in self.clients:
            return self.clients[service]
        if service == "cloudformation":
            return self
        if service == "lambda":
            limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
            settings = {"AccountLimit": limits}
            return Wrapped(boto3.client("lambda"), invoke=self._invoke, get_account_settings=lambda: settings)
        return boto3.client(service)  # type: ignore[call-overload]  # any service

    def change(self, service: str, **methods: Any) -> None:
        """Replace methods of a client, or have them raise an error."""
        self.clients[service] = Wrapped(self.client(service), **methods)

    def id_of(self, logical_id: str) -> str:
        return next(each.physical_id for each in self.resources if each.logical_id == logical_id)

    def remove(self, logical_id: str) -> None:
        self.resources = [each for each in self.resources if each.logical_id != logical_id]

    # CloudFormation's client

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        if StackName != NAME:
            raise refusal("ValidationError", "DescribeStacks", f"Stack with id {StackName} does not exist")
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": parameters, "Outputs": outputs}]}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:
        summaries = [
            {
                "LogicalResourceId": each.logical_id,
                "ResourceType": each.type,
                "PhysicalResourceId": each.physical_id,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for each in self.resources
        ]
        return [{"StackResourceSummaries": summaries[:5]}, {"StackResourceSummaries": summaries[5:]}]

    # Lambda's client

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        event = json.loads(Payload)
        self.invoked.append((FunctionName, event))
        try:
            return {"StatusCode": 200, "Payload": _stream(self.invoke(event))}
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime reports whatever a function raises
            failure = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _stream(failure)}


def _stream(payload: Any) -> io.BytesIO:
    return io.BytesIO(json.dumps(payload).encode())


def make_stack(invoke: Callable[[Mapping[str, Any]], Any], *, alias: bool = True) -> StackInMoto:
    """Create the resources of a stack whose schedule is enabled and of whose failures somebody is notified."""
    stack = StackInMoto(invoke)
    _add_functions(stack, alias=alias)
    _add_schedule(stack)
    topic = boto3.client("sns").create_topic(Name=NAME)["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    stack.resources.append(Resource("BackupNotifications", "AWS::SNS::Topic", topic))
    for name in ("backup-failed", "run-missing"):
        _add_alarm(stack, f"{NAME}-{name}")
    return stack


def _add_functions(stack: StackInMoto, *, alias: bool) -> None:
    sqs, client = boto3.client("sqs"), boto3.client("lambda")
    for name in QUEUES:
        url = sqs.create_queue(QueueName=f"{NAME}-{name}")["QueueUrl"]
        stack.resources.append(Resource(name, "AWS::SQS::Queue", url))
    boto3.client("iam").create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(TRUST))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    for (logical_id, name), queue in zip(FUNCTIONS.items(), ("BackupQueue", "PlanQueue"), strict=True):
        full_name = f"{NAME}-{name}"
        client.create_function(
            FunctionName=full_name, Role=ROLE, Runtime="python3.13", Handler="app.handler", Publish=True,
            Code={"ZipFile": code.getvalue()},
        )  # fmt: skip
        stack.resources.append(Resource(logical_id, "AWS::Lambda::Function", full_name))
        arn = f"arn:aws:sqs:eu-central-1:123456789012:{NAME}-{queue}"
        mapping = client.create_event_source_mapping(EventSourceArn=arn, FunctionName=full_name)["UUID"]
        stack.resources.append(Resource(f"{logical_id}Queue", "AWS::Lambda::EventSourceMapping", mapping))
        if alias:
            arn = client.create_alias(FunctionName=full_name, Name="live", FunctionVersion="1")["AliasArn"]
            stack.resources.append(Resource(f"{logical_id}Aliaslive", "AWS::Lambda::Alias", arn))


def _add_schedule(stack: StackInMoto) -> None:
    boto3.client("scheduler").create_schedule_group(Name=NAME)
    stack.resources.append(Resource("ScheduleGroup", "AWS::Scheduler::ScheduleGroup", NAME))
    put_schedule(f"{NAME}-nightly")
    put_schedule(f"{NAME}-audit", target=AUDITS)
    for logical_id, name in (("NightlySchedule", "nightly"), ("AuditSchedule", "audit")):
        stack.resources.append(Resource(logical_id, "AWS::Scheduler::Schedule", f"{NAME}-{name}"))


def put_schedule(name: str, *, state: str = "ENABLED", text: str = json.dumps(PLAN), target: str = PLANS) -> None:
    """Create a schedule of the stack's group, or change it."""
    client = boto3.client("scheduler")
    sent_to = {
        "Arn": target,
        "RoleArn": ROLE,
        **({"Input": text} if text else {}),
    }
    known = [each["Name"] for each in client.list_schedules(GroupName=NAME)["Schedules"]]
    write = client.update_schedule if name in known else client.create_schedule
    write(
        GroupName=NAME, Name=name, State=state, Target=sent_to, ScheduleExpression="cron(30 3 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin", FlexibleTimeWindow={"Mode": "OFF"},
    )  # fmt: skip


def _add_alarm(stack: StackInMoto, name: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="GaussDBBackup", MetricName="BackupFailed", Statistic="Sum", Period=300,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    stack.resources.append(Resource(name, "AWS::CloudWatch::Alarm", name))


def template_resources() -> dict[str, str]:
    """The type of each resource of the template, by logical id."""
    resources = read_template(ROOT / "template.yaml")["Resources"]
    return {name: str(resource["Type"]) for name, resource in resources.items()}
