"""Reads are tried three times, with jitter; nothing else is (design, section 5)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import tenacity

from gaussdb_backup.errors import TryLater

TRIES = 3
LONGEST_WAIT = timedelta(seconds=5)
"""A longer wait, if the API asks for it, is for the queue, not for a function that costs money while it waits."""

_jitter = tenacity.wait_random_exponential(multiplier=0.2, max=2)


def retry_reads(sleep: Callable[[float], None]) -> Callable[..., Any]:
    """Make the function that calls another one and repeats it on `TryLater`; `sleep` takes seconds."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        retry=tenacity.retry_if_exception(_is_worth_repeating),
        wait=_wait,
        sleep=sleep,
        reraise=True,
    )


def _is_worth_repeating(error: BaseException) -> bool:
    return isinstance(error, TryLater) and (error.retry_after is None or error.retry_after <= LONGEST_WAIT)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, TryLater) else None
    return asked.total_seconds() if asked is not None else _jitter(state)
