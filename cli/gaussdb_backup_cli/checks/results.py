"""What a check of a deployed stack returns, and the commands that it advises."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gaussdb_backup_cli.failure import Exit


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "FAILED"
    """The stack does not work."""
    NEEDS_YOU = "needs you"
    """It works as far as it can; a person has to do something."""
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended. `action` is what to do about it, a command where one will do; empty where there is nothing."""

    name: str
    outcome: Outcome
    detail: str
    action: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {
            "name": self.name,
            "outcome": self.outcome.value,
            "detail": self.detail,
            "action": self.action or None,
        }


@dataclass(frozen=True, slots=True)
class Actions:
    """The commands with which a person acts on a stack.

    `options` are those of the AWS CLI that were given, `own` those of this command line.
    """

    stack: str
    is_default: bool = True
    options: str = ""
    own: str = ""

    def aws(self, command: str) -> str:
        """Return a command of the AWS CLI."""
        return f"aws {command}{self.options}"

    def ours(self, command: str) -> str:
        """Return a command of this command line."""
        return f"gaussdb-backup {command}{self.own}"

    def deploy(self, parameter: str = "") -> str:
        """Return the command that deploys the stack, with one of its parameters changed where given."""
        stack = "" if self.is_default else f" STACK={self.stack}"
        arguments = f"--parameter-overrides {parameter}{self.options}" if parameter else self.options.strip()
        return f"make deploy{stack}" + (f' ARGS="{arguments}"' if arguments else "")


def judge(results: Sequence[Result]) -> Exit:
    """Return the exit code of all checks together."""
    outcomes = {result.outcome for result in results}
    if Outcome.FAILED in outcomes:
        return Exit.FAILED
    return Exit.WELL if outcomes <= {Outcome.OK} else Exit.NEEDS_YOU


def summarize(results: Sequence[Result]) -> str:
    """Return how many checks ended in which outcome, those that are not well."""
    counts: Counter[Outcome] = Counter(result.outcome for result in results if result.outcome is not Outcome.OK)
    parts = [f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]]
    return f"{', '.join(parts)} of {len(results)} checks" if parts else f"All {len(results)} checks are well."
