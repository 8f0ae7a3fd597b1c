"""Why a command could not do what it was to do, and what to do about it."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    WELL = 0
    FAILED = 1
    """It could not be done."""
    USAGE = 2
    """The command line, or a file that it names, is wrong."""
    NEEDS_YOU = 3
    """It was done, but something needs a person."""


class CommandFailed(Exception):
    """The reason in one line, and a hint: what to do about it, a command where one will do.

    `code` is the reason in one word of the JSON form, which stays the same when the message changes.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
