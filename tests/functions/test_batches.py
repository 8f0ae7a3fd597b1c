"""A batch of queue messages: whatever one of them is, it costs its neighbours nothing."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from gaussdb_backup.aws.messages import parse_batch
from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import BILLING, ORDERS, PROJECT, STOCK, USER
from tests.helpers.sqs_event import sqs_record

ABSURD_TIMES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1999-12-31T00:00:00Z", "nonsense", ""]
ABSURD_TIMESTAMPS = ["-1", "0", "99999999999999999", "1e999", "soon", ""]


def request(instance_id: str = ORDERS, **fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"instance_id": instance_id, "name_template": "nightly", "scheduled_time": now, **fields}


def made(deployment: Deployment) -> list[str]:
    return sorted(backup.instance_id for backup in deployment.cloud.backups())


@pytest.mark.parametrize("absurd", ABSURD_TIMES)
def test_an_absurd_time_as_an_attribute_is_ignored(deployment: Deployment, absurd: str) -> None:
    poisoned = sqs_record({"instance_id": STOCK}, 1, message_attributes={"ScheduledTime": absurd})
    event = {"Records": [poisoned, sqs_record(request(), 2)]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert made(deployment) == sorted([ORDERS, STOCK])


@pytest.mark.parametrize("absurd", ABSURD_TIMESTAMPS)
def test_a_message_with_an_absurd_timestamp_is_dead_lettered_and_its_neighbour_processed(
    deployment: Deployment, absurd: str
) -> None:
    event = {"Records": [sqs_record(request(STOCK), 1, SentTimestamp=absurd), sqs_record(request(), 2)]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert made(deployment) == [ORDERS]
    assert deployment.count("BackupRejected") == 1
    [dead] = deployment.messages("BACKUP_DLQ_URL")
    assert (json.loads(dead.body)["instance_id"], dead.message_attributes["ErrorType"]["StringValue"]) == (
        STOCK,
        "InvalidRequest",
    )


@pytest.mark.parametrize("function", ["create_backup", "track_backups"])
@pytest.mark.parametrize(
    "changes",
    [{"attributes": None}, {"messageAttributes": [1]}, {"body": None}, {"receiptHandle": 5}, {"messageId": None}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_malformed_record_costs_only_itself(deployment: Deployment, function: str, changes: dict[str, Any]) -> None:
    malformed = sqs_record("no JSON", 1) | changes
    deployment.invoke(function, {"Records": [malformed, sqs_record(request(), 2)]})
    assert made(deployment) == ([ORDERS] if function == "create_backup" else [])
    dead = [*deployment.messages("BACKUP_DLQ_URL"), *deployment.messages("TRACKING_DLQ_URL")]
    assert len(dead) <= 2


@pytest.mark.parametrize("group", ["", "a b", "ü", "x" * 129, "crm\n", 5], ids=ascii)
def test_a_group_that_sqs_would_refuse_keeps_no_message_from_the_dead_letter_queue(
    deployment: Deployment, group: Any
) -> None:
    event = {"Records": [sqs_record("no JSON", 1, MessageGroupId=group), sqs_record(request(), 2)]}
    [message, _] = parse_batch(event)
    assert message.group is None
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert [dead.body for dead in deployment.messages("BACKUP_DLQ_URL")] == ["no JSON"]


def test_a_record_that_is_none_costs_only_itself(deployment: Deployment) -> None:
    event = {"Records": ["nonsense", None, sqs_record(request(), 2)]}
    assert deployment.invoke("create_backup", event) == {"batchItemFailures": []}
    assert made(deployment) == [ORDERS]


@dataclass(frozen=True)
class RunningContext(Context):
    """A context whose time passes."""

    begun: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds_left - int((time.monotonic() - self.begun) * 1000)


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:

        def accept() -> None:
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for each in accepted:
        each.close()


SILENT = ["the API, by key", "IAM, by password"]
"""What is silent."""


def put_silent_secret(deployment: Deployment, url: str, silent: str) -> None:
    if silent == SILENT[0]:
        deployment.put_secret("silent", endpoint=url)
        return
    user = {"domain_name": USER.domain_name, "user_name": USER.user_name, "password": USER.password}
    secret = {"endpoint": deployment.url, "project_id": PROJECT, "iam_endpoint": url, **user}
    boto3.client("secretsmanager").create_secret(Name="gaussdb-backup/silent", SecretString=json.dumps(secret))


def nine_neighbours(deployment: Deployment) -> list[str]:
    more = [gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}") for number in range(16, 22)]
    deployment.cloud.add_instances(*more)
    return [ORDERS, STOCK, BILLING, *(instance.id for instance in more)]


def process_ten(deployment: Deployment, *, milliseconds: int, place: int = 0) -> float:
    """Process a batch with one silent connection among nine neighbours; return the seconds to spare at its end."""
    neighbours = nine_neighbours(deployment)
    bodies: list[Any] = [request(instance_id) for instance_id in neighbours]
    bodies.insert(place, request(connection="silent"))
    event = {"Records": [sqs_record(body, number) for number, body in enumerate(bodies)]}
    app = deployment.app("create_backup")
    context = RunningContext(milliseconds_left=milliseconds)
    with deployment.collecting_output():
        response = app.handle_batch(event, context, app.dependencies())
    spare = context.get_remaining_time_in_millis() / 1000
    assert response == {"batchItemFailures": [{"itemIdentifier": f"message-{place}"}]}
    assert made(deployment) == sorted(neighbours)
    return spare


@pytest.mark.parametrize(
    ("timeout", "milliseconds"),
    [("1.5", 60_000), pytest.param("10", 180_000, marks=pytest.mark.slow)],
    ids=["a short function", "the defaults"],
)
@pytest.mark.parametrize("silent", SILENT)
def test_a_silent_endpoint_among_nine_neighbours_costs_them_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, silent: str, timeout: str, milliseconds: int
) -> None:
    monkeypatch.setenv("HTTP_TIMEOUT_SECONDS", timeout)
    with silent_server() as url:
        put_silent_secret(deployment, url, silent)
        assert process_ten(deployment, milliseconds=milliseconds) >= 5


@pytest.mark.slow
def test_with_a_queue_service_that_is_silent_a_function_ends_by_itself(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)
        app = deployment.app("create_backup")
        context = RunningContext(milliseconds_left=60_000)
        with deployment.collecting_output():
            response = app.handle_batch({"Records": [sqs_record(request())]}, context, app.dependencies())
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert context.get_remaining_time_in_millis() >= 5_000
    assert deployment.count("BackupDeferred") == 1
