"""The real command line, run as an operator types it, against the stack of the demo."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "cli", ROOT / "layers" / "gaussdb_backup")
TIME_LIMIT_SECONDS = 30.0
_OF_THE_USER = "GAUSSDB_BACKUP_"
"""How the variables begin by which a person chooses another stack."""


class NotDone(Exception):
    """A command without which the demo cannot go on; the message has what it printed."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command, what it printed to both streams, and its exit code."""

    line: str
    printed: str
    code: int


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where commands are typed: the address of AWS, the columns, and the encoding of what they print."""

    endpoint: str
    width: int
    encoding: str

    def run(self, *commands: str) -> list[Typed]:
        """Run commands, given by their arguments, all at once; return them in this order.

        Raises `subprocess.TimeoutExpired`.
        """
        environment = self._variables(os.environ)
        started = [self._start(command, environment) for command in commands]
        try:
            return [_finish(command, process) for command, process in zip(commands, started, strict=True)]
        finally:
            for process in started:
                process.kill()
                process.wait()

    def _variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in inherited.items() if not name.startswith(_OF_THE_USER)}
        return kept | {
            "GAUSSDB_BACKUP_LOCAL_ENDPOINT": self.endpoint,
            "PYTHONPATH": os.pathsep.join(map(str, FOLDERS)),
            "PYTHONIOENCODING": self.encoding,
            "COLUMNS": str(self.width),
        }

    def _start(self, command: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - the project's own command line
            [sys.executable, "-m", "gaussdb_backup_cli", "--local", *shlex.split(command)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding=self.encoding,
        )


def _finish(command: str, process: subprocess.Popen[str]) -> Typed:
    printed, _ = process.communicate(timeout=TIME_LIMIT_SECONDS)
    return Typed(f"gaussdb-backup --local {command}", printed, process.returncode)


def find_command_differences(typed: Sequence[Typed], expected: Mapping[str, int]) -> list[str]:
    """Return a sentence for each command that ended with another exit code than expected, by its line."""
    return [
        f"`{one.line}` ended with {one.code}, expected {expected[one.line]}: {' '.join(one.printed.split())}"
        for one in typed
        if one.code != expected[one.line]
    ]
