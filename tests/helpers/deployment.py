"""The functions as deployed: AWS by moto in this process, the emulated cloud over a socket, and all that they emit."""

import importlib.util
import json
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.aws import emulated_aws
from tests.helpers.gaussdb import KEY, PROJECT, make_cloud

ROOT = Path(__file__).parents[2]
QUEUES = {
    "PLAN_QUEUE_URL": "plans",
    "PLAN_DLQ_URL": "plans-dead",
    "BACKUP_QUEUE_URL": "requests",
    "BACKUP_DLQ_URL": "requests-dead",
    "TRACKING_QUEUE_URL": "tracking",
    "TRACKING_DLQ_URL": "tracking-dead",
}
SETTINGS = {
    "SECRET_PREFIX": "gaussdb-backup/",
    "HTTP_TIMEOUT_SECONDS": "2",
    "ALLOW_HTTP_ENDPOINT": "true",
    "STATE_TABLE": "state",
    "START_WINDOW_SECONDS": "14400",
    "TRACK_FIRST_DELAY_SECONDS": "1",
    "TRACK_MAX_DELAY_SECONDS": "600",
    "TRACK_DEADLINE_SECONDS": "21600",
    "EVENT_BUS_NAME": "default",
    "REPORT_BUCKET": "reports",
    "POWERTOOLS_SERVICE_NAME": "gaussdb-backup",
    "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
    "POWERTOOLS_LOG_LEVEL": "DEBUG",
    "POWERTOOLS_LOG_DEDUPLICATION_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@dataclass
class Deployment:
    """One cloud, one AWS account, and the functions, each loaded once as in an execution environment of Lambda."""

    cloud: gaussdb_emulator.Cloud
    url: str
    capsys: pytest.CaptureFixture[str]
    queues: dict[str, str]
    apps: dict[str, ModuleType] = field(default_factory=dict)
    printed: str = ""
    emitted: list[str] = field(default_factory=list)
    """Everything that left the functions: what they printed, returned and raised."""

    def invoke(self, function: str, event: Any, *, milliseconds_left: int = 180_000) -> Any:
        """Invoke a function as Lambda would: event and response are JSON."""
        with self.collecting_output():
            context = Context(milliseconds_left=milliseconds_left)
            response = self.app(function).handler(json.loads(json.dumps(event)), context)
        self.emitted.append(json.dumps(response))
        return json.loads(self.emitted[-1])

    @contextmanager
    def collecting_output(self) -> Iterator[None]:
        """Collect what is printed and raised in the block."""
        try:
            yield
        except Exception as error:
            self.emitted.append("".join(traceback.format_exception(error)))
            raise
        finally:
            out, err = self.capsys.readouterr()
            self.printed += out
            self.emitted.extend((out, err))

    def app(self, function: str) -> ModuleType:
        """Load a function's app.py under a name of its own: all of them are called app."""
        if function not in self.apps:
            spec = importlib.util.spec_from_file_location(f"app_{function}", ROOT / "functions" / function / "app.py")
            assert spec is not None
            assert spec.loader is not None
            app = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(app)
            self.apps[function] = app
        return self.apps[function]

    def restart(self) -> None:
        """Begin with new execution environments."""
        for app in self.apps.values():
            if app.dependencies.cache_info().currsize:
                app.dependencies().api_clients.close()
            app.dependencies.cache_clear()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log records."""
        return [line for line in self._lines() if "_aws" not in line]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The EMF documents."""
        return [line for line in self._lines() if "_aws" in line]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.printed.splitlines() if line.strip()]

    def count(self, metric: str) -> float:
        """The sum of a metric's values."""
        return sum(sum(document[metric]) for document in self.metrics if metric in document)

    def dimensions(self, metric: str) -> list[list[str]]:
        """The sets of dimensions under which the values of a metric were emitted."""
        documents = [document for document in self.metrics if metric in document]
        directives = [each for document in documents for each in document["_aws"]["CloudWatchMetrics"]]
        return [names for directive in directives for names in directive["Dimensions"]]

    def put_secret(self, connection: str = "default", **secret: Any) -> None:
        """Store the secret of a connection to the cloud, or another one."""
        key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
        text = json.dumps({"endpoint": self.url, "project_id": PROJECT, **key, **secret})
        client = boto3.client("secretsmanager")
        name = f"gaussdb-backup/{connection}"
        try:
            client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=text)

    def delete_state(self) -> None:
        """Empty the state table, as after its TTL or its loss."""
        table = boto3.resource("dynamodb").Table("state")
        for item in table.scan()["Items"]:
            table.delete_item(Key={"id": item["id"]})

    def counts(self, variable: str) -> tuple[int, int]:
        """How many messages of a queue are visible (or delayed), and how many are not."""
        attributes = boto3.client("sqs").get_queue_attributes(QueueUrl=self.queues[variable], AttributeNames=["All"])
        numbers = attributes["Attributes"]
        waiting = int(numbers["ApproximateNumberOfMessages"]) + int(numbers["ApproximateNumberOfMessagesDelayed"])
        return waiting, int(numbers["ApproximateNumberOfMessagesNotVisible"])

    def messages(self, variable: str) -> list[Any]:
        """The messages of the queue that a variable names."""
        queue = boto3.resource("sqs").Queue(self.queues[variable])
        return queue.receive_messages(MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0)

    def find_secrets(self) -> list[str]:
        """Search everything that left the functions. Secrets of the tests begin with the same word."""
        return re.findall(r"hush-hush\S*", " ".join(self.emitted))


@contextmanager
def deploy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    cloud = make_cloud()
    with emulated_aws(), gaussdb_emulator.serve(cloud) as running:
        sqs = boto3.client("sqs")
        queues = {variable: sqs.create_queue(QueueName=name)["QueueUrl"] for variable, name in QUEUES.items()}
        for variable, url in queues.items():
            monkeypatch.setenv(variable, url)
        make_state_table()
        make_report_bucket()
        deployment = Deployment(cloud, running.url, capsys, queues)
        deployment.put_secret()
        yield deployment
        deployment.restart()


def make_state_table() -> None:
    boto3.client("dynamodb").create_table(
        TableName="state",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def make_report_bucket() -> None:
    boto3.client("s3").create_bucket(
        Bucket=SETTINGS["REPORT_BUCKET"],
        CreateBucketConfiguration={"LocationConstraint": SETTINGS["AWS_DEFAULT_REGION"]},  # type: ignore[typeddict-item]  # a text
    )
