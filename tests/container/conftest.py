"""`sam local invoke` in the real runtime container, against both emulators in a container beside it."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local import container
from local.__main__ import AWS_PORT, GAUSSDB_PORT
from local.aws_emulator.server import IDENTITY, Endpoint
from local.container import IMAGE, NETWORK, VARIABLES

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "build"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
MESSAGE_TIMEOUT_SECONDS = 10.0


def _docker(*arguments: str) -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", *arguments], capture_output=True, check=False, timeout=60).returncode == 0


@dataclass(frozen=True)
class Invocation:
    """The response of one invocation, and its output."""

    response: Any
    printed: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.printed.splitlines() if line.startswith("{")]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if "message" in line and "level" in line]

    @property
    def metrics(self) -> list[str]:
        documents = [line for line in self.lines if "_aws" in line]
        return [item["Name"] for line in documents for item in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]

    @property
    def milliseconds(self) -> float:
        """The billed time of a first invocation: imports, clients, and the work itself."""
        found = re.search(r"Duration: ([\d.]+) ms\s+Billed", self.printed)
        assert found, self.printed
        return float(found[1])


@dataclass(frozen=True)
class Machine:
    """Both emulators in a container beside the functions', and SAM."""

    gaussdb: httpx.Client
    aws: Endpoint
    folder: Path

    @property
    def variables(self) -> Path:
        """The functions' environment, for `--env-vars`."""
        return self.folder / "env.json"

    def add_connection(self, **changes: str) -> str:
        """Store a secret like the default one, but for the changes; return its connection."""
        secrets = self.aws.client("secretsmanager")
        secret = json.loads(secrets.get_secret_value(SecretId="gaussdb-backup/default")["SecretString"]) | changes
        connection = uuid4().hex
        secrets.create_secret(Name=f"gaussdb-backup/{connection}", SecretString=json.dumps(secret))
        return connection

    def message(self, variable: str, *, holding: str) -> dict[str, Any]:
        """Wait for the message that holds a text in the queue that a variable of the functions names."""
        sqs = self.aws.client("sqs")
        name = json.loads(self.variables.read_text())["Parameters"][variable].rsplit("/", 1)[1]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        deadline = time.monotonic() + MESSAGE_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            response = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
            found: list[dict[str, Any]] = response.get("Messages", [])
            if found and holding in found[0]["Body"]:
                return found[0]
        raise AssertionError(f"no message in {name} holds {holding!r}")

    def add_instance(self, **fields: Any) -> str:
        """Add an instance of the test's own; return its id."""
        instance_id = f"{uuid4().hex}in07"
        self.gaussdb.post("/instances", json=[{"id": instance_id, "name": "own", **fields}]).raise_for_status()
        return instance_id

    def add_backup(self, instance_id: str, **fields: Any) -> str:
        """Add a backup that began in the past; return its id."""
        response = self.gaussdb.post("/backups", json=[{"instance_id": instance_id, **fields}]).raise_for_status()
        return str(response.json()["ids"][0])

    def backups(self, instance_id: str) -> list[dict[str, Any]]:
        """The instance's backups in the cloud."""
        found: list[dict[str, Any]] = self.gaussdb.get("/backups", params={"instance_id": instance_id}).json()[
            "backups"
        ]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """The API requests since the beginning of the test."""
        found: list[dict[str, Any]] = self.gaussdb.get("/requests").json()["requests"]
        return found

    def invoke(self, function: str, event: Any) -> Invocation:
        """Invoke a built function with an event."""
        path = self.folder / "event.json"
        path.write_text(json.dumps(event))
        done = subprocess.run(
            [str(SAM), "local", "invoke", function, "--template", str(BUILT / "template.yaml"), "--event", str(path),
             "--env-vars", str(self.variables), "--docker-network", NETWORK, "--region", "eu-central-1",
             *(["--skip-pull-image"] if _docker("image", "inspect", IMAGE) else [])],
            capture_output=True, text=True, check=False, timeout=120, cwd=self.folder,
            # With this endpoint SAM asks the emulator, not the internet, for the account.
            env={**os.environ, **IDENTITY, "AWS_ENDPOINT_URL": self.aws.url,
                 "SAM_CLI_TELEMETRY": "0", "HOME": str(self.folder)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Invocation(json.loads(done.stdout.strip().splitlines()[-1]), done.stderr)


def sample(name: str) -> Any:
    """One of the sample events, by its path below `events/`."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def _emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if not _docker("info"):
        pytest.skip("no Docker on this machine: the runtime container cannot be started")
    assert BUILT.is_dir(), "nothing is built: run `make build` first"
    try:
        ports = container.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{ports[GAUSSDB_PORT]}/_control") as gaussdb:
            machine = Machine(gaussdb, Endpoint(f"http://127.0.0.1:{ports[AWS_PORT]}"), tmp_path_factory.mktemp("sam"))
            variables = json.loads(VARIABLES.read_text())["Parameters"] | {"TRACK_FIRST_DELAY_SECONDS": "1"}
            machine.variables.write_text(json.dumps({"Parameters": variables}))
            yield machine
    finally:
        container.stop()


@pytest.fixture
def machine(_emulators: Machine) -> Machine:
    """The machine, with an empty request log."""
    _emulators.gaussdb.delete("/requests").raise_for_status()
    return _emulators
