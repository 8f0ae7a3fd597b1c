"""`python -m local.stack`, as `make local-stack` runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "local.stack"]
FREE_PORTS = ("--gaussdb-port", "0", "--aws-port", "0")


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/gaussdb_backup'}",
        "PYTHONIOENCODING": "utf-8",
    }


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running command, and what it printed until it was ready."""
    with subprocess.Popen(
        [*COMMAND, *options], cwd=folder, env=environment(folder),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or not lines[-1].startswith("Ctrl-C"):
                lines.append(process.stdout.readline())
                assert lines[-1], "it ended before it was ready"
            yield process, "".join(lines)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_serves_until_it_is_ended_and_then_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path, *FREE_PORTS) as (process, printed):
        [endpoint] = set(re.findall(r"GAUSSDB_BACKUP_LOCAL_ENDPOINT=(\S+)", printed))
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-central-1")
        client = session.client("cloudformation", endpoint_url=endpoint)
        [stack] = client.describe_stacks(StackName="gaussdb-backup")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "local-stack: ended\n", "")


def test_it_prints_what_to_type_next(tmp_path: Path) -> None:
    with started(tmp_path, *FREE_PORTS) as (_, printed):
        assert 'make cli ARGS="--local status"' in printed
        assert ".cache/stack/functions.log" in printed


def test_it_ends_by_itself_after_the_given_time(tmp_path: Path) -> None:
    with started(tmp_path, *FREE_PORTS, "--hours", "0.0001") as (process, _):
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("option", ["--gaussdb-port", "--aws-port"])
def test_a_port_that_is_taken_is_reported_in_one_line(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = {"--gaussdb-port": "0", "--aws-port": "0", option: str(port)}
        done = subprocess.run(
            [*COMMAND, *(part for pair in options.items() for part in pair)],
            cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"local-stack: port {port} is taken: .*--aws-port\n", done.stderr)
