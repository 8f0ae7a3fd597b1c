"""How single values of coverage are written, the same on the page and in a terminal.

Texts that others chose (names, reasons, ids) are shown as they are, but for what changes how the text around them is
shown: control characters, marks of direction, halves of characters.
"""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

from gaussdb_backup.domain.coverage import Coverage, Day, InstanceCoverage, State

MAX_SHOWN = 300
"""Characters that are shown of a text: a name of the API has at most 64, and a reason about 200."""
_NOT_SHOWN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
STATE_WORDS: Final = {
    State.NEVER: "Never",
    State.FAILING: "Failing",
    State.LATE: "Late",
    State.BUILDING: "Building",
    State.NEW: "New",
    State.OK: "OK",
}
STATE_MARKS: Final = {
    State.NEVER: "✗",
    State.FAILING: "×",
    State.LATE: "!",
    State.BUILDING: "▨",
    State.NEW: "+",
    State.OK: "✓",
}
STATE_DESCRIPTIONS: Final = {
    State.NEVER: "It has no good backup, and has existed for longer than one may be old",
    State.FAILING: "Its last good backup is too old, and the newest attempt since then failed",
    State.LATE: "Its last good backup is too old",
    State.BUILDING: "Its last good backup is too old, and one is being made",
    State.NEW: "It has no good backup yet, but has not existed for longer than one may be old",
    State.OK: "Its last good backup is young enough",
}
DAY_WORDS: Final = {
    Day.GOOD: "good",
    Day.BUILDING: "running",
    Day.FAILED: "failed",
    Day.NONE: "none",
    Day.ABSENT: "did not exist",
}
DAY_MARKS: Final = {Day.GOOD: "■", Day.BUILDING: "▨", Day.FAILED: "×", Day.NONE: "·", Day.ABSENT: " "}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_SIZES: Final = ("MB", "GB", "TB", "PB")


def clean(text: str) -> str:
    """Return a text with � for each character that is not shown itself, and no longer than `MAX_SHOWN`."""
    short = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
    return _NOT_SHOWN.sub("�", short)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 backup`, `1,200 backups`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def show_age(since: datetime, now: datetime) -> str:
    """Return how long ago something was: minutes below two hours, hours below three days, then days.

    A time that is a little ahead, as clocks differ, is 0 minutes ago.
    """
    age = max(now - since, timedelta(0))
    if age < 2 * HOUR:
        return f"{age // timedelta(minutes=1)} min"
    return f"{age // HOUR} h" if age < 3 * DAY else f"{age // DAY} days"


def show_duration(seconds: float) -> str:
    """Return how long something took: `45 s`, `18 min`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def show_size(megabytes: float) -> str:
    """Return a size in the greatest unit of which there is one, 1024 of the smaller each: `512 MB`, `1.9 TB`."""
    value, unit = megabytes, _SIZES[0]
    for unit in _SIZES:
        if value < 1024 or unit == _SIZES[-1]:  # noqa: PLR2004 - MB of a GB
            break
        value /= 1024
    return f"{value:.1f} {unit}" if value < 10 and unit != "MB" else f"{value:,.0f} {unit}"  # noqa: PLR2004 - one digit


def show_time(instant: datetime, zone: tzinfo) -> str:
    """Return a time to the minute in a zone, such as `2026-11-24 07:30`."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def show_usual(one: InstanceCoverage) -> str:
    """Return the usual duration and how much the last one differs, `usually 12 min (+50 %)`; empty if not known."""
    last = one.last_good_backup.duration_seconds if one.last_good_backup else None
    usual = one.usual_duration_seconds
    if usual is None:
        return ""
    change = f" ({round((last - usual) / usual * 100):+} %)" if last is not None and usual > 0 else ""
    return f"usually {show_duration(usual)}{change}"


def summarize(coverage: Coverage) -> str:
    """Return in one sentence, without a full stop, whether the instances are covered."""
    audited, uncovered = coverage.audited, coverage.uncovered
    if audited == 0:
        return "No instance was audited: the project lists none that is selected"
    if uncovered:
        return f"{uncovered:,} of {count(audited, 'instance')} {'needs' if uncovered == 1 else 'need'} you"
    lost = len(coverage.not_found)
    missing = f", but {lost:,} selected {'was' if lost == 1 else 'were'} not found" if lost else ""
    well = coverage.states.get(State.OK, 0)
    if well == 0:
        return f"No instance is covered yet, each is new or being backed up{missing}"
    if well < audited:
        verb = "is" if well == 1 else "are"
        return f"{well:,} of {count(audited, 'instance')} {verb} covered, the others new or being backed up{missing}"
    return f"{'The only instance is' if audited == 1 else f'All {audited:,} instances are'} covered{missing}"
