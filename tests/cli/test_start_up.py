"""The command line is there at once: what takes time to import is imported by the command that needs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATHS = {"PYTHONPATH": f"{ROOT / 'cli'}:{ROOT / 'layers' / 'gaussdb_backup'}", "PATH": os.defpath}
START = "from gaussdb_backup_cli.main import main; main(prog_name='gaussdb-backup')"
EMPTY = "import click\n@click.command()\n@click.version_option('0.1.0')\ndef main(): pass\nmain()"
HEAVY = {"boto3", "botocore", "httpx", "importlib.metadata", "pydantic", "rich", "yaml"}
LISTING = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))
{START}
"""
COMPLETING = {
    "_GAUSSDB_BACKUP_COMPLETE": "bash_complete",
    "COMP_WORDS": "gaussdb-backup st",
    "COMP_CWORD": "1",
}


def seconds(program: str) -> float:
    """The processor time that `program --version` takes, which a busy machine changes less than the time of day."""
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", program, "--version"],
        PATHS,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime


def test_the_version_is_printed_in_little_more_time_than_an_empty_click_program_takes(
    measurement: Callable[[str], None],
) -> None:
    """The least of runs in turn: each has the same neighbours."""
    pairs = [(seconds(START), seconds(EMPTY)) for _ in range(8)]
    ours, empty = (min(times) for times in zip(*pairs, strict=True))
    measurement(f"gaussdb-backup --version: {ours * 1000:.0f} ms; an empty click program: {empty * 1000:.0f} ms")
    assert ours <= 2.5 * empty


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--version"], {}),
        (["--help"], {}),
        (["--stack", "other", "--json", "--help"], {}),
        (["no-such-command"], {}),
        ([], COMPLETING),
    ],
    ids=["version", "help", "options and help", "a name that is no command", "a completion"],
)
def test_nothing_that_takes_time_is_imported_before_a_command_runs(
    arguments: list[str], variables: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTING, *arguments],
        env={**PATHS, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "loaded:"


def test_a_module_that_takes_time_would_be_found() -> None:
    program = LISTING.replace("from gaussdb", "import yaml; from gaussdb")
    done = subprocess.run(
        [sys.executable, "-c", program, "--version"], env=PATHS, capture_output=True, text=True, check=True
    )
    assert done.stderr == "loaded: yaml\n"
