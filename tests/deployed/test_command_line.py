"""The command line against the deployed stack, as a user who has the policies of its page and nothing else."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest

from local.gaussdb_emulator import PastBackup
from local.ministack import Account, Keys
from tests.helpers.deployed import DeployedStack, Project, eventually

pytestmark = pytest.mark.deployed
ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "cli" / "gaussdb_backup_cli" / "schemas"

type CommandLine = Callable[..., subprocess.CompletedProcess[str]]


def run_as(
    account: Account, keys: Keys, *arguments: str, stack: str = "gaussdb-backup"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gaussdb_backup_cli", *arguments],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": "cli:layers/gaussdb_backup",
            "GAUSSDB_BACKUP_STACK": stack,
            "COLUMNS": "120",
            **account.variables(keys),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def command(stack: DeployedStack, operator: Keys) -> CommandLine:
    return lambda *arguments: run_as(stack.account, operator, *arguments, stack=stack.name)


@pytest.fixture
def run_json(command: CommandLine) -> Callable[..., Any]:
    """Run a command for JSON that meets its schema; return the exit code and the result."""

    def run(*arguments: str) -> tuple[int, Any]:
        done = command(*arguments, "--json")
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        schema = json.loads((SCHEMAS / f"{document['command'].replace(' ', '_')}.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(document)
        return done.returncode, document["result"]

    return run


def test_a_backup_by_hand_is_made_once_and_listed(
    command: CommandLine, run_json: Callable[..., Any], project_of_its_own: Project
) -> None:
    project = project_of_its_own
    instance = project.add_instance("by-hand")
    options = ("--connection", project.connection)
    done = command("run", "by-hand", *options, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [status for _, status in project.backups(instance)] == ["COMPLETED"]
    code, listed = run_json("list", instance, *options)
    assert code == 0
    assert [one["status"] for one in listed["backups"]] == ["COMPLETED"]
    time = datetime.now(UTC).isoformat(timespec="seconds")
    first, second = (run_json("run", instance, *options, "--scheduled-time", time)[1] for _ in range(2))
    assert [each["requests"][0]["action"] for each in (first, second)] == ["created", "adopted"]
    assert len(project.names(instance)) == 2


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "plans.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_plan_file_is_applied_run_made_up_for_and_removed(
    command: CommandLine,
    run_json: Callable[..., Any],
    plan_file: Callable[[str], str],
    stack: DeployedStack,
    project_of_its_own: Project,
) -> None:
    project = project_of_its_own
    instance = project.add_instance("planned")
    name = f"plan-{uuid4().hex[:8]}"
    path = plan_file(
        f"""
plans:
  {name}:
    connection: {project.connection}
    timezone: Europe/Berlin
    backup:
      schedule: cron(30 3 * * ? *)
      name_template: "{name}-{{instance_name}}-{{scheduled_time:%Y%m%d-%H%M}}"
    audit: {{schedule: "cron(0 7 * * ? *)", max_age_hours: 26, catch_up: true}}
    keep: {{schedule: "cron(0 12 * * ? *)", daily: 7, dry_run: false}}
"""
    )
    done = command("plans", "check", path)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert f"{name}-planned-" in done.stdout
    assert run_json("plans", "diff", path)[0] == 3
    assert command("plans", "apply", path).returncode == 0
    assert run_json("plans", "diff", path)[0] == 0
    group = stack.outputs["ScheduleGroupName"]
    scheduler = stack.client("scheduler")
    names = [each["Name"] for each in scheduler.list_schedules(GroupName=group)["Schedules"]]
    assert {f"{name}.backup", f"{name}.audit", f"{name}.prune"} <= set(names)
    own = {each: scheduler.get_schedule(GroupName=group, Name=each) for each in names if name not in each}

    assert command("run", name, "--wait").returncode == 0
    assert [status for _, status in project.backups(instance)] == ["COMPLETED"]
    assert command("audit", name).returncode == 0
    old = datetime.now(UTC) - timedelta(days=20)
    for days in range(2):
        begin = old - timedelta(days=days)
        backup = PastBackup(instance_id=instance, name=f"{name}-{days}", begin_time=begin)
        project.cloud.add_backups(backup)
    code, shown = run_json("prune", name)
    assert (code, len(shown["deleted"])) == (0, 0), "a count of days keeps what there is"
    code, runs = run_json("backfill", name, "--since", "2d")
    assert (code, runs["runs"]) == (0, []), "the schedule is new"

    path = plan_file("plans: {}\n")
    assert command("plans", "apply", path).returncode == 3
    assert command("plans", "apply", path, "--yes").returncode == 0
    kept = {each: scheduler.get_schedule(GroupName=group, Name=each) for each in own}
    for each in (*kept.values(), *own.values()):
        each.pop("ResponseMetadata")
    assert kept == own


def test_a_dead_letter_is_listed_without_being_disturbed_and_sent_again(
    command: CommandLine, run_json: Callable[..., Any], stack: DeployedStack, project_of_its_own: Project
) -> None:
    instance = project_of_its_own.add_instance("dead-letter")
    request = {"instance_id": instance, "connection": "there-is-none", "name_template": "x"}
    stack.send("BackupQueue", request)
    stack.message("BackupDeadLetterQueue", instance)
    for _ in range(2):
        code, listed = run_json("redrive", "--list")
        assert code == 3
        assert [one for one in listed["messages"] if one["instance_id"] == instance], listed
    [message] = [one for one in listed["messages"] if one["instance_id"] == instance]
    done = command("redrive", message["message_id"], "--yes")
    assert "1 sent again" in done.stdout, done.stdout + done.stderr
    again = eventually(lambda: stack.peek("BackupDeadLetterQueue", instance))
    assert again[0]["MessageId"] != message["message_id"]


def test_the_audit_is_a_table_a_page_and_one_line_of_nagios(
    command: CommandLine, run_json: Callable[..., Any], stack: DeployedStack, tmp_path: Path
) -> None:
    page = tmp_path / "coverage.html"
    code, coverage = run_json("audit", "--html", str(page))
    assert code in (0, 3)
    assert coverage["audited"] == len(coverage["instances"])
    assert page.read_text().startswith("<!doctype html>")
    done = command("audit", "--nagios")
    assert done.stdout.startswith("GAUSSDB-BACKUP ")
    assert done.stdout.count("\n") == 1


def test_the_status_and_the_doctor_have_something_to_report(run_json: Callable[..., Any], command: CommandLine) -> None:
    code, _ = run_json("status")
    assert code in (0, 3)
    code, checked = run_json("doctor")
    assert code in (0, 3), checked
    assert not [one for one in checked["checks"] if one["outcome"] == "not checked"]


def test_who_may_do_nothing_gets_one_line_from_each_command(stack: DeployedStack, account: Account) -> None:
    name = f"nobody-{uuid4().hex[:8]}"
    account.client("iam").create_user(UserName=name)
    keys = account.keys_of(name)
    for arguments in (
        ("status",),
        ("list", "orders"),
        ("run", "nightly"),
        ("audit",),
        ("prune",),
        ("redrive",),
        ("doctor",),
    ):
        done = run_as(account, keys, *arguments, stack=stack.name)
        assert done.returncode == 1, (arguments, done.stdout, done.stderr)
        assert "AccessDenied" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 2, done.stderr
