"""Which of a series of backups the rules of a retention policy keep: the rules of restic's `forget`, and no others.

Each rule decides by itself; a backup is kept if one of them keeps it. A counted rule keeps the newest backup of each of
the last n periods that have one; a period without a backup costs no count. While it has counts left, it keeps the
oldest backup too, so that the history grows from the first day on. A `within` rule keeps what is less than a duration
older than the newest backup.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from gaussdb_backup.domain.durations import Duration
from gaussdb_backup.domain.validation import Strict

UNLIMITED = -1
PERIODS: Mapping[str, Callable[[datetime], Hashable]] = {
    "hourly": lambda time: (time.date(), time.hour),
    "daily": lambda time: time.date(),
    "weekly": lambda time: time.isocalendar()[:2],
    "monthly": lambda time: (time.year, time.month),
    "yearly": lambda time: time.year,
}
"""The key of the period that a time is in, by the clock of its own zone. Weeks are ISO's, from Monday to Sunday."""


def _parse_duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - pydantic collects ValueError only
    return Duration.parse(value)


def _count(kept: str) -> int:
    text = f"how many {kept} to keep: a whole number, 0 for none or -1 for all"
    field: int = Field(default=0, strict=True, ge=UNLIMITED, description=text)
    return field


def _within(kept: str) -> Duration | None:
    text = f"how far back from the newest backup to keep {kept}: a duration such as 1y6m7d12h (there are no weeks)"
    field: Duration | None = Field(default=None, description=text)
    return field


DurationText = Annotated[Duration, PlainValidator(_parse_duration), PlainSerializer(str, return_type=str)]


class KeepRules(Strict):
    """The `keep` of a retention policy. A rule that is absent, of count 0 or of a duration of nothing keeps nothing."""

    last: int = _count("of the newest backups")
    hourly: int = _count("hours, by their newest backup,")
    daily: int = _count("days, by their newest backup,")
    weekly: int = _count("ISO weeks, by their newest backup,")
    monthly: int = _count("months, by their newest backup,")
    yearly: int = _count("years, by their newest backup,")
    within: DurationText | None = _within("every backup")
    within_hourly: DurationText | None = _within("the newest backup of each hour")
    within_daily: DurationText | None = _within("the newest backup of each day")
    within_weekly: DurationText | None = _within("the newest backup of each ISO week")
    within_monthly: DurationText | None = _within("the newest backup of each month")
    within_yearly: DurationText | None = _within("the newest backup of each year")

    @property
    def has_rules(self) -> bool:
        """Whether anything is kept by them."""
        return any(getattr(self, name) for name in KeepRules.model_fields)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule. `period` is `None` where each backup is one of its own; times up to `after` (UTC) are out of reach."""

    reason: str
    period: Callable[[datetime], Hashable] | None
    count: int = UNLIMITED
    after: datetime | None = None

    def apply(self, times: Sequence[datetime]) -> Iterator[str]:
        """Yield the reason for each time, newest first; "" for one that is not kept.

        Only the period of the last backup that was kept is remembered. Within one zone the periods fall with time.
        """
        left, kept_period = self.count, None
        for position, time in enumerate(times):
            period = self.period(time) if self.period else position
            is_new = period != kept_period
            is_kept = left != 0 and (is_new or position == len(times) - 1) and self._reaches(time)
            yield ("" if is_new else "oldest ") + self.reason if is_kept else ""
            if is_kept:
                left, kept_period = left - 1, period

    def _reaches(self, time: datetime) -> bool:
        return self.after is None or time > self.after


def _list_rules(rules: KeepRules, latest: datetime) -> Iterator[_Rule]:
    if rules.within:
        yield _Rule(f"within {rules.within}", None, after=rules.within.before(latest))
    yield _Rule("last", None, rules.last)
    for name, period in PERIODS.items():
        yield _Rule(name, period, getattr(rules, name))
    for name, period in PERIODS.items():
        if duration := getattr(rules, f"within_{name}"):
            yield _Rule(f"{name} within {duration}", period, after=duration.before(latest))


def apply_rules(times: Sequence[datetime], rules: KeepRules) -> list[tuple[str, ...]]:
    """Return for each time the reasons for which the rules keep it, in the order of the rules; none: not kept.

    `times` are aware, newest first, the first being the latest, and each in the zone by whose clock it is kept.
    """
    columns = [rule.apply(times) for rule in _list_rules(rules, times[0])] if times else []
    return [tuple(filter(None, row)) for _, *row in zip(times, *columns, strict=True)]
