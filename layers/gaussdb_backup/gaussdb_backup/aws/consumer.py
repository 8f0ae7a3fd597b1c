"""The consumer of a queue: each message ends as processed, is retried later, or goes to the dead-letter queue."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from gaussdb_backup.aws.invocation import Context, work_deadline
from gaussdb_backup.aws.messages import Message, batch_response, parse_batch
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.retry_policy import find_start_problem, growing_delay, retry_delay

MIN_TIME_PER_MESSAGE = timedelta(seconds=2)
"""With less time left, the rest of a batch is not started."""
SHORT_DELAY = timedelta(seconds=5)
"""Before a message is received again that was not processed for no fault of its own."""


class Reporter(Protocol):
    """What logs and counts."""

    def reporting_errors(self, **log_fields: object) -> AbstractContextManager[Self]:
        """Report whatever error leaves the block, with the fields that the new reporter has by then; raise it again."""

    def message_dead_lettered(self, error: Exception, *, message_id: str, body: str) -> None:
        """Report that a message went to the dead-letter queue."""

    def message_not_dead_lettered(self, error: Exception, *, message_id: str, body: str, cause: str) -> None:
        """Report that the dead-letter queue refused a message."""

    def unexpected_error(self, error: Exception, **log_fields: object) -> None:
        """Report a defect."""


@dataclass(frozen=True, kw_only=True)
class Consumer[R: Reporter]:
    """What the messages of one queue are consumed with.

    `max_age` is the start window: how long after it was sent a message is started and retried. `jitter` returns a
    number from 0 to 1.
    """

    queue: Queue
    dead_letter_queue: Queue
    max_age: timedelta
    reporter: R
    now: Callable[[], datetime]
    jitter: Callable[[], float]

    def receive(self, event: object, *, context: Context) -> "Batch[R]":
        """Return the batch of an event. Raises `InvalidRequest` when the event is none."""
        return Batch(parse_batch(event), self, deadline=work_deadline(context))


class Batch[R: Reporter]:
    """The messages of one invocation, and what becomes of them.

    A message is deleted from the queue only when it was processed or the dead-letter queue has it; any other is
    delivered again, at the latest after the visibility timeout of the queue.
    """

    def __init__(self, messages: list[Message], consumer: Consumer[R], *, deadline: Deadline) -> None:
        self._messages = messages
        self._consumer = consumer
        self._deadline = deadline
        self._delays: dict[Message, timedelta] = {}

    def __iter__(self) -> Iterator[tuple[Message, Deadline]]:
        """Yield the messages to process, while there is time: the others are retried later or dead-lettered.

        Each has an equal share of the time that is left, so that one that takes long leaves enough for the others;
        their order is random, so that none is the last at each delivery.
        """
        consumer = self._consumer
        for index, message in enumerate(sorted(self._messages, key=lambda _: consumer.jitter())):
            share = self._deadline.remaining / (len(self._messages) - index)
            age = consumer.now() - message.sent_at
            if message.problem:
                with self.processing(message):
                    raise message.problem
            elif missed := find_start_problem(attempt=message.attempt, age=age, max_age=consumer.max_age):
                self._retry_or_dead_letter(message, missed)
            elif share < MIN_TIME_PER_MESSAGE:
                self._delays[message] = SHORT_DELAY
            else:
                yield message, self._deadline.within(share)

    @contextmanager
    def processing(self, message: Message) -> Iterator[R]:
        """Process one message, with a reporter of its own.

        An error that leaves the block is reported, decides what becomes of the message, and ends there.
        """
        try:
            with self._consumer.reporter.reporting_errors(attempt=message.attempt) as reporter:
                yield reporter
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the other messages
            self._retry_or_dead_letter(message, error)

    def finish(self) -> dict[str, Any]:
        """Return Lambda's response, which names the messages to be delivered again."""
        delays = {each.receipt_handle: delay for each, delay in self._delays.items() if each.receipt_handle}
        self._consumer.queue.change_visibility(delays)
        return batch_response(message for message in self._messages if message in self._delays)

    def _retry_or_dead_letter(self, message: Message, error: Exception) -> None:
        """Send a message to the dead-letter queue, or note after which delay it is received again.

        Should even that fail, it is reported, and the other messages go on.
        """
        consumer, jitter = self._consumer, self._consumer.jitter()
        age = consumer.now() - message.sent_at
        delay = retry_delay(error, attempt=message.attempt, age=age, max_age=consumer.max_age, jitter=jitter)
        try:
            is_dead_lettered = delay is None and self._dead_letter(message, error)
        except Exception as second:  # noqa: BLE001 - whatever it is, it must not hold up the other messages
            consumer.reporter.unexpected_error(second, message_id=message.id)
            is_dead_lettered = False
        if not is_dead_lettered:
            self._delays[message] = delay or growing_delay(message.attempt, jitter=jitter)

    def _dead_letter(self, message: Message, error: Exception) -> bool:
        """Send a message to the dead-letter queue; return whether that took it."""
        reporter = self._consumer.reporter
        refusal = self._consumer.dead_letter_queue.send_dead_letter(message, error)
        if refusal:
            reporter.message_not_dead_lettered(error, message_id=message.id, body=message.body, cause=refusal)
        else:
            reporter.message_dead_lettered(error, message_id=message.id, body=message.body)
        return refusal is None
