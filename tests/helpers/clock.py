"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta

RUN = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""The scheduled time of the run that most tests are about."""


class Clock:
    def __init__(self, now: datetime = RUN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)
