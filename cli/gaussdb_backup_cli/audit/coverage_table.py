"""The coverage of an audit as plain text for a terminal, without escape codes."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from textwrap import wrap
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
AGE, STATE = 9, 10
"""Widths of the columns; the reason has what is left."""
NAME, NARROW_NAME = 24, 8
"""The least width of the names, where there is room and where there is little; longer ones take it from the days."""
FEWEST_DAYS = 7
"""Days that a long name leaves; one that needs more has a line of its own."""
SHORTEST_REASON = 20
"""Columns below which a reason is left out: the table is no place for it then."""


def render_table(coverage: Coverage, *, width: int = 120, limit: int | None = 20) -> str:
    """Return lines of at most `width` columns (40 or more): the worst `limit` instances, the others summed up.

    With `limit` `None` every instance has its line. Days that have no room are left out, the oldest first.
    A name is shown whole unless it is wider than the terminal.
    """
    shown = coverage.instances[:limit]
    name = _choose_name_width(shown, width)
    dates = _choose_dates(coverage, width, name)
    lines = [*_head(coverage, dates, width), ""]
    if shown:
        lines += _number_days(dates, name)
        lines += [line for one in shown for line in _draw(one, coverage, len(dates), width, name)]
    lines += _sum_up(coverage.instances[len(shown) :])
    rest = [*(["", _legend()] if shown else []), *_close(coverage)]
    lines += [part for line in rest for part in wrap(line, width, subsequent_indent="  ") or [""]]
    return "".join(f"{fit(line, width).rstrip()}\n" for line in lines)


def fit(text: str, width: int) -> str:
    """Return a text of exactly `width` columns, filled up or cut with `…`; an East Asian character takes two."""
    sizes = _sizes(text)
    if sum(sizes) <= width:
        return text + " " * (width - sum(sizes))
    kept, used = 0, 0
    while used + sizes[kept] < width:
        used += sizes[kept]
        kept += 1
    return text[:kept] + "…" + " " * (width - used - 1)


def columns(text: str) -> int:
    """Return how many columns a text takes: two for an East Asian character, none for one that combines."""
    return sum(_sizes(text))


def _sizes(text: str) -> list[int]:
    return [0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text]


def _name_of(one: InstanceCoverage) -> str:
    return clean(one.instance_name or one.instance_id)


def _choose_name_width(shown: Sequence[InstanceCoverage], width: int) -> int:
    longest = max((columns(_name_of(one)) for one in shown), default=0)
    room = width - AGE - STATE - 5 - FEWEST_DAYS
    return min(max(longest, NAME if width >= NARROW else NARROW_NAME), max(room, NARROW_NAME))


def _choose_dates(coverage: Coverage, width: int, name: int) -> Sequence[date]:
    span = (coverage.last_day - coverage.first_day).days + 1
    room = width - name - AGE - STATE - 5
    shown = min(span, NARROW_DAYS) if width < NARROW else min(span, room)
    return [coverage.last_day - timedelta(days=back) for back in reversed(range(max(0, min(shown, room))))]


def _head(coverage: Coverage, dates: Sequence[date], width: int) -> Iterator[str]:
    schedule = f" / {coverage.schedule}" if coverage.schedule else ""
    days = f"{count(len(dates), 'day')} to {coverage.last_day} ({coverage.timezone})"
    subject = f"COVERAGE  {clean(coverage.connection)}{clean(schedule)}"
    left = f"{subject} · {clean(days)}"
    summary = summarize(coverage)
    if len(left) + len(summary) + 2 <= width:
        yield left + summary.rjust(width - len(left))
        return
    yield from (left,) if len(left) <= width else (subject, clean(days))
    yield from wrap(summary, width)


def _number_days(dates: Sequence[date], name: int) -> Iterator[str]:
    """Return two lines above the days: where months begin, and the numbers of the first day and of each Monday."""
    months, numbers = [" "] * (len(dates) + 10), [" "] * (len(dates) + 2)
    for index, day in enumerate(dates):
        if (day.day == 1 or index == 0) and all(char == " " for char in months[max(0, index - 1) : index + 3]):
            months[index : index + 3] = f"{day:%b}"
        if (day.weekday() == 0 or index == 0) and all(char == " " for char in numbers[max(0, index - 1) : index + 2]):
            numbers[index : index + 2] = f"{day.day:02}"
    yield fit("", name + 1) + "".join(months)
    yield fit("instance", name + 1) + fit("".join(numbers), len(dates) + 2) + fit("last good", AGE + 2) + "state"


def _draw(one: InstanceCoverage, coverage: Coverage, days: int, width: int, name: int) -> Iterator[str]:
    good = one.last_good_backup
    age = show_age(good.begin_time, coverage.audited_at) if good else "never"
    marks = "".join(DAY_MARKS[Day(mark)] for mark in one.days[len(one.days) - days :]).rjust(days)
    state = f"{STATE_MARKS[one.state]} {STATE_WORDS[one.state]}"
    text = _name_of(one)
    if columns(text) > name:
        yield text
        text = ""
    line = f"{fit(text, name)} {marks}  {fit(age, AGE)}  {fit(state, STATE)}"
    left = width - name - len(marks) - AGE - STATE - 6
    is_explained = one.state is not State.OK and left >= SHORTEST_REASON
    yield f"{line} {clean(one.reason)}" if is_explained else line


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
