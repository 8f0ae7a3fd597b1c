"""When a call may be made with credentials that may be wrong."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.circuit_breaker import (
    BUSY,
    MAX_CALLS,
    MAX_REFUSALS,
    REFUSED,
    TOO_MANY_REFUSALS,
    TRYING,
    BreakerState,
    CallResult,
    Denial,
    Permit,
    grant,
    settle,
)
from tests.helpers.clock import RUN

WINDOW, LEASE = timedelta(minutes=5), timedelta(seconds=15)
SECOND = timedelta(seconds=1)


def allow(
    state: BreakerState, version: str = "v1", *, now: datetime = RUN, refusals: int = 1
) -> tuple[BreakerState, Permit]:
    granted = grant(state, version, now=now, lease=LEASE, window=WINDOW, refusals=refusals)
    assert not isinstance(granted, Denial), granted.reason
    return granted


def deny(state: BreakerState, version: str = "v1", *, now: datetime = RUN, refusals: int = 1) -> Denial:
    denied = grant(state, version, now=now, lease=LEASE, window=WINDOW, refusals=refusals)
    assert isinstance(denied, Denial)
    return denied


def end(state: BreakerState, permit: Permit, result: CallResult, *, now: datetime = RUN) -> BreakerState:
    return settle(state, permit, result, now=now, window=WINDOW)


def call(
    state: BreakerState, result: CallResult, version: str = "v1", *, now: datetime = RUN, refusals: int = 1
) -> BreakerState:
    state, permit = allow(state, version, now=now, refusals=refusals)
    return end(state, permit, result, now=now)


PROVEN = call(BreakerState(), CallResult.ACCEPTED)


def test_an_unproven_version_is_tried_by_one_call_alone() -> None:
    state, _ = allow(BreakerState())
    assert (deny(state).reason, deny(state).retry_at) == (TRYING, None)


def test_an_accepted_call_lets_all_others_go_on() -> None:
    state = PROVEN
    for _ in range(MAX_CALLS):
        state, permit = allow(state)
        assert not permit.is_probe
    assert (deny(state).reason, deny(state).retry_at) == (BUSY, None)


def test_a_returned_permit_is_free_for_the_next_call() -> None:
    state, permit = allow(PROVEN)
    assert end(state, permit, CallResult.ACCEPTED).permits == ()


def test_a_refused_version_has_no_call_for_the_window_and_then_one() -> None:
    state = call(PROVEN, CallResult.REFUSED)
    denied = deny(state, now=RUN + WINDOW - SECOND)
    assert (denied.reason, denied.is_refused, denied.retry_at) == (REFUSED, True, RUN + WINDOW)
    state, permit = allow(state, now=RUN + WINDOW)
    assert permit.is_probe
    assert deny(state, now=RUN + WINDOW).reason == TRYING


def test_another_version_is_tried_at_once_after_a_refusal() -> None:
    _, permit = allow(call(PROVEN, CallResult.REFUSED), "v2")
    assert permit.is_probe


def test_no_version_has_a_call_once_five_were_refused_in_the_window() -> None:
    state = BreakerState()
    for number in range(MAX_REFUSALS):
        state = call(state, CallResult.REFUSED, f"v{number}", now=RUN + number * SECOND)
    denied = deny(state, "fresh", now=RUN + 10 * SECOND)
    assert (denied.reason, denied.is_refused, denied.retry_at) == (TOO_MANY_REFUSALS, False, RUN + WINDOW)
    allow(state, "fresh", now=RUN + WINDOW)


def test_calls_in_progress_that_are_all_refused_leave_one_for_the_next_version() -> None:
    state, permits = PROVEN, []
    for _ in range(MAX_CALLS):
        state, permit = allow(state)
        permits.append(permit)
    for permit in permits:
        state = end(state, permit, CallResult.REFUSED)
    state, _ = allow(state, "v2")
    assert deny(state, "v3").reason == TRYING


def test_a_proven_version_has_no_more_calls_at_a_time_than_may_still_be_refused() -> None:
    state = call(call(call(PROVEN, CallResult.REFUSED, "v2"), CallResult.REFUSED, "v3"), CallResult.REFUSED, "v4")
    state, _ = allow(state)
    state, _ = allow(state)
    assert deny(state).reason == BUSY


def test_a_response_to_a_call_from_before_the_refusal_proves_nothing() -> None:
    state, early = allow(PROVEN)
    state = end(call(state, CallResult.REFUSED), early, CallResult.ACCEPTED)
    assert deny(state).is_refused


def test_a_proven_version_stays_so_when_a_call_has_no_response() -> None:
    _, permit = allow(call(PROVEN, CallResult.UNKNOWN))
    assert not permit.is_probe


def test_a_call_that_was_never_received_counts_for_nothing() -> None:
    state = BreakerState()
    for _ in range(2 * MAX_REFUSALS):
        state = call(state, CallResult.NOT_SENT)
    assert state == BreakerState()


def test_a_call_that_may_be_refused_twice_counts_twice() -> None:
    state, first = allow(PROVEN, refusals=2)
    state, _ = allow(state, refusals=2)
    assert deny(state, refusals=2).reason == BUSY
    state = end(state, first, CallResult.REFUSED)
    denied = deny(state, "v2", refusals=2)
    assert denied.reason == BUSY  # the other one may be refused twice as well
    state = call(BreakerState(), CallResult.REFUSED, refusals=2)
    state = call(state, CallResult.REFUSED, "v2", now=RUN + SECOND, refusals=2)
    denied = deny(state, "v3", now=RUN + 2 * SECOND, refusals=2)
    assert (denied.reason, denied.retry_at) == (TOO_MANY_REFUSALS, RUN + WINDOW)


@pytest.mark.parametrize("state", [BreakerState(), PROVEN], ids=["unproven", "proven"])
def test_calls_without_a_response_are_made_five_times_in_a_window(state: BreakerState) -> None:
    """Each may have been refused, and the response lost."""
    for number in range(MAX_REFUSALS):
        state = call(state, CallResult.UNKNOWN, now=RUN + number * SECOND)
    denied = deny(state, now=RUN + 10 * SECOND)
    assert (denied.reason, denied.retry_at) == (TOO_MANY_REFUSALS, RUN + WINDOW)
    state = call(state, CallResult.ACCEPTED, now=RUN + WINDOW)
    for _ in range(MAX_CALLS):
        state, _permit = allow(state, now=RUN + WINDOW)


def test_a_killed_call_counts_as_refused_until_its_version_is_accepted() -> None:
    state, _ = allow(BreakerState())
    later = RUN + LEASE
    for number in range(MAX_REFUSALS - 1):
        state = call(state, CallResult.REFUSED, f"v{number + 2}", now=later)
    assert deny(state, "v1", now=later).reason == TOO_MANY_REFUSALS
    state, _ = allow(BreakerState())
    state = call(state, CallResult.ACCEPTED, now=later)
    assert state.permits == ()


def test_settling_a_call_twice_changes_nothing() -> None:
    state, permit = allow(BreakerState())
    state = end(state, permit, CallResult.REFUSED)
    assert end(state, permit, CallResult.REFUSED, now=RUN + SECOND) == state


def test_the_state_stays_small_however_often_a_secret_is_changed() -> None:
    state = BreakerState()
    for number in range(100):
        state = call(state, CallResult.ACCEPTED, f"v{number}", now=RUN + number * SECOND)
    assert len(state.model_dump_json()) < 6_000


@pytest.mark.parametrize("moment", [RUN + WINDOW, RUN + 3 * WINDOW])
def test_what_lies_further_back_than_the_window_is_forgotten(moment: datetime) -> None:
    state = call(call(BreakerState(), CallResult.REFUSED), CallResult.ACCEPTED, "v2", now=moment)
    assert (state.refused, state.refusals, state.permits) == ({}, (), ())


BAD = ("bad", "worse")
RESULTS = {
    "good": [CallResult.ACCEPTED, CallResult.UNKNOWN],
    **{version: [CallResult.REFUSED, CallResult.UNKNOWN] for version in BAD},
}
STEPS = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from(["good", *BAD]), st.sampled_from([0, 0, 1]), st.booleans()),
    min_size=30,
    max_size=120,
)


@given(STEPS, st.lists(st.integers(0, 40), min_size=120, max_size=120))
def test_whatever_happens_at_most_five_calls_are_refused_in_any_window(
    steps: list[tuple[int, str, int, bool]], seconds: list[int]
) -> None:
    """Nine environments acquire and return permits in any order; a killed one never returns its own."""
    state, now = BreakerState(), RUN
    held: dict[int, tuple[Permit, CallResult, datetime]] = {}
    refused: list[datetime] = []
    for (environment, version, result, is_killed), wait in zip(steps, seconds, strict=False):
        now += timedelta(seconds=wait)
        if environment in held and held[environment][0].until > now:
            permit, outcome, at = held.pop(environment)
            if outcome in (CallResult.REFUSED, CallResult.UNKNOWN) and permit.version in BAD:
                refused.append(at)
            if not (is_killed and outcome is not CallResult.ACCEPTED):
                state = settle(state, permit, outcome, now=now, window=WINDOW)
            continue
        held.pop(environment, None)
        granted = grant(state, version, now=now, lease=LEASE, window=WINDOW)
        if not isinstance(granted, Denial):
            state, permit = granted
            held[environment] = permit, RESULTS[version][result], now
    for at in refused:
        assert sum(at <= other < at + WINDOW for other in refused) <= MAX_REFUSALS
