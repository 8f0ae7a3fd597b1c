"""However a command ends, stdout has what a program reads or nothing, and nobody sees a traceback."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import click
import pytest

from gaussdb_backup_cli.command import write_json
from gaussdb_backup_cli.failure import Exit
from gaussdb_backup_cli.stack import find_stack
from tests.helpers.command_line import StackUnderTest
from tests.helpers.stack_in_moto import Wrapped

ROOT = Path(__file__).parents[2]
HOSTILE = "a\x1b[2Jb\x9bc\ud800"
WRONG = {
    "a number": ["audit", "--days", "0"],
    "an option without its value": ["audit", "--region"],
    "a command": ["no-such-command"],
    "an option before the command": ["--no-such-option", "audit"],
}


def respond(stack: StackUnderTest, response: Any) -> None:
    """Have every function return this."""
    payload = json.dumps(response).encode()
    stack.clients["lambda"] = Wrapped(boto3.client("lambda"), invoke=lambda **_: {"Payload": io.BytesIO(payload)})


def fail(stack: StackUnderTest, error: BaseException) -> None:
    def call(**_: object) -> None:
        raise error

    stack.change("lambda", invoke=call)


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_json_where_json_was_requested(stack: StackUnderTest, arguments: list[str]) -> None:
    ran = stack.run("--json", *arguments)
    assert (ran.code, ran.stdout, ran.error["code"]) == (Exit.USAGE, "", "usage")
    assert ran.error["message"]


@pytest.mark.parametrize(
    "arguments",
    [["--days", "0"], ["--region"], ["--no-such-option"], ["a", "b"], ["--region", ""], ["--html", ""]],
    ids=" ".join,
)
def test_a_plugin_with_a_wrong_command_line_does_not_know(stack: StackUnderTest, arguments: list[str]) -> None:
    ran = stack.run("audit", "--nagios", *arguments)
    assert ran.code == 3
    [line] = ran.stdout.splitlines()
    assert line.startswith("GAUSSDB-BACKUP UNKNOWN - ")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=["Ctrl-C", "abort"])
def test_a_plugin_that_is_interrupted_does_not_know(stack: StackUnderTest, error: BaseException) -> None:
    fail(stack, error)
    ran = stack.run("audit", "--nagios")
    assert (ran.code, len(ran.stdout.splitlines())) == (3, 1)


@pytest.mark.parametrize("command", [["run", "nightly"], ["prune"], ["list", "orders"]], ids=" ".join)
@pytest.mark.parametrize("response", [{"queued": None}, {"queued": [{}]}], ids=str)
def test_an_odd_response_is_no_traceback(stack: StackUnderTest, command: list[str], response: Any) -> None:
    respond(stack, response)
    ran = stack.run("--json", *command)
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert ran.error["hint"]
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", [["status"], ["list", "orders"], ["run", "nightly"], ["prune"]], ids=" ".join)
@pytest.mark.parametrize("response", [{}, {"counts": None, "queued": None}], ids=str)
def test_a_response_without_its_lists_is_not_taken_for_an_empty_project(
    stack: StackUnderTest, command: list[str], response: Any
) -> None:
    respond(stack, response)
    ran = stack.run(*command)
    assert ran.code == Exit.FAILED
    assert "is none of this version" in ran.stderr
    assert "make deploy" in ran.stderr


def test_a_number_that_json_does_not_have_is_none(stack: StackUnderTest) -> None:
    respond(stack, {"counts": {}, "kept": [float("nan")], "deleted": []})
    found = find_stack(stack.open_account(), stack.name).invoke("PruneBackups", {})
    assert found["kept"] == [None]


def test_a_defect_shows_its_traceback_on_request_only(stack: StackUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(stack, ZeroDivisionError("by zero"))
    ran = stack.run("prune")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert ran.stderr.splitlines()[0] == "gaussdb-backup: unexpected error: ZeroDivisionError: by zero"
    assert "GAUSSDB_BACKUP_DEBUG=1" in ran.stderr
    assert "Traceback" not in ran.stderr
    monkeypatch.setenv("GAUSSDB_BACKUP_DEBUG", "1")
    assert "Traceback" in stack.run("prune").stderr


def test_ctrl_c_is_no_failure_and_what_goes_on_is_named(stack: StackUnderTest) -> None:
    fail(stack, KeyboardInterrupt())
    ran = stack.run("prune")
    assert (ran.code, ran.stdout) == (130, "")
    assert "goes on" in ran.stderr
    assert stack.run("--json", "prune").error["code"] == "interrupted"


def test_an_error_cannot_write_to_the_terminal(stack: StackUnderTest) -> None:
    fail(stack, ValueError(HOSTILE + "x" * 400))
    ran = stack.run("prune")
    assert not set("\x1b\x9b") & set(ran.stderr)
    assert "x" * 400 in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--stack", "", "prune", "--yes"],
        ["--profile", "", "status"],
        ["status", "--region", ""],
        ["run", ""],
        ["list", ""],
        ["run", "nightly", "--scheduled-time", ""],
        ["run", "orders", "--connection", ""],
        ["backfill", "nightly", "--since", "7d", "--until", ""],
        ["audit", "--html", ""],
        ["prune", ""],
    ],
    ids=" ".join,
)
def test_the_empty_value_of_an_unset_variable_is_not_taken_for_the_default(
    stack: StackUnderTest, arguments: list[str]
) -> None:
    ran = stack.run(*arguments)
    assert (ran.code, ran.stdout) == (Exit.USAGE, "")
    assert "it is empty" in ran.stderr
    assert not stack.invoked


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_whole_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"name": f"übung {HOSTILE} ■"}
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    write_json(document)
    written = stdout.buffer.getvalue()
    assert json.loads(written.decode(encoding)) == document


def run_process(arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    paths = {"PYTHONPATH": f"{ROOT / 'cli'}:{ROOT / 'layers' / 'gaussdb_backup'}", "PATH": "/usr/bin:/bin"}
    command = f"set -o pipefail; {sys.executable} -m gaussdb_backup_cli {arguments}"
    return subprocess.run(
        ["/bin/bash", "-c", command], env={**paths, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", ["plans check FILE --offline", "--help"])
def test_a_stdout_that_takes_nothing_is_no_traceback(arguments: str) -> None:
    command = arguments.replace("FILE", str(ROOT / "docs" / "examples" / "plans.yaml"))
    closed, full = run_process(f"{command} | true"), run_process(f"{command} > /dev/full")
    assert "Traceback" not in closed.stderr + full.stderr
    assert full.returncode == 1


@pytest.mark.parametrize(
    "variables",
    [{"GAUSSDB_BACKUP_LOCAL_ENDPOINT": "nowhere"}, {"AWS_PROFILE": "nobody"}, {"AWS_CONFIG_FILE": "/dev/full"}],
    ids=lambda value: next(iter(value)),
)
def test_a_wrong_environment_is_no_defect(variables: dict[str, str]) -> None:
    ran = run_process("--local status", **variables)
    assert ran.returncode == 1
    assert "defect" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 2
