"""What becomes of a request that failed."""

from datetime import timedelta

import pytest

from gaussdb_backup.domain.retry_policy import decide_delay, is_forgotten
from gaussdb_backup.errors import (
    ConnectionPaused,
    CredentialsRefused,
    FixRequest,
    GiveUp,
    InstanceBusy,
    InvalidRequest,
    NameTaken,
    TryLater,
)

PATIENCE = timedelta(hours=4)


def decide(error: Exception, *, attempt: int = 1, waited: float = 0, spread: float = 1.0) -> timedelta | None:
    return decide_delay(error, attempt=attempt, waited=timedelta(seconds=waited), patience=PATIENCE, spread=spread)


@pytest.mark.parametrize(
    "error",
    [FixRequest("x"), InvalidRequest("x", []), NameTaken("x"), GiveUp("x")],
    ids=lambda error: type(error).__name__,
)
def test_what_can_never_succeed_is_not_tried_again(error: Exception) -> None:
    assert decide(error) is None


@pytest.mark.parametrize(
    "error",
    [TryLater("x"), InstanceBusy("x"), CredentialsRefused("x"), ConnectionPaused("x"), KeyError("a bug")],
    ids=lambda error: type(error).__name__,
)
def test_whatever_else_is_tried_again_until_its_deadline(error: Exception) -> None:
    assert decide(error) == timedelta(seconds=30)
    assert decide(error, waited=4 * 3600 - 10) == timedelta(seconds=10)
    assert decide(error, waited=4 * 3600) is None


@pytest.mark.parametrize(
    ("attempt", "spread", "seconds"), [(1, 0.0, 15), (2, 1.0, 60), (3, 1.0, 120), (5, 1.0, 300), (50, 0.0, 150)]
)
def test_delays_grow_and_are_spread(attempt: int, spread: float, seconds: float) -> None:
    assert decide(TryLater("x"), attempt=attempt, spread=spread) == timedelta(seconds=seconds)


def test_the_wait_that_the_api_asks_for_is_honoured() -> None:
    assert decide(TryLater("x", retry_after=timedelta(minutes=20))) == timedelta(minutes=20)
    assert decide(TryLater("x", retry_after=timedelta(seconds=1))) == timedelta(seconds=30)
    assert decide(TryLater("x", retry_after=timedelta(hours=1)), waited=3.5 * 3600) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("attempt", "hours", "forgotten"), [(1, 100, False), (2, 4.9, False), (2, 5.1, True), (500, 5.1, True)]
)
def test_a_message_that_comes_again_long_after_its_deadline_keeps_ending_its_function(
    attempt: int, hours: float, forgotten: bool
) -> None:
    assert is_forgotten(attempt=attempt, waited=timedelta(hours=hours), patience=PATIENCE) is forgotten
