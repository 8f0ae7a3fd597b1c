"""Messages and invocations that fail: where they end, and how they are sent again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local import gaussdb_emulator
from tests.helpers.deployed import DeployedStack, Project, attributes_of, eventually, scheduled_time

pytestmark = pytest.mark.deployed
ROOT = Path(__file__).parents[2]


def test_an_asynchronous_invocation_that_fails_each_time_ends_in_the_failed_invocations_queue(
    stack: DeployedStack,
) -> None:
    stack.invoke_asynchronously("CreateBackupFunction", {"instance_id": "not an instance of the cloud"})
    message = stack.message("FailedInvocationsQueue", "not an instance", within=60)
    envelope = json.loads(message["Body"])
    assert envelope["requestPayload"] == {"instance_id": "not an instance of the cloud"}
    assert "instance_id" in envelope["responsePayload"]["errorMessage"]
    assert envelope["requestContext"]["approximateInvokeCount"] == 3


@pytest.mark.parametrize("function", ["CreateBackupFunction", "DispatchBackupsFunction"])
def test_the_alias_has_the_same_failure_destination_as_the_function(stack: DeployedStack, function: str) -> None:
    configured = [
        stack.client("lambda").get_function_event_invoke_config(FunctionName=stack.resources[function], Qualifier=name)
        for name in ("live", "$LATEST")
    ]
    destinations = [each["DestinationConfig"]["OnFailure"]["Destination"] for each in configured]
    assert destinations == [stack.arn_of("FailedInvocationsQueue")] * 2
    assert [each["MaximumRetryAttempts"] for each in configured] == [2, 2]


def test_redriven_messages_become_backups_once_their_cause_is_removed_and_others_come_back(
    stack: DeployedStack, project: Project
) -> None:
    late, missing = project.add_instance(), project.add_instance()
    project.cloud.remove_instance(late)
    project.cloud.remove_instance(missing)
    for instance in (late, missing):
        stack.send(
            "BackupQueue",
            {"instance_id": instance, "name_template": "redriven", "scheduled_time": scheduled_time()},
        )
    for instance in (late, missing):
        assert attributes_of(stack.message("BackupDeadLetterQueue", instance))["ErrorType"] == "FixRequest"
    project.cloud.add_instances(gaussdb_emulator.Instance(id=late, project_id=project.project_id, backup_seconds=1))

    printed = redrive(stack)

    assert "BackupDeadLetterQueue" in printed
    eventually(lambda: project.names(late) == ["redriven"])
    assert attributes_of(stack.message("BackupDeadLetterQueue", missing))["ErrorType"] == "FixRequest"
    assert stack.peek("BackupDeadLetterQueue", late) == []


def redrive(stack: DeployedStack) -> str:
    """Run the command of the runbook, with the credentials of the account's root user."""
    options = ["--stack", stack.name, "--queue", "requests", "--yes"]
    command = [sys.executable, "-m", "gaussdb_backup_cli", "redrive", *options]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "cli:layers/gaussdb_backup", **stack.account.variables()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr  # 3 where a message is back before its end
    return done.stdout
