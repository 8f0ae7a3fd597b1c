"""What a check of a deployed stack returns, and the commands that it advises."""

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands with which a person acts on a stack. `options` are those of the AWS CLI that were given."""

    stack: str
    is_default: bool = True
    options: str = ""

    def aws(self, command: str) -> str:
        """Return a command of the AWS CLI."""
        return f"aws {command}{self.options}"

    def make(self, target: str) -> str:
        """Return a command of the Makefile."""
        arguments = f' ARGS="{self.options.strip()}"' if self.options else ""
        return f"make {target} STACK={self.stack}{arguments}"

    def deploy(self, parameter: str) -> str:
        """Return the command that changes one parameter of the stack."""
        stack = "" if self.is_default else f" STACK={self.stack}"
        return f'make deploy{stack} ARGS="--parameter-overrides {parameter}{self.options}"'
