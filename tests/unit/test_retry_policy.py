"""When a message is processed again: delays grow with jitter, and end at an age."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.retry_policy import backoff_delay, find_start_problem, retry_delay
from gaussdb_backup.errors import (
    CircuitBreakerOpen,
    CredentialsRefused,
    FixRequest,
    GiveUp,
    InstanceBusy,
    InvalidRequest,
    NameTaken,
    PoisonMessage,
    StartWindowMissed,
    TryLater,
)

MAX_AGE = timedelta(hours=4)


def delay_after(error: Exception, *, attempt: int = 1, age: float = 0, jitter: float = 1.0) -> timedelta | None:
    return retry_delay(error, attempt=attempt, age=timedelta(seconds=age), max_age=MAX_AGE, jitter=jitter)


@pytest.mark.parametrize(
    "error",
    [FixRequest("x"), InvalidRequest("x", []), NameTaken("x"), GiveUp("x")],
    ids=lambda error: type(error).__name__,
)
def test_what_can_never_succeed_is_not_retried(error: Exception) -> None:
    assert delay_after(error) is None


@pytest.mark.parametrize(
    "error",
    [TryLater("x"), InstanceBusy("x"), CredentialsRefused("x"), CircuitBreakerOpen("x"), KeyError("a bug")],
    ids=lambda error: type(error).__name__,
)
def test_everything_else_is_retried_until_its_maximum_age(error: Exception) -> None:
    assert delay_after(error) == timedelta(seconds=30)
    assert delay_after(error, age=4 * 3600 - 70) == timedelta(seconds=10)
    assert delay_after(error, age=4 * 3600 - 60) is None


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"), [(1, 0.0, 15), (2, 1.0, 60), (3, 1.0, 120), (5, 1.0, 300), (50, 0.0, 150)]
)
def test_delays_grow_with_jitter(attempt: int, jitter: float, seconds: float) -> None:
    assert delay_after(TryLater("x"), attempt=attempt, jitter=jitter) == timedelta(seconds=seconds)


def test_the_delay_that_the_api_requests_is_honoured() -> None:
    assert delay_after(TryLater("x", retry_after=timedelta(minutes=20))) == timedelta(minutes=20)
    assert delay_after(TryLater("x", retry_after=timedelta(seconds=1))) == timedelta(seconds=30)
    assert delay_after(TryLater("x", retry_after=timedelta(hours=1)), age=3.5 * 3600) == timedelta(minutes=29)


def test_the_last_retry_is_received_in_time_where_the_start_window_is_short() -> None:
    window = timedelta(seconds=100)
    delay = retry_delay(TryLater("x"), attempt=1, age=timedelta(seconds=80), max_age=window, jitter=1.0)
    assert delay == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("attempt", "hours", "problem"),
    [
        (1, 3.9, None),
        (500, 4, None),
        (1, 4.1, StartWindowMissed),
        (1, 41, StartWindowMissed),
        (4, 4.1, StartWindowMissed),
        (5, 4.1, PoisonMessage),
        (60, 4.5, PoisonMessage),
        (60, 41, StartWindowMissed),
    ],
)
def test_a_message_older_than_its_start_window_is_not_started(
    attempt: int, hours: float, problem: type[Exception] | None
) -> None:
    found = find_start_problem(attempt=attempt, age=timedelta(hours=hours), max_age=MAX_AGE)
    assert type(found) is (problem or type(None))


def test_a_message_that_is_not_started_says_when_it_was_received_and_whether_it_was_tried_before() -> None:
    missed = find_start_problem(attempt=1, age=timedelta(hours=41), max_age=MAX_AGE)
    assert str(missed) == "received 41.0 hours after it was sent, so not started: its start window was over"
    again = find_start_problem(attempt=2, age=timedelta(hours=41), max_age=MAX_AGE)
    assert str(again) == (
        "received 41.0 hours after it was sent: its start window was over. "
        "An earlier attempt may have started it: redriven, it finds the backup of that attempt"
    )
    poison = find_start_problem(attempt=60, age=timedelta(hours=4.5), max_age=MAX_AGE)
    assert str(poison) == "received 60 times until its start window was over, each time without a result"


FIRST, MAXIMUM = timedelta(seconds=60), timedelta(seconds=600)


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [
        (1, 1.0, 60),
        (1, 0.0, 30),
        (2, 1.0, 120),
        (3, 1.0, 240),
        (4, 1.0, 480),
        (5, 1.0, 600),
        (5, 0.0, 300),
        (1000, 0.5, 450),
    ],
)
def test_a_delay_doubles_with_each_attempt_up_to_the_maximum(attempt: int, jitter: float, seconds: float) -> None:
    assert backoff_delay(attempt, first=FIRST, maximum=MAXIMUM, jitter=jitter) == timedelta(seconds=seconds)


@given(
    attempt=st.integers(min_value=-1),
    first=st.timedeltas(timedelta(seconds=1), timedelta(hours=12)),
    maximum=st.timedeltas(timedelta(seconds=1), timedelta(hours=12)),
    jitter=st.floats(0, 1),
)
def test_a_delay_is_at_least_half_of_its_span_and_at_most_the_maximum(
    attempt: int, first: timedelta, maximum: timedelta, jitter: float
) -> None:
    delay = backoff_delay(attempt, first=first, maximum=maximum, jitter=jitter)
    assert min(first, maximum) / 2 <= delay + timedelta(microseconds=1)
    assert delay <= maximum
