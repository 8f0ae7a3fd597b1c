"""When the schedules of a plan run: between its dates, from now on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.plans.plan_file import PARTS
from gaussdb_backup_cli.schedules import Kind
from gaussdb_backup_cli.times.timetable import Timetable, parse_timetable

FORESEEN = timedelta(days=396)
"""Thirteen months: each change of the clock is in it, and each day of a year."""
MOST_TIMES = 750
"""Times of a schedule that are compared with those of another one: two years of days."""


@dataclass(frozen=True, slots=True)
class Times:
    """When one schedule of a plan runs. `begin` and `end` are those of what is foreseen."""

    timetable: Timetable
    begin: datetime
    end: datetime

    def next(self, count: int) -> list[datetime]:
        """Return the next times, in UTC, none beyond the end."""
        return [time for time in self.timetable.next(self.begin, count) if time <= self.end]

    @property
    def skipped(self) -> list[datetime]:
        """The times of the clock that do not exist, within thirteen months."""
        return self.timetable.gaps(self.begin, min(self.end, self.begin + FORESEEN))


def find_times(plan: PlanOfFile, *, now: datetime) -> Mapping[Kind, Times]:
    """Return the times of each schedule of a plan whose expressions are right. A rate counts from its begin or now."""
    starts_later = plan.start is not None and plan.start > now
    anchor = plan.start if plan.start and starts_later else now
    begin = anchor - timedelta(seconds=1) if starts_later else now
    end = plan.end or datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    return {
        kind: Times(parse_timetable(content.schedule, plan.timezone, anchor=anchor), begin, end)
        for kind, part in PARTS.items()
        if (content := getattr(plan, part)) is not None
    }
