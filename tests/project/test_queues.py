"""Receive counts and retention fit the deadlines, at the extremes of what the parameters allow."""

from datetime import timedelta
from itertools import count, product
from typing import Any

import pytest

from gaussdb_backup.aws.queues import MAX_VISIBILITY_TIMEOUT
from gaussdb_backup.domain.retry_policy import FIRST_RETRY_DELAY, MAX_RETRY_DELAY, backoff_delay
from local.aws_emulator.stack import Stack

DAY = timedelta(days=1)
TIME_TO_ACT = timedelta(days=7)
"""Minimum time for which a message stays in a dead-letter queue for an operator."""
RESERVE = 1.5
"""Receives without a poll: a function that ended early, a message delivered twice, an unavailable API."""


@pytest.fixture(scope="session")
def queues(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::SQS::Queue")


def bounds(template: dict[str, Any], parameter: str) -> tuple[timedelta, timedelta]:
    found = template["Parameters"][parameter]
    return timedelta(seconds=found["MinValue"]), timedelta(seconds=found["MaxValue"])


def receives(deadline: timedelta, *, first: timedelta, longest: timedelta) -> int:
    """How often a message is received until its deadline, if each delay is as short as possible.

    SQS counts delays in whole seconds.
    """
    age = timedelta(0)
    for attempt in count(1):
        if age >= deadline:
            break
        delay = backoff_delay(attempt, first=first, maximum=longest, jitter=0)
        age += timedelta(seconds=int(delay.total_seconds()))
    return attempt


def test_the_receive_count_allows_tracking_until_the_deadline(template: dict[str, Any], queues: dict[str, Any]) -> None:
    allowed = queues["TrackingQueue"]["RedrivePolicy"]["maxReceiveCount"]
    names = ("TrackFirstDelaySeconds", "TrackMaxDelaySeconds", "TrackDeadlineSeconds")
    for first, longest, deadline in product(*(bounds(template, name) for name in names)):
        assert receives(deadline, first=first, longest=longest) * RESERVE <= allowed, (first, longest, deadline)


def test_the_receive_count_allows_deferring_a_request_for_its_start_window(
    template: dict[str, Any], queues: dict[str, Any]
) -> None:
    _, window = bounds(template, "StartWindowSeconds")
    needed = receives(window, first=FIRST_RETRY_DELAY, longest=MAX_RETRY_DELAY)
    for queue in ("PlanQueue", "BackupQueue"):
        assert needed * RESERVE <= queues[queue]["RedrivePolicy"]["maxReceiveCount"]


def test_sqs_accepts_the_receive_counts(queues: dict[str, Any]) -> None:
    counts = [queue["RedrivePolicy"]["maxReceiveCount"] for queue in queues.values() if "RedrivePolicy" in queue]
    assert counts
    assert all(1 <= allowed <= 1000 for allowed in counts)


@pytest.mark.parametrize(
    ("queue", "deadline"),
    [
        ("TrackingQueue", "TrackDeadlineSeconds"),
        ("PlanQueue", "StartWindowSeconds"),
        ("BackupQueue", "StartWindowSeconds"),
    ],
)
def test_a_message_is_retained_past_its_deadline_and_in_the_dead_letter_queue_until_an_operator_can_act(
    template: dict[str, Any], queues: dict[str, Any], queue: str, deadline: str
) -> None:
    """In a dead-letter queue the age of a message still counts from when it was first sent."""
    _, longest = bounds(template, deadline)
    dead_letter_queue = queues[queue]["RedrivePolicy"]["deadLetterTargetArn"].partition(".")[0]
    assert timedelta(seconds=queues[queue]["MessageRetentionPeriod"]) >= longest + DAY
    assert timedelta(seconds=queues[dead_letter_queue]["MessageRetentionPeriod"]) >= longest + DAY + TIME_TO_ACT


def test_every_queue_retains_messages_until_an_operator_can_act(queues: dict[str, Any]) -> None:
    assert all(timedelta(seconds=queue["MessageRetentionPeriod"]) >= TIME_TO_ACT for queue in queues.values())


def test_the_longest_delay_is_a_visibility_timeout_that_sqs_accepts(template: dict[str, Any]) -> None:
    _, longest = bounds(template, "TrackMaxDelaySeconds")
    assert max(longest, MAX_RETRY_DELAY) <= MAX_VISIBILITY_TIMEOUT


def test_a_backup_is_polled_before_its_deadline(template: dict[str, Any]) -> None:
    (_, first), (deadline, _) = bounds(template, "TrackFirstDelaySeconds"), bounds(template, "TrackDeadlineSeconds")
    assert first < deadline
