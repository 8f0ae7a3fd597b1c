"""The time by which work must have ended: one budget for each invocation, handed down to whatever it calls."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time on a clock that never goes back. `clock` returns seconds."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, duration: timedelta, *, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the deadline that is `duration` from now."""
        return cls(clock() + duration.total_seconds(), clock)

    @property
    def remaining(self) -> timedelta:
        """The time that is left, zero once it has passed."""
        return timedelta(seconds=max(self.at - self.clock(), 0.0))

    def within(self, duration: timedelta) -> "Deadline":
        """Return this deadline, or the one that is `duration` from now if that is earlier."""
        return replace(self, at=min(self.at, self.clock() + duration.total_seconds()))
