"""The cron expressions of EventBridge Scheduler: six fields, `?`, `L`, `W` and `#`, and years.

The rules are those of https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html. Times are those of a
clock on the wall: they have no zone.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ITEM = re.compile(r"(?P<all>\*)|(?P<first>[0-9A-Z]+)(-(?P<last>[0-9A-Z]+))?")
_FRIDAY = 6

type Days = Callable[[int, int], Sequence[int]]
"""Return the days of a month, given as year and month, in order."""


@dataclass(frozen=True, slots=True)
class Field:
    """What one field may have: its name in messages, its least and greatest value, the names of values."""

    name: str
    least: int
    greatest: int
    names: Sequence[str] = ()
    has_steps: bool = True
    wraps: bool = True

    def values(self, text: str) -> frozenset[int]:
        """Return the values of a list such as `1-5,10/15`. Raises `ValueError`."""
        found: set[int] = set()
        for item in text.split(","):
            found |= self._values_of_item(item)
        return frozenset(found)

    def _values_of_item(self, item: str) -> set[int]:
        bounds, slash, step_text = item.partition("/")
        match = _ITEM.fullmatch(bounds)
        if match is None:
            raise self.wrong(item)
        if slash and not (self.has_steps and step_text.isascii() and step_text.isdecimal()):
            raise self.wrong(item)
        step = int(step_text) if slash else 1
        if not 1 <= step <= self.greatest:
            raise self.wrong(item)
        first = self.least if match["all"] else self.value(match["first"])
        is_open = bool(match["all"]) or (bool(slash) and match["last"] is None)
        last = self.greatest if is_open else self.value(match["last"] or match["first"])
        if first > last and not self.wraps:
            raise self.wrong(item)
        size = self.greatest - self.least + 1
        length = (last - first) % size
        return {self.least + (first - self.least + offset) % size for offset in range(0, length + 1, step)}

    def value(self, text: str) -> int:
        """Return one value, which may be given by its name. Raises `ValueError`."""
        if text in self.names:
            return self.least + self.names.index(text)
        if text.isascii() and text.isdecimal() and self.least <= int(text[:5]) <= self.greatest:
            return int(text)
        raise self.wrong(text)

    def wrong(self, text: str) -> ValueError:
        """Return the error for a text that the field may not have."""
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return ValueError(f"{self.name} may not be {text!r}: it has values from {self.least} to {self.greatest}{names}")


MINUTE, HOUR = Field("the minute", 0, 59), Field("the hour", 0, 23)
MONTH, YEAR = Field("the month", 1, 12, MONTHS), Field("the year", 1970, 2199, wraps=False)
DAY, WEEKDAY = Field("the day of the month", 1, 31), Field("the day of the week", 1, 7, WEEKDAYS, has_steps=False)


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression. Each of the times that it matches is a whole minute."""

    minutes: Sequence[int]
    hours: Sequence[int]
    days: Days
    months: Sequence[int]
    years: Sequence[int]

    def times(self, begin: datetime) -> Iterator[datetime]:
        """Yield the times that match, from `begin` on, in order."""
        for year in self.years:
            for month in self.months:
                if (year, month) < (begin.year, begin.month):
                    continue
                for day in self.days(year, month):
                    if date(year, month, day) >= begin.date():
                        yield from self._times_of_day(year, month, day, begin)

    def _times_of_day(self, year: int, month: int, day: int, begin: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                time = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - of a clock on the wall
                if time >= begin:
                    yield time


def parse_cron(fields: str) -> Cron:
    """Parse the six fields, without `cron(` and `)`. Raises `ValueError` that names the field."""
    parts = fields.upper().split()
    if len(parts) != 6:  # noqa: PLR2004 - as described above
        raise ValueError(
            f"cron() has six fields, not {len(parts)}: minute, hour, day of the month, month, day of the week, year"
        )
    minute, hour, day, month, weekday, year = parts
    if (day == "?") == (weekday == "?"):
        raise ValueError("one of the day of the month and the day of the week, and only one, must be ?")
    return Cron(
        minutes=sorted(MINUTE.values(minute)),
        hours=sorted(HOUR.values(hour)),
        days=_parse_days(day) if weekday == "?" else _parse_weekdays(weekday),
        months=sorted(MONTH.values(month)),
        years=sorted(YEAR.values(year)),
    )


def _parse_days(text: str) -> Days:
    if text == "LW":
        return lambda year, month: [_nearest_working_day(year, month, _last(year, month))]
    if match := re.fullmatch(r"L(?:-([0-9]{1,2}))?", text):
        back = int(match[1] or 0)
        if back >= DAY.greatest:
            raise DAY.wrong(text)
        return lambda year, month: [day for day in [_last(year, month) - back] if day >= 1]
    if match := re.fullmatch(r"([0-9]{1,2})W", text):
        wanted = DAY.value(match[1])
        return lambda year, month: [_nearest_working_day(year, month, wanted)] if wanted <= _last(year, month) else []
    days = sorted(DAY.values(text))
    return lambda year, month: [day for day in days if day <= _last(year, month)]


def _parse_weekdays(text: str) -> Days:
    if match := re.fullmatch(r"([1-7A-Z]+)#([1-5])", text):
        wanted, week = WEEKDAY.value(match[1]), int(match[2])
        return lambda year, month: _days_that_are(year, month, {wanted})[week - 1 : week]
    if match := re.fullmatch(r"([1-7A-Z]+)L", text):
        last = WEEKDAY.value(match[1])
        return lambda year, month: _days_that_are(year, month, {last})[-1:]
    wanted_days = frozenset({WEEKDAY.greatest}) if text == "L" else WEEKDAY.values(text)
    return lambda year, month: _days_that_are(year, month, wanted_days)


def _last(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """Return 1 for Sunday to 7 for Saturday."""
    return date(year, month, day).isoweekday() % 7 + 1


def _days_that_are(year: int, month: int, weekdays: Collection[int]) -> list[int]:
    return [day for day in range(1, _last(year, month) + 1) if _weekday(year, month, day) in weekdays]


def _nearest_working_day(year: int, month: int, day: int) -> int:
    """Return the day from Monday to Friday that is nearest, in the same month."""
    working = [each for each in range(1, _last(year, month) + 1) if 1 < _weekday(year, month, each) <= _FRIDAY]
    return min(working, key=lambda each: abs(each - day))
