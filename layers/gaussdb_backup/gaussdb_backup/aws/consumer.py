"""The consumer of a queue: each message ends as processed, is retried later, or goes to the dead-letter queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from gaussdb_backup.aws.messages import Message, batch_response, parse_batch
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.domain.retry_policy import is_poison, retry_delay
from gaussdb_backup.errors import PoisonMessage

TIME_PER_MESSAGE = timedelta(seconds=60)
"""For one message, where the API is at its slowest; with less left, the rest of a batch is not started."""
SHORT_DELAY = timedelta(seconds=5)
"""Before a message is received again that was not processed for no fault of its own."""


class Context(Protocol):
    """What Lambda passes to a function besides the event."""

    def get_remaining_time_in_millis(self) -> int:
        """Return after how long Lambda ends the function."""


class Reporter(Protocol):
    """What logs and counts."""

    def message_dead_lettered(self, error: Exception, *, message_id: str, body: str) -> None:
        """Report that a message went to the dead-letter queue."""


class Consumer:
    """Consumes the messages of one queue."""

    def __init__(
        self,
        *,
        queue: Queue,
        dead_letter_queue: Queue,
        max_age: timedelta,
        reporter: Reporter,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        """`max_age` is how long after it was sent a message is retried; `jitter` returns a number from 0 to 1."""
        self._queue = queue
        self._dead_letter_queue = dead_letter_queue
        self._max_age = max_age
        self._reporter = reporter
        self._now = now
        self._jitter = jitter

    def receive(self, event: object, *, context: Context) -> "Batch":
        """Return the batch of an event. Raises `InvalidRequest` when the event is none."""
        return Batch(parse_batch(event), self, context)

    def retry_delay_after(self, message: Message, error: Exception) -> timedelta | None:
        """Return after which delay a failed message is received again; `None` once the dead-letter queue has it."""
        age = self._now() - message.sent_at
        delay = retry_delay(error, attempt=message.attempt, age=age, max_age=self._max_age, jitter=self._jitter())
        if delay is None and self._dead_letter_queue.send_dead_letter(message, error):
            self._reporter.message_dead_lettered(error, message_id=message.id, body=message.body)
            return None
        return delay or SHORT_DELAY

    def is_poison(self, message: Message) -> bool:
        """Return whether the message has ended its function at each delivery."""
        return is_poison(attempt=message.attempt, age=self._now() - message.sent_at, max_age=self._max_age)

    def retry_later(self, delays: dict[str, timedelta]) -> None:
        """Make messages, named by their receipt handles, visible again after a delay."""
        self._queue.change_visibility(delays)


class Batch:
    """The messages of one invocation, and what becomes of them.

    A message is deleted from the queue only when it was processed or the dead-letter queue has it; any other is
    delivered again, at the latest after the visibility timeout of the queue.
    """

    def __init__(self, messages: list[Message], consumer: Consumer, context: Context) -> None:
        self._messages = messages
        self._consumer = consumer
        self._context = context
        self._delays: dict[Message, timedelta] = {}

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages to process, while there is time: the others are retried later or dead-lettered."""
        for message in self._messages:
            if self._consumer.is_poison(message):
                text = f"delivered {message.attempt} times, and the function ended before it had finished"
                self._fail(message, PoisonMessage(text))
            elif self._context.get_remaining_time_in_millis() < TIME_PER_MESSAGE.total_seconds() * 1000:
                self._delays[message] = SHORT_DELAY
            else:
                yield message

    @contextmanager
    def processing(self, message: Message) -> Iterator[None]:
        """Process one message. An error that leaves the block decides what becomes of the message, and ends there."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the other messages
            self._fail(message, error)

    def finish(self) -> dict[str, Any]:
        """Return Lambda's response, which names the messages to be delivered again."""
        self._consumer.retry_later({message.receipt_handle: delay for message, delay in self._delays.items()})
        return batch_response(self._delays)

    def _fail(self, message: Message, error: Exception) -> None:
        delay = self._consumer.retry_delay_after(message, error)
        if delay is not None:
            self._delays[message] = delay
