"""`gaussdb-backup doctor` asks the deployed stack itself whether it works."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.deployed import DeployedStack, Project

pytestmark = pytest.mark.deployed
ROOT = Path(__file__).parents[2]


@pytest.fixture
def without_secret(stack: DeployedStack) -> Iterator[DeployedStack]:
    stack.update(stack.template, Connection="not-there")
    yield stack
    stack.update(stack.template, Connection="default")


def check(stack: DeployedStack) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gaussdb_backup_cli", "doctor", "--stack", stack.name],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": "cli:layers/gaussdb_backup",
            "COLUMNS": "400",
            **stack.account.variables(),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stack_that_works_but_whose_schedule_is_disabled_needs_somebody(
    stack: DeployedStack, project: Project
) -> None:
    project.add_instance()
    done = check(stack)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the secret is readable and its credentials work" in done.stdout
    assert "5 active, 5 of them by the alias live" in done.stdout
    assert "3 enabled" in done.stdout
    assert "ScheduleState=ENABLED" in done.stdout
    assert f"{stack.name}-audit: cron(0 8,14,20 * * ? *) in UTC" in done.stdout
    assert re.search(r"clock against the API \.+ OK ", done.stdout)
    assert re.search(r"runtime \.+ OK +python3\.13", done.stdout)


def test_a_stack_without_its_secret_names_the_command_that_stores_it(without_secret: DeployedStack) -> None:
    done = check(without_secret)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "create-secret --name gaussdb-backup/not-there" in done.stdout
