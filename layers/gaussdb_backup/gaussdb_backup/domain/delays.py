"""How long to wait before a message is looked at again."""

from datetime import timedelta


def pick_delay(attempt: int, *, first: timedelta, longest: timedelta, spread: float) -> timedelta:
    """Return a growing, jittered delay: `first` doubled with each attempt, at most `longest`.

    `attempt` counts from 1. `spread`, from 0 to 1, is where in the upper half of that span the delay lies (equal
    jitter): messages that came together do not come back together, and none comes back at once.
    """
    doublings = min(max(attempt, 1) - 1, 16)  # a day and more, from 2 seconds
    span = min(first * (1 << doublings), longest)
    return span * (0.5 + 0.5 * spread)
