"""The coverage of an audit as plain text for a terminal, without escape codes."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from unicodedata import combining, east_asian_width

from gaussdb_backup.domain.coverage import Coverage, Day, InstanceCoverage, State
from gaussdb_backup.reports.texts import (
    DAY_MARKS,
    DAY_WORDS,
    STATE_MARKS,
    STATE_WORDS,
    clean,
    count,
    show_age,
    show_size,
    summarize,
)

NARROW = 80
"""Columns below which only the newest `NARROW_DAYS` days are shown."""
NARROW_DAYS = 14
NAME, AGE, STATE = 24, 9, 10
"""Widths of the columns; the reason has what is left."""
SHORTEST_REASON = 20
"""Columns below which a reason is left out: the table is no place for it then."""


def render_table(coverage: Coverage, *, width: int = 120, limit: int | None = 20) -> str:
    """Return lines of at most `width` columns (40 or more): the worst `limit` instances, the others summed up.

    With `limit` `None` every instance has its line. Days that have no room are left out, the oldest first.
    """
    dates = _choose_dates(coverage, width)
    shown = coverage.instances[:limit]
    lines = [*_head(coverage, dates, width), ""]
    if shown:
        lines += [*_number_days(dates), *(_draw(one, coverage, len(dates), width) for one in shown)]
    lines += [*_sum_up(coverage.instances[len(shown) :]), *(["", _legend()] if shown else []), *_close(coverage)]
    return "".join(f"{fit(line, width).rstrip()}\n" for line in lines)


def fit(text: str, width: int) -> str:
    """Return a text of exactly `width` columns, filled up or cut with `…`; an East Asian character takes two."""
    sizes = [0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text]
    if sum(sizes) <= width:
        return text + " " * (width - sum(sizes))
    kept, used = 0, 0
    while used + sizes[kept] < width:
        used += sizes[kept]
        kept += 1
    return text[:kept] + "…" + " " * (width - used - 1)


def _choose_dates(coverage: Coverage, width: int) -> Sequence[date]:
    span = (coverage.last_day - coverage.first_day).days + 1
    room = width - NAME - AGE - STATE - 5
    shown = min(span, NARROW_DAYS) if width < NARROW else min(span, room)
    return [coverage.last_day - timedelta(days=back) for back in reversed(range(max(0, min(shown, room))))]


def _head(coverage: Coverage, dates: Sequence[date], width: int) -> Iterator[str]:
    schedule = f" / {coverage.schedule}" if coverage.schedule else ""
    days = f"{count(len(dates), 'day')} to {coverage.last_day} ({coverage.timezone})"
    left = f"COVERAGE  {clean(coverage.connection)}{clean(schedule)} · {clean(days)}"
    summary = summarize(coverage)
    if len(left) + len(summary) + 2 <= width:
        yield left + summary.rjust(width - len(left))
    else:
        yield left
        yield summary


def _number_days(dates: Sequence[date]) -> Iterator[str]:
    """Return two lines above the days: where months begin, and the numbers of the first day and of each Monday."""
    months, numbers = [" "] * (len(dates) + 10), [" "] * (len(dates) + 2)
    for index, day in enumerate(dates):
        if (day.day == 1 or index == 0) and all(char == " " for char in months[max(0, index - 1) : index + 3]):
            months[index : index + 3] = f"{day:%b}"
        if (day.weekday() == 0 or index == 0) and all(char == " " for char in numbers[max(0, index - 1) : index + 2]):
            numbers[index : index + 2] = f"{day.day:02}"
    yield fit("", NAME + 1) + "".join(months)
    yield fit("instance", NAME + 1) + fit("".join(numbers), len(dates) + 2) + fit("last good", AGE + 2) + "state"


def _draw(one: InstanceCoverage, coverage: Coverage, days: int, width: int) -> str:
    good = one.last_good_backup
    age = show_age(good.begin_time, coverage.audited_at) if good else "never"
    marks = "".join(DAY_MARKS[Day(mark)] for mark in one.days[len(one.days) - days :]).rjust(days)
    state = f"{STATE_MARKS[one.state]} {STATE_WORDS[one.state]}"
    line = f"{fit(clean(one.instance_name or one.instance_id), NAME)} {marks}  {fit(age, AGE)}  {fit(state, STATE)}"
    left = width - len(line) - 1
    is_explained = one.state is not State.OK and left >= SHORTEST_REASON
    return f"{line} {clean(one.reason)}" if is_explained else line


def _sum_up(others: Sequence[InstanceCoverage]) -> Iterator[str]:
    if not others:
        return
    states = [one.state for one in others]
    counts = [(state, states.count(state)) for state in State if state in states]
    each = f"all {counts[0][0]}" if len(counts) == 1 else ", ".join(f"{number:,} {state}" for state, number in counts)
    yield f"… {len(others):,} more, {each}"


def _legend() -> str:
    marks = [f"{DAY_MARKS[day]} {DAY_WORDS[day]}" for day in Day if day is not Day.ABSENT]
    return "  ".join([*marks, f"blank: {DAY_WORDS[Day.ABSENT]}"])


def _close(coverage: Coverage) -> Iterator[str]:
    if coverage.catch_up:
        yield f"catch-up: {count(len(coverage.catch_up), 'backup')} requested"
    if coverage.not_found:
        yield f"not found: {clean(', '.join(coverage.not_found))}"
    yield from (f"not known: {clean(remark)}" for remark in coverage.remarks)
    if coverage.orphans:
        backups, size = sum(one.backups for one in coverage.orphans), sum(one.size_mb for one in coverage.orphans)
        owners = count(len(coverage.orphans), "deleted instance")
        yield f"orphans: {count(backups, 'backup')} of {owners}, {show_size(size)}"
    if prune := coverage.next_prune:
        refused = f"refused: {clean(prune.refused)}; it " if prune.refused else ""
        verb = "would delete" if prune.refused else "deletes"
        yield f"next prune: {refused}{verb} {count(len(prune.deleted), 'backup')}, keeps {prune.kept:,}"
