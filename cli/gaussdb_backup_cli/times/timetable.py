"""When a schedule runs, as EventBridge Scheduler has it run.

The expression is one of `cron(...)`, `rate(...)` and `at(...)`. The first and the last are times of the clock in the
zone of the schedule: one that daylight saving time skips does not run, one that the clock shows twice runs once, the
first time. A rate counts elapsed time from an anchor, whatever the zone.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from gaussdb_backup_cli.times.cron import parse_cron

MOST = 10_000
"""Times that are listed at once."""
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MAX_RATE = timedelta(days=366 * 200)
_DAY = timedelta(days=1)
_FORMS = "cron(30 3 * * ? *), rate(12 hours) or at(2026-12-01T03:30:00)"


@dataclass(frozen=True, slots=True)
class Timetable:
    """The times of one schedule. `interval` is that of a rate, `None` for the other kinds."""

    expression: str
    zone: ZoneInfo
    interval: timedelta | None
    _instants: Callable[[datetime], Iterator[datetime]]
    _local_times: Callable[[datetime], Iterator[datetime]] | None

    def next(self, after: datetime, count: int) -> list[datetime]:
        """Return the next times, aware and in UTC, each later than `after`; fewer where there are no more."""
        return list(islice(self._later(after), count))

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the times later than `start` and not later than `end`. Raises `ValueError` beyond 10,000."""
        found: list[datetime] = []
        for time in self._later(start):
            if time > end:
                break
            if len(found) == MOST:
                raise ValueError(f"{self.expression} has more than {MOST:,} times in this period: choose a shorter one")
            found.append(time)
        return found

    def gaps(self, after: datetime, until: datetime) -> list[datetime]:
        """Return the times of the clock that do not exist and are skipped, without a zone.

        Only days on which the clock of the zone is set are searched.
        """
        if self._local_times is None:
            return []
        found: list[datetime] = []
        day = _to_local(after, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= _to_local(until, self.zone):
            next_day = day + _DAY
            if day.replace(tzinfo=self.zone).utcoffset() != next_day.replace(tzinfo=self.zone).utcoffset():
                found += _find_gaps(self._local_times(day), day + _DAY, self.zone)
            day = next_day
        return [time for time in found if after < _to_instant(time, self.zone) <= until]

    def _later(self, after: datetime) -> Iterator[datetime]:
        return (time for time in self._instants(after) if time > after)


def parse_timetable(expression: str, timezone: str, *, anchor: datetime | None = None) -> Timetable:
    """Parse an expression, with the zone of its times. `anchor` is the first time of a rate, aware.

    Raises `ValueError` that states what is wrong with it, also for a rate without an anchor.
    """
    zone = _parse_zone(timezone)
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression.strip(), re.DOTALL)
    if match is None:
        raise ValueError(f"a schedule is {_FORMS}")
    kind, content = match.groups()
    if kind == "rate":
        interval = _parse_rate(content)
        if anchor is None:
            raise ValueError("the times of a rate are known only with the time from which it counts")
        first = anchor.astimezone(UTC)
        return Timetable(expression, zone, interval, lambda after: _count_from(first, interval, after), None)
    local_times = parse_cron(content).times if kind == "cron" else _once(_parse_at(content))
    return Timetable(expression, zone, None, lambda after: _to_instants(local_times, zone, after), local_times)


def _parse_zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder of the database
        raise ValueError(f"there is no time zone {timezone!r}: give one such as Europe/Berlin") from None


def _parse_rate(content: str) -> timedelta:
    match = re.fullmatch(r"\s*([0-9]{1,9})\s+(minute|hour|day)s?\s*", content)
    if match is None or int(match[1]) == 0:
        raise ValueError("rate() has a whole number above 0 and a unit, minutes, hours or days, such as rate(12 hours)")
    count, unit = int(match[1]), UNITS[match[2]]
    if count > MAX_RATE // unit:
        raise ValueError("this rate is longer than 200 years")
    return count * unit


def _parse_at(content: str) -> datetime:
    try:
        return datetime.strptime(content, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - of the clock of the schedule's zone
    except ValueError:
        raise ValueError("at() has a date and a time without a zone, such as at(2026-12-01T03:30:00)") from None


def _once(time: datetime) -> Callable[[datetime], Iterator[datetime]]:
    return lambda begin: iter([time] if time >= begin else [])


def _count_from(first: datetime, interval: timedelta, after: datetime) -> Iterator[datetime]:
    number = max(0, (after - first) // interval)
    try:
        while True:
            yield first + number * interval
            number += 1
    except OverflowError:
        return


def _to_instants(
    local_times: Callable[[datetime], Iterator[datetime]], zone: ZoneInfo, after: datetime
) -> Iterator[datetime]:
    begin = _to_local(after, zone).replace(second=0, microsecond=0)
    return (_to_instant(time, zone) for time in local_times(begin) if _exists(time, zone))


def _to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _to_instant(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _find_gaps(times: Iterator[datetime], end: datetime, zone: ZoneInfo) -> list[datetime]:
    return [time for time in takewhile(lambda time: time < end, times) if not _exists(time, zone)]


def _exists(local: datetime, zone: ZoneInfo) -> bool:
    return _to_local(_to_instant(local, zone), zone) == local.replace(fold=0)
