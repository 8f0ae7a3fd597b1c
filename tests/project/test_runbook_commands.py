"""The commands of the runbook work as typed: they are run in a shell whose `aws` and `make` record their arguments."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session
from click import Context

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup_cli.main import main
from gaussdb_backup_cli.redrive.stack_queues import DEAD_LETTER_QUEUES
from local.aws_emulator.stack import Stack

AWS = """#!/bin/sh
{ printf '%s\\t' "$@"; echo; } >> "$RECORDED_AWS"
case "$1 $2" in
    "cloudformation describe-stack-resource") echo "$6" ;;
    "lambda list-event-source-mappings") echo 5f5d7d0a-1111-2222-3333-444455556666 ;;
    "sqs get-queue-attributes") echo "$4" ;;
    "scheduler get-schedule") cat "$6.input" ;;
esac
"""
MAKE = """#!/bin/sh
echo "$@" >> "$RECORDED_MAKE"
"""
OURS = """#!/bin/sh
{ printf '%s\\t' "$@"; echo; } >> "$RECORDED_OURS"
"""
COMMANDS = ("aws ", "id_of ", "arn_of ", "messages ", "logs ", "make ", "gaussdb-backup ")
GLOBAL_OPTIONS = {"--query", "--output", "--cli-binary-format", "--cli-read-timeout"}
CUSTOM_COMMANDS: dict[tuple[str, str], set[str]] = {("logs", "tail"): {"--since"}, ("s3", "cp"): set()}
"""Commands that the AWS CLI has beyond the operations of the API, with their options."""
INVOKING = {"AuditSchedule": "AuditBackupsFunction", "PruneSchedule": "PruneBackupsFunction"}
"""Schedules whose payloads the runbook reads, and the functions that it invokes with them."""
RESOURCE_OPTIONS = {
    "--logical-resource-id": None,
    "--event-source-arn": "AWS::SQS::Queue",
    "--queue-url": "AWS::SQS::Queue",
    "--source-arn": "AWS::SQS::Queue",
    "--destination-arn": "AWS::SQS::Queue",
    "--function-name": "AWS::Serverless::Function",
}
"""Options that name a resource of the stack, with its type."""


@pytest.fixture(scope="module")
def script(runbook: str) -> str:
    """Every block of the runbook, then every command within its text."""
    fence = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", runbook, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*fence.findall(runbook), *(span for span in spans if span.startswith(COMMANDS))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed."""
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def recorded(script: str, folder: Path, stack: Stack) -> dict[str, list[str]]:
    """The recorded calls of each program, one line each, and the errors of the shell."""
    for name in INVOKING:
        (folder / f"{name}.input").write_text(stack.schedule_input(name))
    files = {name: folder / f"{name}.txt" for name in ("aws", "make", "ours")}
    for name, program in (("aws", AWS), ("make", MAKE), ("gaussdb-backup", OURS)):
        (folder / name).write_text(program)
        (folder / name).chmod(0o755)
    environment = {f"RECORDED_{name.upper()}": str(file) for name, file in files.items()}
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["sh", "-u", "-c", script],
        cwd=folder,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return {name: file.read_text().splitlines() for name, file in files.items()} | {"sh": result.stderr.splitlines()}


@pytest.fixture(scope="module")
def calls(recorded: dict[str, list[str]]) -> list[list[str]]:
    """The arguments of each call of the AWS CLI."""
    return [line.removesuffix("\t").split("\t") for line in recorded["aws"]]


def options_of(call: list[str]) -> dict[str, str]:
    """The options of a call, with their values; a switch has none."""
    return {
        word: "" if value.startswith("--") else value for word, value in pairwise([*call, ""]) if word.startswith("--")
    }


def test_the_shell_reports_no_error(recorded: dict[str, list[str]]) -> None:
    assert recorded["sh"] == []


def test_every_aws_command_has_the_options_of_its_operation(calls: list[list[str]]) -> None:
    session = Session()
    for service, command, *rest in calls:
        given = set(options_of(rest))
        if (service, command) in CUSTOM_COMMANDS:
            assert given <= CUSTOM_COMMANDS[service, command]
            continue
        model = session.get_service_model(service)
        [name] = [name for name in model.operation_names if xform_name(name, "-") == command]
        shape: Any = model.operation_model(name).input_shape
        options = {f"--{xform_name(member, '-')}" for member in shape.members}
        switches = {f"--no-{xform_name(m, '-')}" for m, kind in shape.members.items() if kind.type_name == "boolean"}
        assert given <= options | switches | GLOBAL_OPTIONS, command
        assert {f"--{xform_name(member, '-')}" for member in shape.required_members} <= given, command


def test_every_resource_of_a_command_has_the_type_that_the_command_needs(calls: list[list[str]], stack: Stack) -> None:
    types = {name: resource["Type"] for name, resource in stack.template["Resources"].items()}
    named = [(option, value) for call in calls for option, value in options_of(call).items()]
    resources = [(option, value) for option, value in named if option in RESOURCE_OPTIONS]
    assert {option for option, _ in resources} == set(RESOURCE_OPTIONS)
    for option, value in resources:
        assert types[value] == (RESOURCE_OPTIONS[option] or types[value]), option
    groups = [call[2] for call in calls if call[:2] == ["logs", "tail"]]
    assert {types[group] for group in groups} == {"AWS::Logs::LogGroup"}


def dead_letter_queues(stack: Stack) -> dict[str, str]:
    """The dead-letter queue of each queue that has one, by their logical ids."""
    return {
        name: queue["RedrivePolicy"]["deadLetterTargetArn"].partition(".")[0]
        for name, queue in stack.of_type("AWS::SQS::Queue").items()
        if "RedrivePolicy" in queue
    }


def test_redriving_moves_the_messages_of_a_dead_letter_queue_to_its_source(
    calls: list[list[str]], stack: Stack
) -> None:
    moves = [options_of(call) for call in calls if call[1] == "start-message-move-task"]
    sources = {dead_letter_queue: queue for queue, dead_letter_queue in dead_letter_queues(stack).items()}
    assert {move["--source-arn"]: move["--destination-arn"] for move in moves} == sources


def test_the_redrive_knows_every_dead_letter_queue(stack: Stack) -> None:
    assert dead_letter_queues(stack).items() <= DEAD_LETTER_QUEUES.items()


def test_the_runbook_waits_for_messages_so_that_all_servers_of_sqs_are_queried(calls: list[list[str]]) -> None:
    receives = [options_of(call) for call in calls if call[1] == "receive-message"]
    assert receives
    assert all(1 <= int(receive["--wait-time-seconds"]) <= 20 for receive in receives)


def test_the_request_of_the_runbook_is_valid_and_belongs_to_now(calls: list[list[str]]) -> None:
    [sent] = [options_of(call) for call in calls if call[1] == "send-message"]
    now = datetime.now(UTC)
    request = parse_backup_request(json.loads(sent["--message-body"]), default_time=now, now=now)
    assert sent["--queue-url"] == "BackupQueue"
    assert request.connection == "default"
    assert abs(request.scheduled_time - now) < timedelta(minutes=5)


def payloads(calls: list[list[str]], folder: Path, function: str) -> list[dict[str, Any]]:
    """What the runbook invokes a function with, in its order: as typed, or as a file that an earlier command wrote."""
    given = [options_of(call) for call in calls if call[:2] == ["lambda", "invoke"]]
    texts = [each["--payload"] for each in given if each["--function-name"] == function]
    files = {text: folder / text.removeprefix("file://") for text in texts if text.startswith("file://")}
    return [json.loads(files[text].read_text() if text in files else text) for text in texts]


def test_the_audit_of_the_runbook_is_that_of_the_schedule_for_now_and_requests_no_backup(
    calls: list[list[str]], folder: Path, stack: Stack
) -> None:
    now = datetime.now(UTC)
    of_schedule = json.loads(stack.schedule_input("AuditSchedule"))
    assert of_schedule["catch_up"] is True
    by_hand, of_everything = payloads(calls, folder, "AuditBackupsFunction")
    assert by_hand == {**of_schedule, "catch_up": False, "scheduled_time": by_hand["scheduled_time"]}
    audits = [parse_audit(each, default_time=now, now=now) for each in (by_hand, of_everything)]
    assert abs(audits[0].scheduled_time - now) < timedelta(minutes=5)
    assert audits[1].select.instance_ids is None


def test_the_prune_of_the_runbook_is_first_a_dry_run_of_that_of_the_schedule(
    calls: list[list[str]], folder: Path, stack: Stack
) -> None:
    of_schedule = json.loads(stack.schedule_input("PruneSchedule"))
    assert of_schedule["dry_run"] is False
    dry_run, real = payloads(calls, folder, "PruneBackupsFunction")
    assert dry_run == {**of_schedule, "dry_run": True, "scheduled_time": dry_run["scheduled_time"]}
    assert real == {**dry_run, "dry_run": False}
    assert [parse_prune(each).dry_run for each in (dry_run, real)] == [True, False]


def test_the_backup_that_is_kept_for_ever_has_no_name_that_a_prune_may_delete(
    calls: list[list[str]], folder: Path, template: dict[str, Any]
) -> None:
    now = datetime.now(UTC)
    [kept] = payloads(calls, folder, "CreateBackupFunction")
    request = parse_backup_request(kept, default_time=now, now=now)
    assert not request.name_template.startswith(template["Parameters"]["PruneNamePrefix"]["Default"])


def test_the_cli_waits_for_as_long_as_an_audit_or_prune_may_take(
    calls: list[list[str]], template: dict[str, Any]
) -> None:
    """Otherwise it invokes the function once more after a minute."""
    for name in INVOKING.values():
        timeout = template["Resources"][name]["Properties"]["Timeout"]
        invoked = [options_of(call) for call in calls if call[:2] == ["lambda", "invoke"] and name in call]
        assert {int(each["--cli-read-timeout"]) for each in invoked} == {timeout}


def test_the_make_targets_of_the_runbook_exist(recorded: dict[str, list[str]], root: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert recorded["make"]
    assert {call.split()[0] for call in recorded["make"]} <= targets


def test_the_command_line_takes_its_commands_of_the_runbook(recorded: dict[str, list[str]]) -> None:
    calls = [line.removesuffix("\t").split("\t") for line in recorded["ours"]]
    assert calls
    for name, *arguments in calls:
        command = main.get_command(Context(main), name)
        assert command is not None, name
        command.make_context(name, list(arguments))  # raises for what it does not take
