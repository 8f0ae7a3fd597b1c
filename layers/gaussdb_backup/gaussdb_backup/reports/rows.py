"""The rows of the page's table: what the template shows of each instance, as texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import groupby

from gaussdb_backup.domain.coverage import Coverage, Day, InstanceCoverage, State
from gaussdb_backup.domain.models import Protection
from gaussdb_backup.reports.texts import count, show_age, show_duration, show_size, show_time, show_usual

SHORTEST_TREND = 3
"""Durations from which on a line shows more than the numbers beside it."""
WIDTH, HEIGHT = 72, 16
"""Of the line of durations, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instance; a text that is empty is not shown. `trend` is the path of an SVG."""

    id: str
    name: str
    state: State
    reason: str
    is_caught_up: bool
    age: str
    good_at: str
    failed: str
    days: str
    size: str
    duration: str
    usual: str
    trend: str
    protection: Sequence[str]


@dataclass(frozen=True, slots=True)
class Month:
    """The days of one month that are shown."""

    name: str
    days: Sequence[date]


def make_rows(coverage: Coverage, zone: tzinfo) -> Iterator[Row]:
    """Return a row for each instance, in the order of the coverage: worst first."""
    caught_up = set(coverage.catch_up)
    span = (coverage.last_day - coverage.first_day).days + 1
    for one in coverage.instances:
        good = one.last_good_backup
        yield Row(
            id=one.instance_id,
            name=one.instance_name,
            state=one.state,
            reason=_explain(one),
            is_caught_up=one.instance_id in caught_up,
            age=show_age(good.begin_time, coverage.audited_at) if good else "",
            good_at=show_time(good.begin_time, zone) if good else "",
            failed=f"{one.attempts_failed:,} failed since" if one.attempts_failed else "",
            days=one.days[-span:].rjust(span, Day.ABSENT),
            size="" if good is None or good.size_mb is None else show_size(good.size_mb),
            duration="" if good is None or good.duration_seconds is None else show_duration(good.duration_seconds),
            usual=show_usual(one),
            trend=draw_trend(one),
            protection=tuple(_describe_protection(one, zone)),
        )


def _explain(one: InstanceCoverage) -> str:
    """Return the reason with a capital; empty for an instance that is well, of which the age is reason enough."""
    is_plain = one.state is State.OK and not one.attempts_failed and one.building_since is None
    return "" if is_plain else one.reason[:1].upper() + one.reason[1:]


def draw_trend(one: InstanceCoverage) -> str:
    """Return the path of the durations from 0 to the greatest, the newest at the right; empty for too few of them."""
    durations = one.durations_seconds
    if len(durations) < SHORTEST_TREND:
        return ""
    step, greatest = WIDTH / (len(durations) - 1), max(*durations, 1)
    points = (
        f"{index * step:.0f} {HEIGHT - 1 - value / greatest * (HEIGHT - 2):.0f}"
        for index, value in enumerate(durations)
    )
    return f"M{'L'.join(points)}"


def _describe_protection(one: InstanceCoverage, zone: tzinfo) -> Iterator[str]:
    if one.automatic_keep_days is not None:
        kept = count(one.automatic_keep_days, "day") if one.automatic_keep_days else "off"
        yield f"automatic {kept}"
    protection = one.protection or Protection()
    if lock := protection.vault_lock:
        until = f" until {show_time(lock.ends_at, zone)[:10]}" if lock.ends_at else ""
        yield f"locked{until}" if lock.is_locked else "not locked"
    if protection.encryption:
        yield "encrypted" if protection.encryption == "on" else "not encrypted"


def list_months(coverage: Coverage) -> list[Month]:
    """Return the days that are shown, by month."""
    span = (coverage.last_day - coverage.first_day).days + 1
    days = [coverage.first_day + timedelta(days=index) for index in range(span)]
    return [Month(key, list(group)) for key, group in groupby(days, key=lambda day: f"{day:%B %Y}")]
