"""The queue of requests: each message ends as done, is put back, or becomes a dead letter with its reason."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from gaussdb_backup.aws.dead_letters import bury
from gaussdb_backup.aws.messages import Message, process_batch
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.domain.retry_policy import decide_delay, is_forgotten
from gaussdb_backup.errors import NeverAnswered, TryLater

RESERVE = timedelta(seconds=60)
"""Time for one message at the API's slowest; with less left, the rest of a batch is put back untouched."""
SOON = timedelta(seconds=5)


class Context(Protocol):
    """What Lambda tells a function of itself."""

    def get_remaining_time_in_millis(self) -> int:
        """Return after how long Lambda ends the function."""


class Report(Protocol):
    """Who is told of dead letters."""

    def given_up(self, error: Exception, *, message_id: str, body: str) -> None:
        """Tell that a message went to the dead-letter queue."""


class Intake:
    """Takes messages of one queue."""

    def __init__(
        self,
        *,
        queue: Queue,
        dead_letters: Queue,
        patience: timedelta,
        report: Report,
        now: Callable[[], datetime],
        spread: Callable[[], float],
    ) -> None:
        """`patience` is how long after it was sent a message is tried; `spread` gives jitter from 0 to 1."""
        self._queue = queue
        self._dead_letters = dead_letters
        self._patience = patience
        self._report = report
        self._now = now
        self._spread = spread

    def process(
        self, event: Mapping[str, Any], work: Callable[[Message], object], *, context: Context
    ) -> dict[str, Any]:
        """Work off a batch; answer Lambda which messages are to be delivered again. Raises `InvalidRequest` for none.

        `work` tells of its own errors. A message is deleted only when it was worked off or the dead-letter queue has
        it; one that fails in any other way comes back, at the latest after the queue's visibility timeout.
        """
        put_back: dict[str, timedelta] = {}

        def handle(message: Message) -> None:
            try:
                self._check(message, context)
                work(message)
            except Exception as error:
                delay = self._dispose(message, error)
                if delay is None:
                    return
                put_back[message.receipt_handle] = delay
                raise

        answer = process_batch(event, handle)
        self._queue.put_back(put_back)
        return answer

    def _check(self, message: Message, context: Context) -> None:
        if is_forgotten(attempt=message.attempt, waited=self._waited(message), patience=self._patience):
            raise NeverAnswered(f"delivered {message.attempt} times, and the function ended before it could answer")
        if context.get_remaining_time_in_millis() < RESERVE.total_seconds() * 1000:
            raise _OutOfTime("the function's time is nearly over")

    def _dispose(self, message: Message, error: Exception) -> timedelta | None:
        """Bury the message, or return after which delay it comes back."""
        if isinstance(error, _OutOfTime):
            return SOON
        waited = self._waited(message)
        delay = decide_delay(
            error, attempt=message.attempt, waited=waited, patience=self._patience, spread=self._spread()
        )
        if delay is None and bury(message, error, queue=self._dead_letters):
            self._report.given_up(error, message_id=message.id, body=message.body)
            return None
        return delay or SOON

    def _waited(self, message: Message) -> timedelta:
        return self._now() - message.sent_at


class _OutOfTime(TryLater):
    """No fault of the message."""
