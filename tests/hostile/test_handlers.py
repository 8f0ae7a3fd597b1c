"""The functions with one hostile connection among good ones: they end by themselves, and the good ones are served."""

import json
import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.errors import GaussDBBackupError
from gaussdb_backup.huawei.network import Address, Network, resolve
from gaussdb_backup.huawei.transport import NetworkTransport
from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.canaries import CANARIES, emitted_text, find_canaries
from tests.helpers.deployment import Deployment, deploy
from tests.helpers.hostile_server import BEHAVIOURS, ECHOES, dead_address, issues_tokens, serve_hostile
from tests.helpers.scenario import MAKERS
from tests.helpers.sqs_event import sqs_batch

SECONDS = 36
"""A function's time. It keeps back a third; ten messages have 2.4 seconds each."""
SPARE_SECONDS = 5
METHODS = ("key", "password", "IAM")
DEAD = "four dead addresses"
NEIGHBOURS = [f"{number:032x}in07" for number in range(1, 10)]
HOSTILE = f"{0xBAD:032x}in07"


@dataclass(frozen=True)
class RunningContext(Context):
    """A context whose time runs."""

    began: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.milliseconds_left - int((time.monotonic() - self.began) * 1000))


@dataclass
class Stage:
    """The functions, a good cloud, and a hostile connection of which each secret value is a canary."""

    deployment: Deployment
    stack: ExitStack
    dead: Address | None = None

    def make_hostile(self, name: str, method: str) -> None:
        secret: dict[str, Any] = {"project_id": CANARIES["project_id"]}
        keys = ["access_key", "secret_key", "security_token"]
        if method == "key":
            secret |= {key: CANARIES[key] for key in keys} | {"endpoint": self._serve(name)}
        else:
            iam = issues_tokens(CANARIES["token"])
            good_iam = self.stack.enter_context(serve_hostile(iam)).url
            secret |= {key: CANARIES[key] for key in ("domain_name", "user_name", "password")} | dict.fromkeys(keys, "")
            secret |= {
                "endpoint": self._serve(name),
                "iam_endpoint": self._serve(name) if method == "IAM" else good_iam,
            }
        self.deployment.put_secret("hostile", **secret)

    def _serve(self, name: str) -> str:
        if name == DEAD:
            self.dead = self.stack.enter_context(dead_address())
            return "http://dead.example"
        return self.stack.enter_context(serve_hostile(BEHAVIOURS[name])).url

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function, which has to end by itself, with time to spare."""
        app = self.deployment.app(function)
        runtime = Runtime(transport=NetworkTransport(Network(self._resolve)))
        with self.deployment.collecting_output():
            deps: Any = MAKERS[function](os.environ, logger=app.logger, runtime=runtime)
            context = RunningContext(milliseconds_left=SECONDS * 1000)
            handle = app.handle_batch if "Records" in event else app.handle_request
            try:
                return handle(json.loads(json.dumps(event)), context, deps)
            except Exception as error:
                self.deployment.emitted.append(emitted_text(error))
                raise
            finally:
                assert context.get_remaining_time_in_millis() > SPARE_SECONDS * 1000
                deps.api_clients.close()

    def _resolve(self, host: str, port: int) -> Any:
        return [self.dead] * 4 if host == "dead.example" else resolve(host, port)

    def everything(self) -> str:
        """All that left the functions, on the queues and the table too."""
        parts = list(self.deployment.emitted)
        for variable in self.deployment.queues:
            parts += [f"{each.body} {each.message_attributes}" for each in self.deployment.messages(variable)]
        parts.append(str(boto3.resource("dynamodb").Table("state").scan()["Items"]))
        return "\n".join(parts)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    """Every test that has it ends by searching all that left the functions for secrets."""
    with deploy(monkeypatch, capsys) as deployment, ExitStack() as stack:
        monkeypatch.setenv("HTTP_TIMEOUT_SECONDS", "1.5")
        instances = (gaussdb_emulator.Instance(id=id_, name=f"name-{id_[-6:]}") for id_ in NEIGHBOURS)
        deployment.cloud.add_instances(*instances)
        stage = Stage(deployment, stack)
        yield stage
        assert find_canaries(stage.everything()) == []


def request(instance_id: str, connection: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "instance_id": instance_id,
        "name_template": "nightly",
        "scheduled_time": now,
        "connection": connection,
    }


ECHO = ("echoes as code and id, 409", "key")
EACH_KIND = (
    *(DEAD, "is silent", "resets at once", "closes", "drips headers", "drips the body", "stops in the body"),
    *("endless headers", "endless 1xx", "300 MB without a length", "garbage", "status 999", "two lengths"),
    *("gzip, gzip", "an empty body", "HTML with 503", "204", "a redirect", "JSON nested 100,000 deep", "not a number"),
    *("a number of 5000 digits", "odd error fields", "an error code of 1 MB", "Retry-After: 1e9", "cookies", *ECHOES),
)
"""One or more of each kind. How a single call of each behaviour ends is shown for calls alone; a function adds what it
does with the error, and how much of its time the call gets, and neither depends on more than the kind."""
BY_USER = {
    *(DEAD, "is silent", "drips headers", "drips the body", "stops in the body", "echoes as words, 409"),
    *("echoes as code and id, 401", "echoes as code and id, 409", "echoes in IAM's shape", "echoes as a record"),
}
"""Those that take time, of which a token's request has a part, or show what was sent, one of each kind."""


def cases(*fast: tuple[str, str], names: Collection[str] = EACH_KIND) -> list[Any]:
    """Return each behaviour with an access key, and some with a user too; few are fast."""
    return [
        pytest.param(name, method, id=f"{name}-{method}", marks=() if (name, method) in fast else pytest.mark.slow)
        for name in names
        for method in (METHODS if name in BY_USER else METHODS[:1])
    ]


@pytest.mark.parametrize(
    ("name", "method"), cases(ECHO, (DEAD, "password"), ("is silent", "key"), names=(DEAD, *BEHAVIOURS))
)
def test_the_neighbours_of_a_hostile_connection_get_their_backups_at_once(stage: Stage, name: str, method: str) -> None:
    stage.make_hostile(name, method)
    requests = [request(instance_id, "default") for instance_id in NEIGHBOURS]
    requests.insert(0, request(HOSTILE, "hostile"))
    response = stage.invoke("create_backup", sqs_batch(*requests))
    assert sorted(backup.instance_id for backup in stage.deployment.cloud.backups()) == NEIGHBOURS
    failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    dead_lettered = len(stage.deployment.messages("BACKUP_DLQ_URL"))
    assert failed == ([] if dead_lettered else ["message-1"])
    assert any(record["level"] != "INFO" and record.get("error_type") for record in stage.deployment.records)
    assert stage.deployment.count("UnexpectedError") == 0


@pytest.mark.parametrize(("name", "method"), cases(ECHO, ("drips headers", "IAM")))
def test_the_neighbours_of_a_hostile_connection_are_tracked_at_once(stage: Stage, name: str, method: str) -> None:
    for instance_id in NEIGHBOURS:
        stage.deployment.cloud.change_instance(instance_id, backup_seconds=0, backup_ends="COMPLETED")
    stage.invoke("create_backup", sqs_batch(*(request(instance_id, "default") for instance_id in NEIGHBOURS)))
    stage.make_hostile(name, method)
    bodies = [tracking_message(backup.instance_id, backup.id, "default") for backup in stage.deployment.cloud.backups()]
    response = stage.invoke("track_backups", sqs_batch(tracking_message(HOSTILE, "0" * 32, "hostile"), *bodies))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    completed = {each["backup_id"] for each in stage.deployment.records if each.get("status") == "COMPLETED"}
    assert completed == {body["backup_id"] for body in bodies}
    assert stage.deployment.count("UnexpectedError") == 0


def tracking_message(instance_id: str, backup_id: str, connection: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "version": 1,
        "connection": connection,
        "scheduled_time": now.isoformat(),
        "instance_id": instance_id,
        "backup_id": backup_id,
        "backup_name": "nightly",
        "begin_time": now.isoformat(),
        "deadline": (now + timedelta(hours=6)).isoformat(),
    }


@pytest.mark.parametrize(("name", "method"), cases(ECHO, ("drips the body", "key")))
def test_a_plan_of_a_hostile_connection_ends_in_time_with_an_error_of_ours(
    stage: Stage, name: str, method: str
) -> None:
    stage.make_hostile(name, method)
    plan = {"schedule": "nightly", "connection": "hostile", "scheduled_time": datetime.now(UTC).isoformat()}
    with pytest.raises(GaussDBBackupError):
        stage.invoke("dispatch_backups", plan)
    assert stage.deployment.count("UnexpectedError") == 0
    assert stage.deployment.messages("BACKUP_QUEUE_URL") == []


@pytest.mark.parametrize(("name", "method"), cases(ECHO, ("is silent", "key")))
def test_an_audit_of_a_hostile_connection_ends_in_time_and_requests_stores_and_measures_nothing(
    stage: Stage, name: str, method: str
) -> None:
    stage.make_hostile(name, method)
    audit = {"connection": "hostile", "catch_up": True, "scheduled_time": datetime.now(UTC).isoformat()}
    with pytest.raises(GaussDBBackupError):
        stage.invoke("audit_backups", audit)
    assert stage.deployment.count("UnexpectedError") == 0
    assert stage.deployment.messages("BACKUP_QUEUE_URL") == []
    assert boto3.client("s3").list_objects_v2(Bucket="reports")["KeyCount"] == 0
    assert not [each for each in stage.deployment.metrics if "InstancesAudited" in each]


@pytest.mark.parametrize(("name", "method"), cases(ECHO, ("drips headers", "key")))
def test_a_prune_of_a_hostile_connection_ends_in_time_and_deletes_nothing(stage: Stage, name: str, method: str) -> None:
    stage.make_hostile(name, method)
    prune = {"connection": "hostile", "name_prefix": "n", "keep": {"last": 1}, "dry_run": False}
    with pytest.raises(GaussDBBackupError):
        stage.invoke("prune_backups", prune)
    assert stage.deployment.count("UnexpectedError") == 0
    assert not [each for each in stage.deployment.records if each["message"] == "deletion requested"]
