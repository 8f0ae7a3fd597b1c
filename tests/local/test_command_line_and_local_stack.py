"""Each command against the stack of `make local-stack`, in a process of its own, as a person types it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from local import stack as local_stack
from local.demo import scenario

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "cli" / "gaussdb_backup_cli" / "schemas"

type Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[local_stack.RunningStack]:
    cloud = scenario.make_interactive_cloud(datetime.now(UTC))
    parameters = scenario.STACK_PARAMETERS | scenario.NOTIFIED
    with local_stack.serve(cloud, scenario.KEY, parameters=parameters) as running, running.in_background():
        yield running


@pytest.fixture(scope="module")
def path() -> str:
    """The PATH of this process; while a function runs, the process has the environment of the function."""
    return os.environ["PATH"]


@pytest.fixture
def run(running: local_stack.RunningStack, path: str) -> Run:
    """Run a command for JSON that meets its schema; return the exit code and the result."""

    def run(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "gaussdb_backup_cli", "--local", *arguments, "--json"],
            cwd=ROOT,
            env={
                "PATH": path,
                "PYTHONPATH": "cli:layers/gaussdb_backup",
                "GAUSSDB_BACKUP_LOCAL_ENDPOINT": running.endpoint,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        schema = json.loads((SCHEMAS / f"{document['command'].replace(' ', '_')}.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(document)
        return done.returncode, document["result"]

    return run


def test_one_instance_is_backed_up_and_its_backup_listed(run: Run) -> None:
    before = run("list", "orders", "--all")[1]["total"]
    code, result = run("run", "orders", "--wait")
    assert (code, result["requests"][0]["action"]) == (0, "created")
    again = run("run", "orders", "--scheduled-time", result["scheduled_time"])[1]
    assert again["requests"][0]["action"] == "adopted"
    code, listed = run("list", "orders", "--all")
    assert (code, listed["total"]) == (0, before + 1)
    assert listed["backups"][0]["status"] == "COMPLETED"


def test_a_plan_is_run_and_its_failures_need_somebody(run: Run) -> None:
    code, result = run("run", "nightly", "--wait", "--timeout", "1")
    assert code == 3
    assert {one["action"] for one in result["requests"]} == {"queued", "skipped"}
    code, status = run("status")
    assert code == 3
    assert status["needs_you"] is True


def test_the_audit_and_the_prune_agree_about_what_goes(run: Run, running: local_stack.RunningStack) -> None:
    _, coverage = run("audit")
    code, shown = run("prune")
    foreseen = {one["backup_id"] for one in coverage["next_prune"]["deleted"]}
    assert foreseen
    assert {one["backup_id"] for one in shown["deleted"]} == foreseen
    assert code == 0
    code, done = run("prune", "--yes")
    assert code in (0, 3)
    gone = {one["backup_id"] for one in done["deleted"]}
    assert gone
    assert gone <= foreseen


def test_the_doctor_and_the_dead_letters(run: Run, running: local_stack.RunningStack) -> None:
    code, checked = run("doctor")
    assert [one for one in checked["checks"] if one["outcome"] in ("failed", "not checked")] == []
    url = running.aws.stack.resources["BackupQueue"]
    running.aws.client("sqs").send_message(QueueUrl=url, MessageBody='{"instance_id": "wrong"}')
    for _ in range(50):
        code, listed = run("redrive")
        if listed["messages"]:
            break
    assert code == 3
    assert [one["error_type"] for one in listed["messages"]] == ["InvalidRequest"]
    code, sent = run("redrive", "--yes")
    assert sum(queue["sent"] for queue in sent["queues"]) == 1


def test_a_plan_file_is_checked_applied_and_its_plan_run(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text(
        'plans:\n  weekly:\n    connection: demo\n    select: {name_pattern: "s*"}\n'
        "    backup:\n      schedule: cron(0 4 ? * SUN *)\n"
    )
    code, checked = run("plans", "check", str(path))
    assert code in (0, 3)
    assert checked
    assert run("plans", "diff", str(path))[0] == 3
    assert run("plans", "apply", str(path))[0] == 0
    assert run("plans", "diff", str(path))[0] == 0
    code, result = run("run", "weekly")
    assert {one["instance_name"] for one in result["requests"]} == {"stock", "search"}
    code, runs = run("backfill", "weekly", "--since", "7d")
    assert (code, runs["runs"]) == (0, []), "the schedule is new"
