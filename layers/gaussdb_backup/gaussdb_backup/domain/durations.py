"""Durations of retention rules, in years, months, days and hours: as restic writes and subtracts them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

DURATION = re.compile(r"(?:[0-9]{1,9}[ymdh])+")
PART = re.compile(r"([0-9]+)([ymdh])")
UNITS = {"y": "years", "m": "months", "d": "days", "h": "hours"}
ALWAYS = datetime.min.replace(tzinfo=UTC)
"""What lies before the calendar."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration such as `1y6m7d12h`. Weeks are not among its units: 14 days are `14d`."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse parts in any order; of two parts with the same unit the last counts. Raises `ValueError`."""
        if not DURATION.fullmatch(text):
            raise ValueError("not numbers of y, m, d or h, such as 1y6m7d12h")
        return cls(**{UNITS[unit]: int(number) for number, unit in PART.findall(text)})

    def __str__(self) -> str:
        parts = ((self.years, "y"), (self.months, "m"), (self.days, "d"), (self.hours, "h"))
        return "".join(f"{number}{unit}" for number, unit in parts if number) or "0h"

    def __bool__(self) -> bool:
        """Whether it is longer than nothing."""
        return self != Duration()

    def before(self, when: datetime) -> datetime:
        """Return the moment that lies this duration before the aware `when`, in UTC.

        Years, months and days are of the calendar and the clock of the zone of `when`. A day that the month lacks is
        counted on into the next month: one month before 31 March is "31 February", 3 March. Hours are elapsed time.
        A time that the clock of the zone had twice is the first of the two; what lies before the year 1 is its begin.
        """
        try:
            begin = self._calendar_before(when) if self.years or self.months or self.days else when
            return begin.astimezone(UTC) - timedelta(hours=self.hours)
        except (OverflowError, ValueError):
            return ALWAYS

    def _calendar_before(self, when: datetime) -> datetime:
        year, month = divmod(12 * (when.year - self.years) + when.month - 1 - self.months, 12)
        first = when.replace(year=year, month=month + 1, day=1)
        return first + timedelta(days=when.day - 1 - self.days)
