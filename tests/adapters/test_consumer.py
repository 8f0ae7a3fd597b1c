"""The consumer of a queue: in which order, and with how much time, the messages of a batch are processed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self, cast

import pytest

from gaussdb_backup.aws.consumer import SHORT_DELAY, Batch, Consumer
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.errors import TryLater
from local.aws_emulator import Context
from tests.helpers.clock import Clock
from tests.helpers.in_memory_sqs import InMemorySqs
from tests.helpers.sqs_event import sqs_batch

START_WINDOW = timedelta(hours=4)


class SilentReporter:
    @contextmanager
    def reporting_errors(self, **_: object) -> Iterator[Self]:
        yield self

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Jitter:
    """Returns these numbers in turn."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = list(numbers)

    def __call__(self) -> float:
        return self._numbers.pop(0) if self._numbers else 0.5


def make_batch(number: int, *, jitter: Any, milliseconds_left: int = 180_000) -> Batch[Any]:
    clock = Clock()
    sqs = InMemorySqs(clock)
    requests, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("requests", "requests-dead"))
    for _ in range(number):
        sqs.send_message(QueueUrl=requests, MessageBody="body")
    consumer = Consumer(
        queue=Queue(requests, client=cast("Any", sqs)),
        dead_letter_queue=Queue(dead, client=cast("Any", sqs)),
        max_age=START_WINDOW,
        reporter=cast("Any", SilentReporter()),
        now=clock,
        jitter=jitter,
    )
    event = sqs_batch(*["body"] * number)
    for record in event["Records"]:
        record["attributes"]["SentTimestamp"] = str(int(clock().timestamp() * 1000))
    return consumer.receive(event, context=Context(milliseconds_left=milliseconds_left))


def numbers(batch: Batch[Any]) -> list[int]:
    """The numbers of the messages in the order in which they are processed."""
    return [int(message.id.rpartition("-")[2]) for message, _ in batch]


def test_messages_are_processed_in_the_order_of_the_jitter() -> None:
    assert numbers(make_batch(4, jitter=Jitter(0.9, 0.1, 0.5, 0.3))) == [2, 4, 3, 1]


def test_no_message_is_always_among_those_for_which_there_is_no_time() -> None:
    """Of five messages three fit into the time."""
    jitter = random.Random(1).random  # noqa: S311 - an order, not a secret
    tried = [numbers(make_batch(5, jitter=jitter, milliseconds_left=9_100)) for _ in range(20)]
    assert {len(each) for each in tried} == {3}
    assert set.union(*map(set, tried)) == {1, 2, 3, 4, 5}


def test_each_message_has_an_equal_share_of_the_time_that_is_left() -> None:
    batch = make_batch(4, jitter=Jitter())
    shares = [deadline.remaining.total_seconds() for _, deadline in batch]
    assert shares == pytest.approx([40, 160 / 3, 80, 160], abs=1)


def test_messages_for_which_there_is_no_time_are_delivered_again_soon_and_in_the_order_of_the_batch() -> None:
    batch = make_batch(2, jitter=Jitter(0.9, 0.1), milliseconds_left=1_000)
    assert numbers(batch) == []
    assert batch.finish() == {"batchItemFailures": [{"itemIdentifier": "message-1"}, {"itemIdentifier": "message-2"}]}
    assert set(batch._delays.values()) == {SHORT_DELAY}


def test_a_deferred_message_is_delivered_again_and_a_processed_one_is_not() -> None:
    batch = make_batch(2, jitter=Jitter(0.1, 0.9))
    for message, _ in batch:
        with batch.processing(message):
            if message.id == "message-1":
                raise TryLater("busy")
    assert batch.finish() == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
