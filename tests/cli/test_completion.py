"""The shells complete the names of the commands and options."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaussdb_backup_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": f"{ROOT / 'cli'}:{ROOT / 'layers' / 'gaussdb_backup'}", "PATH": os.defpath}
SHELLS = {"bash": "complete -o nosort", "zsh": "#compdef gaussdb-backup", "fish": "complete --no-files"}
"""Each shell, and what its script has."""


def run(**variables: str) -> str:
    command = [sys.executable, "-m", "gaussdb_backup_cli"]
    return subprocess.run(command, env={**PATHS, **variables}, capture_output=True, text=True, check=True).stdout


def complete(shell: str, *words: str) -> list[str]:
    """The completions of the last of the words, as the shell's script gets them."""
    variables = {"COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1)}
    return run(_GAUSSDB_BACKUP_COMPLETE=f"{shell}_complete", **variables).splitlines()


@pytest.mark.parametrize(("shell", "part"), SHELLS.items(), ids=SHELLS)
def test_there_is_a_script_for_each_shell(shell: str, part: str) -> None:
    assert part in run(_GAUSSDB_BACKUP_COMPLETE=f"{shell}_source")


def test_bash_completes_a_command() -> None:
    assert complete("bash", "gaussdb-backup", "st") == ["plain,status"]


def test_zsh_and_fish_show_the_help_of_each_command() -> None:
    zsh, fish = (complete(shell, "gaussdb-backup", "aud") for shell in ("zsh", "fish"))
    assert zsh == ["plain", "audit", COMMANDS["audit"]]
    assert fish == [f"plain,audit\t{COMMANDS['audit']}"]


def test_every_command_is_a_completion_of_nothing() -> None:
    assert complete("bash", "gaussdb-backup", "") == [f"plain,{name}" for name in COMMANDS]


def test_a_command_is_completed_after_an_option() -> None:
    assert complete("bash", "gaussdb-backup", "--stack", "other", "red") == ["plain,redrive"]


def test_the_options_of_the_group_are_completed() -> None:
    assert complete("bash", "gaussdb-backup", "--re") == ["plain,--region"]
