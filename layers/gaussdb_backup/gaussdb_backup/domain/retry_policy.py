"""What becomes of a request that failed: another try after a delay, or the dead-letter queue."""

from datetime import timedelta

from gaussdb_backup.domain.delays import pick_delay
from gaussdb_backup.errors import FixRequest, GiveUp, TryLater

FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(minutes=5)
FORGOTTEN = timedelta(hours=1)
"""How long after its deadline a message is taken for one that ends its function before it can be answered."""


def decide_delay(
    error: Exception, *, attempt: int, waited: timedelta, patience: timedelta, spread: float
) -> timedelta | None:
    """Return after which delay to try again, or `None` when it is for the dead-letter queue.

    What can never succeed is not tried again; whatever else, the unforeseen too, is, until it has `waited` as long as
    there is `patience`. Delays grow, are spread (from 0 to 1), and are at least what the API asked for; the last try
    is at the deadline.
    """
    if isinstance(error, FixRequest | GiveUp) or waited >= patience:
        return None
    delay = pick_delay(attempt, first=FIRST_DELAY, longest=LONGEST_DELAY, spread=spread)
    if isinstance(error, TryLater) and error.retry_after:
        delay = max(delay, error.retry_after)
    return min(delay, max(patience - waited, timedelta(seconds=1)))


def is_forgotten(*, attempt: int, waited: timedelta, patience: timedelta) -> bool:
    """Whether a message keeps ending its function: delivered again long after its last try should have been told."""
    return attempt > 1 and waited > patience + FORGOTTEN
