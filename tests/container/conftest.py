"""`sam local invoke` in the real runtime container, against both clouds on this machine."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import aws as local_aws
from local import huawei
from tests.support import KEY, PROJECT

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".aws-sam" / "build"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
INSTANCES = ("d8e6ca5a624745bcb546a227aa3ae1cfin07", "9b2d1f0e6c7a4d3f8e5b4a3c2d1e0f9ain07")


def _docker(*arguments: str) -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", *arguments], capture_output=True, check=False, timeout=60).returncode == 0


@dataclass(frozen=True)
class Invocation:
    """What one invocation answered and printed."""

    answer: Any
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


@dataclass
class Machine:
    """Both clouds and SAM on this machine."""

    cloud: huawei.Cloud
    url: str
    aws: local_aws.LocalAws
    folder: Path

    def put_secret(self, **changes: Any) -> None:
        key = {"access_key": KEY.access_key, "secret_key": KEY.secret_key}
        secret = {"endpoint": self.url, "project_id": PROJECT, **key, **changes}
        self.aws.put_secret("gaussdb-backup/default", json.dumps(secret))

    def invoke(self, function: str, event: Any) -> Invocation:
        """Invoke a built function with an event, or with a sample by its path below `events/`."""
        path = ROOT / "events" / event if isinstance(event, str) else self.folder / "event.json"
        if not isinstance(event, str):
            path.write_text(json.dumps(event))
        variables = self.aws.stack.environment(function, ALLOW_HTTP_ENDPOINT="true", AWS_ENDPOINT_URL=self.aws.endpoint)
        (self.folder / "env.json").write_text(json.dumps({function: variables}))
        done = subprocess.run(
            [str(SAM), "local", "invoke", function, "--template", str(BUILT / "template.yaml"), "--event", str(path),
             "--env-vars", str(self.folder / "env.json"), "--docker-network", "host",
             *(["--skip-pull-image"] if _docker("image", "inspect", IMAGE) else [])],
            capture_output=True, text=True, check=False, timeout=120, cwd=self.folder,
            env={**os.environ, **self.aws.environment, "SAM_CLI_TELEMETRY": "0", "HOME": str(self.folder)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Invocation(json.loads(done.stdout.strip().splitlines()[-1]), done.stderr)


@pytest.fixture(scope="session", autouse=True)
def _requires_docker_and_a_build() -> None:
    if not _docker("info"):
        pytest.skip("no Docker on this machine: the runtime container cannot be started")
    assert BUILT.is_dir(), "nothing is built: run `make build` first"


@pytest.fixture(scope="session")
def _stand_ins(tmp_path_factory: pytest.TempPathFactory, _requires_docker_and_a_build: None) -> Iterator[Machine]:
    fleet = huawei.Fleet(
        projects=(huawei.Project(),),
        access_keys=(KEY,),
        instances=tuple(huawei.Instance(id=id_, name=id_[:8], backup_seconds=1) for id_ in INSTANCES),
    )
    cloud = huawei.Cloud(fleet)
    with huawei.serve(cloud) as running, local_aws.start() as aws:
        yield Machine(cloud, running.url, aws, tmp_path_factory.mktemp("sam"))


@pytest.fixture
def machine(_stand_ins: Machine) -> Machine:
    """The machine, with the right secret and without what earlier tests left."""
    _stand_ins.put_secret()
    for backup in _stand_ins.cloud.backups():
        _stand_ins.cloud.store.vanish(backup, _stand_ins.cloud.now())
    _stand_ins.cloud.remove_fault()
    _stand_ins.cloud.forget_requests()
    return _stand_ins
