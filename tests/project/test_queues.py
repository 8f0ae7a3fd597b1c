"""Receive counts and retention fit the deadlines, at the extremes of what the parameters allow."""

from datetime import timedelta
from itertools import count, product
from typing import Any

import pytest

from gaussdb_backup.aws.queues import LONGEST_INVISIBLE
from gaussdb_backup.domain import retry_policy as deferral
from gaussdb_backup.domain.delays import pick_delay
from local.aws_emulator.stack import Stack

DAY = timedelta(days=1)
TIME_TO_ACT = timedelta(days=7)
"""How long at least a dead letter keeps for the person who is to look at it."""
RESERVE = 1.5
"""Receives that look at nothing: a function that ended early, a message delivered twice, an API that is down."""


@pytest.fixture(scope="session")
def queues(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::SQS::Queue")


def bounds(template: dict[str, Any], parameter: str) -> tuple[timedelta, timedelta]:
    found = template["Parameters"][parameter]
    return timedelta(seconds=found["MinValue"]), timedelta(seconds=found["MaxValue"])


def receives(deadline: timedelta, *, first: timedelta, longest: timedelta) -> int:
    """How often a message is received until its deadline, if each delay is as short as may be.

    SQS counts delays in whole seconds.
    """
    waited = timedelta(0)
    for attempt in count(1):
        if waited >= deadline:
            break
        delay = pick_delay(attempt, first=first, longest=longest, spread=0)
        waited += timedelta(seconds=int(delay.total_seconds()))
    return attempt


def test_receives_cannot_end_a_healthy_follow_up(template: dict[str, Any], queues: dict[str, Any]) -> None:
    allowed = queues["TrackingQueue"]["RedrivePolicy"]["maxReceiveCount"]
    names = ("TrackFirstDelaySeconds", "TrackMaxDelaySeconds", "TrackDeadlineSeconds")
    for first, longest, deadline in product(*(bounds(template, name) for name in names)):
        assert receives(deadline, first=first, longest=longest) * RESERVE <= allowed, (first, longest, deadline)


def test_receives_cannot_end_a_request_that_is_put_off(template: dict[str, Any], queues: dict[str, Any]) -> None:
    _, patience = bounds(template, "StartWindowSeconds")
    needed = receives(patience, first=deferral.FIRST_DELAY, longest=deferral.LONGEST_DELAY)
    assert needed * RESERVE <= queues["BackupQueue"]["RedrivePolicy"]["maxReceiveCount"]


def test_sqs_takes_the_receive_counts(queues: dict[str, Any]) -> None:
    counts = [queue["RedrivePolicy"]["maxReceiveCount"] for queue in queues.values() if "RedrivePolicy" in queue]
    assert counts
    assert all(1 <= allowed <= 1000 for allowed in counts)


@pytest.mark.parametrize(
    ("queue", "deadline"), [("TrackingQueue", "TrackDeadlineSeconds"), ("BackupQueue", "StartWindowSeconds")]
)
def test_a_message_outlives_its_deadline_and_leaves_time_to_act_on_its_letter(
    template: dict[str, Any], queues: dict[str, Any], queue: str, deadline: str
) -> None:
    """A dead letter's age counts from when it was first sent."""
    _, longest = bounds(template, deadline)
    dead = queues[queue]["RedrivePolicy"]["deadLetterTargetArn"].partition(".")[0]
    assert timedelta(seconds=queues[queue]["MessageRetentionPeriod"]) >= longest + DAY
    assert timedelta(seconds=queues[dead]["MessageRetentionPeriod"]) >= longest + DAY + TIME_TO_ACT


def test_every_queue_keeps_what_nobody_has_looked_at_yet(queues: dict[str, Any]) -> None:
    assert all(timedelta(seconds=queue["MessageRetentionPeriod"]) >= TIME_TO_ACT for queue in queues.values())


def test_the_longest_delay_is_one_that_sqs_can_wait(template: dict[str, Any]) -> None:
    _, longest = bounds(template, "TrackMaxDelaySeconds")
    assert max(longest, deferral.LONGEST_DELAY) <= LONGEST_INVISIBLE


def test_a_backup_is_looked_at_again_before_its_deadline(template: dict[str, Any]) -> None:
    (_, first), (deadline, _) = bounds(template, "TrackFirstDelaySeconds"), bounds(template, "TrackDeadlineSeconds")
    assert first < deadline
