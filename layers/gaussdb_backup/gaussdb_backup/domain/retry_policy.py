"""When a message is processed again: a growing, jittered delay, or the dead-letter queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gaussdb_backup.errors import (
    FixRequest,
    GiveUp,
    PoisonMessage,
    StartWindowMissed,
    TryLater,
)

FIRST_RETRY_DELAY = timedelta(seconds=30)
MAX_RETRY_DELAY = timedelta(minutes=5)
LAST_RETRY_BEFORE = timedelta(minutes=1)
"""How long before `max_age` the last retry is, so that it is received in time and its error is the one reported."""
POISON_ATTEMPTS = 5
POISON_WITHIN = timedelta(minutes=30)
"""A message that ends its function each time is received again when its visibility timeout is over. So it arrives, not
for the first time, soon after `max_age`: one whose function returned has ended by then, and one whose queue was
stopped arrives at any time."""


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


def growing_delay(attempt: int, *, jitter: float) -> timedelta:
    """Return the delay after the attempt of that number, counted from 1."""
    return backoff_delay(attempt, first=FIRST_RETRY_DELAY, maximum=MAX_RETRY_DELAY, jitter=jitter)


def retry_delay(
    error: Exception, *, attempt: int, age: timedelta, max_age: timedelta, jitter: float
) -> timedelta | None:
    """Return the delay after which a failed message is processed again, or `None` for the dead-letter queue.

    What can never succeed is not retried. Everything else is, unexpected errors too, until the message's `age`
    reaches `max_age`. A delay is at least what the API requested; the last retry is shortly before `max_age`.
    """
    left = max_age - age - min(LAST_RETRY_BEFORE, max_age / 10)
    if isinstance(error, FixRequest | GiveUp) or left <= timedelta(0):
        return None
    delay = growing_delay(attempt, jitter=jitter)
    if isinstance(error, TryLater) and error.retry_after:
        delay = max(delay, error.retry_after)
    return min(delay, max(left, timedelta(seconds=1)))


def find_start_problem(*, attempt: int, age: timedelta, max_age: timedelta) -> StartWindowMissed | None:
    """Return why a message is not started any more, or `None` within `max_age`.

    So a queue that was stopped for days does not start every missed run at once. What an earlier attempt did is not
    known: its function may have ended after the backup was created.
    """
    if age <= max_age:
        return None
    if attempt >= POISON_ATTEMPTS and age <= max_age + POISON_WITHIN:
        return PoisonMessage(f"received {attempt} times until its start window was over, each time without a result")
    received = f"received {age.total_seconds() / 3600:.1f} hours after it was sent"
    if attempt > 1:
        earlier = "An earlier attempt may have started it: redriven, it finds the backup of that attempt"
        return StartWindowMissed(f"{received}: its start window was over. {earlier}")
    return StartWindowMissed(f"{received}, so not started: its start window was over")
