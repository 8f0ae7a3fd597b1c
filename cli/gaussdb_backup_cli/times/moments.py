"""Times as a person types them, and as they are shown."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from gaussdb_backup.reports.texts import show_age, show_time
from gaussdb_backup_cli.failure import CommandFailed, Exit

_AGE = re.compile(r"([0-9]{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def parse_time(text: str, zone: tzinfo) -> datetime:
    """Return a time or date of ISO 8601 in UTC; one without an offset is of the zone. Raises `CommandFailed`."""
    try:
        parsed = datetime.fromisoformat(text)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandFailed(
            "bad_time",
            f"{text} is no time",
            "write it as 2026-11-24T01:30:00Z, or without the offset in the plan's time zone",
            exit_code=Exit.USAGE,
        ) from None


def parse_moment(text: str, zone: tzinfo, *, now: datetime) -> datetime:
    """Return a time, the begin of a date, or what an age such as `7d`, `36h` or `90m` ago means, in UTC.

    Raises `CommandFailed`.
    """
    age = parse_age(text)
    if age is not None:
        return now - age
    return parse_time(text, zone)


def parse_age(text: str) -> timedelta | None:
    """Return an age such as `7d`, `36h` or `90m`; `None` for another text."""
    match = _AGE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def find_zone(name: str) -> tzinfo:
    """Return a time zone; UTC for one that this machine does not know."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def show_zone(instant: datetime, zone: tzinfo) -> str:
    """Return a time to the minute with its zone, such as `2026-11-24 02:30 CET`."""
    return f"{show_time(instant, zone)} {instant.astimezone(zone).tzname()}"


def show_ago(instant: datetime, zone: tzinfo, *, now: datetime) -> str:
    """Return a time and how long ago it was, such as `2026-11-24 02:30 CET, 7 h ago`."""
    return f"{show_zone(instant, zone)}, {show_age(instant, now)} ago"


def show_utc(instant: datetime | None) -> str | None:
    """Return a time as the JSON form has it: UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if instant else None
