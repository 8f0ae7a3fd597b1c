"""A stack that was deployed, driven through AWS's APIs alone."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self
from uuid import uuid4

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from local import gaussdb_emulator
from local.ministack import ACCOUNT_ID, Account, Keys
from tests.helpers.gaussdb import KEY, PROJECT

ALIAS = "live"
POLL_SECONDS = 0.1


class InvocationFailed(Exception):
    """A function returned an error; the message is the function's own."""


def eventually[T](check: Callable[[], T], *, within: float = 60.0, what: str = "") -> T:
    """Return the first true result of `check`; fail after `within` seconds, with the last one."""
    deadline = time.monotonic() + within
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {within} seconds: {what or check.__name__}; last: {result!r}"
        time.sleep(POLL_SECONDS)


def scheduled_time() -> str:
    """The time of a run of its own, so that no two runs of a test session are the same."""
    return datetime.now(UTC).isoformat()


@dataclass
class Project:
    """A project of the emulated cloud with a connection of its own, and instances that tests add."""

    cloud: gaussdb_emulator.Cloud
    url: str
    account: Account
    connection: str = "default"
    project_id: str = PROJECT

    def put_secret(self, **changes: str) -> None:
        """Store the connection's secret, or a new version of it."""
        key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
        text = json.dumps({"endpoint": self.url, "project_id": self.project_id, **key, **changes})
        client = self.account.client("secretsmanager")
        name = f"gaussdb-backup/{self.connection}"
        try:
            client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=text)

    def add_instance(self, name: str = "", **fields: Any) -> str:
        """Add an instance whose backups take a second; return its id."""
        instance_id = f"{uuid4().hex}in07"
        fields = {"backup_seconds": 1.0, **fields}
        self.cloud.add_instances(
            gaussdb_emulator.Instance(id=instance_id, name=name, project_id=self.project_id, **fields)
        )
        return instance_id

    def backups(self, instance_id: str) -> list[tuple[str, str | None]]:
        """Name and status of each backup of an instance, by the cloud's own list."""
        return [(each.name, self.cloud.status_of(each.id)) for each in self.cloud.backups(instance_id)]

    def names(self, instance_id: str) -> list[str]:
        """The names of the backups of an instance, by the cloud's own list."""
        return [name for name, _ in self.backups(instance_id)]


@dataclass
class DeployedStack:
    """A stack in the account. Queues, functions and so on are named by their logical ids."""

    account: Account
    name: str
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of a service, as the account's root user."""
        if service not in self.clients:
            self.clients[service] = self.account.client(service)
        return self.clients[service]

    @cached_property
    def resources(self) -> dict[str, str]:
        """The physical id of each resource."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    @property
    def template(self) -> dict[str, Any]:
        """The template as SAM sent it: packaged, with its short forms written out."""
        body = self.client("cloudformation").get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        template: dict[str, Any] = yaml_parse(body) if isinstance(body, str) else json.loads(json.dumps(body))
        return template

    def update(self, template: Mapping[str, Any], **parameters: str) -> int:
        """Update the stack to a template, and change some parameters; return when, as a Unix time in milliseconds."""
        cloudformation = self.client("cloudformation")
        [stack] = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        kept = [
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
            for each in stack["Parameters"]
            if each["ParameterKey"] not in parameters
        ]
        changed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
        cloudformation.update_stack(
            StackName=self.name,
            TemplateURL=self._upload(template),
            Parameters=kept + changed,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        eventually(lambda: self.status.endswith("COMPLETE"), what="the end of the update")
        assert self.status == "UPDATE_COMPLETE"
        return int(time.time() * 1000)

    def _upload(self, template: Mapping[str, Any]) -> str:
        """Store a template, which is too large for a call, in the bucket that SAM made."""
        s3, key = self.client("s3"), f"{uuid4().hex}.json"
        [bucket] = [each["Name"] for each in s3.list_buckets()["Buckets"] if "samclisourcebucket" in each["Name"]]
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
        return f"{self.account.endpoint}/{bucket}/{key}"

    @property
    def status(self) -> str:
        """The stack's status."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return str(stack["StackStatus"])

    @property
    def is_gone(self) -> bool:
        """Whether the stack has been deleted."""
        try:
            return self.status == "DELETE_COMPLETE"
        except ClientError as error:
            return error.response["Error"]["Code"] == "ValidationError"

    def assume(self, role: str) -> Keys:
        """The keys of a session of one of the stack's roles."""
        return self.account.assume(self.role_arn(role))

    def role_arn(self, role: str) -> str:
        """The ARN of one of the stack's roles."""
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.resources[role]}"

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function and return its response."""
        name = self.resources[function]
        done = self.client("lambda").invoke(FunctionName=name, Qualifier=ALIAS, Payload=json.dumps(event))
        response = json.loads(done["Payload"].read())
        if "FunctionError" in done:
            raise InvocationFailed(response["errorMessage"])
        return response

    def invoke_asynchronously(self, function: str, event: Any) -> None:
        """Have Lambda invoke a function, and retry it, by itself.

        Without the alias, for which the emulator has no failure destination.
        """
        name = self.resources[function]
        self.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))

    def send(self, queue: str, body: Any, **attributes: str) -> None:
        """Send a message; a text is sent as it is, anything else as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.client("sqs").send_message(QueueUrl=self.resources[queue], MessageBody=text, MessageAttributes=typed)

    def count(self, queue: str) -> int:
        """How many messages a queue has, visible or not."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        given = self.client("sqs").get_queue_attributes(QueueUrl=self.resources[queue], AttributeNames=names)
        return sum(int(given["Attributes"][name]) for name in names)

    def peek(self, queue: str, holding: str = "") -> list[dict[str, Any]]:
        """The messages of a queue that hold a text; they stay in the queue and are visible again at once."""
        sqs, url = self.client("sqs"), self.resources[queue]
        found: dict[str, dict[str, Any]] = {}
        for _ in range(100):
            received = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=5,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not received:
                break
            found |= {each["MessageId"]: each for each in received}
        for each in found.values():
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"], VisibilityTimeout=0)
        return [each for each in found.values() if holding in each["Body"]]

    @contextmanager
    def stopped(self, queue: str) -> Iterator[None]:
        """Stop the queue's event source mapping, as the runbook does, while the block runs."""
        client = self.client("lambda")
        [mapping] = client.list_event_source_mappings(EventSourceArn=self.arn_of(queue))["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def message(self, queue: str, holding: str, *, within: float = 60.0) -> dict[str, Any]:
        """Wait for the one message of a queue that holds a text."""
        [message] = eventually(lambda: self.peek(queue, holding), within=within, what=f"{holding} in {queue}")
        return message

    def arn_of(self, queue: str) -> str:
        """The ARN of a queue."""
        given = self.client("sqs").get_queue_attributes(QueueUrl=self.resources[queue], AttributeNames=["QueueArn"])
        return str(given["Attributes"]["QueueArn"])

    def printed(self, function: str, holding: str, *, since: int = 0) -> list[str]:
        """The lines of a function's log that hold a text. `since` is a Unix time in milliseconds."""
        group = self.resources[function.replace("Function", "LogGroup")]
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
        return [event["message"] for page in pages for event in page["events"] if holding in event["message"]]

    def logged(self, function: str, holding: str) -> list[dict[str, Any]]:
        """The log records of a function that hold a text."""
        return [json.loads(line) for line in self.printed(function, holding) if line.startswith("{")]


def attributes_of(message: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that the functions put on a message."""
    return {name: each["StringValue"] for name, each in message.get("MessageAttributes", {}).items()}


@dataclass
class Inbox:
    """A queue of the test's own, to which a bus or a topic delivers."""

    stack: DeployedStack
    url: str
    arn: str
    bodies: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def of_bus(cls, stack: DeployedStack, pattern: Mapping[str, Any]) -> Iterator[Self]:
        """Receive the events of the account's default bus that match a pattern."""
        events, name = stack.client("events"), f"test-{uuid4().hex}"
        with cls._open(stack, name) as inbox:
            events.put_rule(Name=name, EventPattern=json.dumps(pattern))
            events.put_targets(Rule=name, Targets=[{"Id": "inbox", "Arn": inbox.arn}])
            yield inbox
            events.remove_targets(Rule=name, Ids=["inbox"])
            events.delete_rule(Name=name)

    @classmethod
    @contextmanager
    def of_topic(cls, stack: DeployedStack, topic: str = "BackupNotifications") -> Iterator[Self]:
        """Receive what one of a stack's topics is sent."""
        sns = stack.client("sns")
        with cls._open(stack, f"test-{uuid4().hex}") as inbox:
            arn = stack.resources[topic]
            subscribed = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=inbox.arn, ReturnSubscriptionArn=True)
            yield inbox
            sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])

    @classmethod
    @contextmanager
    def _open(cls, stack: DeployedStack, name: str) -> Iterator[Self]:
        sqs = stack.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        senders = {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}
        allow = {"Effect": "Allow", "Principal": senders, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        try:
            yield cls(stack, url, arn)
        finally:
            sqs.delete_queue(QueueUrl=url)

    def holding(self, text: str) -> list[str]:
        """What was received until now that holds a text."""
        sqs = self.stack.client("sqs")
        while received := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            self.bodies |= {each["MessageId"]: each["Body"] for each in received}
        return [body for body in self.bodies.values() if text in body]

    def wait_for(self, text: str, *, within: float = 60.0) -> str:
        """Wait for the first body that holds a text."""
        return eventually(lambda: self.holding(text), within=within, what=f"{text} in the inbox")[0]
