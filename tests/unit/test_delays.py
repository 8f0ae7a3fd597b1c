"""Delays grow, never beyond the longest, and are spread."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.delays import pick_delay

FIRST, LONGEST = timedelta(seconds=60), timedelta(seconds=600)


@pytest.mark.parametrize(
    ("attempt", "spread", "seconds"),
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
def test_a_delay_doubles_with_each_attempt_up_to_the_longest(attempt: int, spread: float, seconds: float) -> None:
    assert pick_delay(attempt, first=FIRST, longest=LONGEST, spread=spread) == timedelta(seconds=seconds)


@given(
    attempt=st.integers(min_value=-1),
    first=st.timedeltas(timedelta(seconds=1), timedelta(hours=12)),
    longest=st.timedeltas(timedelta(seconds=1), timedelta(hours=12)),
    spread=st.floats(0, 1),
)
def test_a_delay_is_at_least_half_of_what_it_may_be_and_at_most_the_longest(
    attempt: int, first: timedelta, longest: timedelta, spread: float
) -> None:
    delay = pick_delay(attempt, first=first, longest=longest, spread=spread)
    assert min(first, longest) / 2 <= delay + timedelta(microseconds=1)
    assert delay <= longest
