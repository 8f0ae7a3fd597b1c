"""When a message is processed again: a growing, jittered delay, or the dead-letter queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gaussdb_backup.errors import FixRequest, GiveUp, TryLater

FIRST_RETRY_DELAY = timedelta(seconds=30)
MAX_RETRY_DELAY = timedelta(minutes=5)
POISON_AFTER = timedelta(hours=1)
"""How long after `max_age` a message that is received again counts as one that ends its function each time."""


def backoff_delay(attempt: int, *, first: timedelta, maximum: timedelta, jitter: float) -> timedelta:
    """Return a growing, jittered delay: `first` doubled with each attempt, at most `maximum`.

    `attempt` counts from 1. `jitter`, from 0 to 1, is the place of the delay within the upper half of that span
    (equal jitter): messages that were received together are not received together again, and none at once.
    """
    doublings = min(max(attempt, 1) - 1, 16)  # a day and more, from 2 seconds
    span = min(first * (1 << doublings), maximum)
    return span * (0.5 + 0.5 * jitter)


@dataclass(frozen=True, kw_only=True)
class PollingPolicy:
    """When a tracked backup is polled again. `jitter` returns a number from 0 to 1."""

    first_delay: timedelta
    max_delay: timedelta
    jitter: Callable[[], float]

    def delay(self, attempt: int) -> timedelta:
        """Return the delay after the poll of that number, counted from 1."""
        return backoff_delay(attempt, first=self.first_delay, maximum=self.max_delay, jitter=self.jitter())


def retry_delay(
    error: Exception, *, attempt: int, age: timedelta, max_age: timedelta, jitter: float
) -> timedelta | None:
    """Return the delay after which a failed message is processed again, or `None` for the dead-letter queue.

    What can never succeed is not retried. Everything else is, unexpected errors too, until the message's `age`
    reaches `max_age`. A delay is at least what the API requested; the last retry is at `max_age`.
    """
    if isinstance(error, FixRequest | GiveUp) or age >= max_age:
        return None
    delay = backoff_delay(attempt, first=FIRST_RETRY_DELAY, maximum=MAX_RETRY_DELAY, jitter=jitter)
    if isinstance(error, TryLater) and error.retry_after:
        delay = max(delay, error.retry_after)
    return min(delay, max(max_age - age, timedelta(seconds=1)))


def is_poison(*, attempt: int, age: timedelta, max_age: timedelta) -> bool:
    """Return whether a message ends its function each time: it is received again long after its last retry."""
    return attempt > 1 and age > max_age + POISON_AFTER
