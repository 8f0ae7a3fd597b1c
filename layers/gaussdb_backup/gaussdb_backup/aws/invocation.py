"""One invocation of a function by Lambda: how long it may take, and which it is."""

from datetime import timedelta
from typing import Protocol

from gaussdb_backup.domain.deadline import Deadline

AWS_CONNECT_TIMEOUT, AWS_READ_TIMEOUT, AWS_ATTEMPTS = timedelta(seconds=1), timedelta(seconds=4), 2
"""Of one call of AWS: so short that a function gets an error before its own time is over."""
RESERVE = 2 * AWS_ATTEMPTS * (AWS_CONNECT_TIMEOUT + AWS_READ_TIMEOUT)
"""What is kept back of a function's time, for what it does after the last call of the API: the calls of AWS that save
results, dead-letter messages and make the others visible again. Two of them may be to a service that does not respond.
A function with less than three times that keeps back a third of its time."""


class Context(Protocol):
    """What Lambda passes to a function besides the event."""

    @property
    def aws_request_id(self) -> str:
        """The id of the invocation; Lambda's own retries have the same."""

    def get_remaining_time_in_millis(self) -> int:
        """Return after how long Lambda ends the function."""


def work_deadline(context: Context) -> Deadline:
    """Return by when the calls of the API must have ended, so that the function ends before Lambda ends it."""
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    return Deadline.after(left - min(RESERVE, left / 3))
