"""Durations of retention rules: how they are written, and how they are subtracted."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.durations import Duration

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "duration", "canonical"),
    [
        ("1y6m7d12h", Duration(1, 6, 7, 12), "1y6m7d12h"),
        ("12h7d6m1y", Duration(1, 6, 7, 12), "1y6m7d12h"),
        ("1d12h3d", Duration(days=3, hours=12), "3d12h"),
        ("30d", Duration(days=30), "30d"),
        ("007d", Duration(days=7), "7d"),
        ("0d", Duration(), "0h"),
    ],
    ids=["all units", "another order", "a unit twice", "one unit", "zeros in front", "nothing"],
)
def test_a_duration_is_read_in_any_order_and_written_in_one(text: str, duration: Duration, canonical: str) -> None:
    assert Duration.parse(text) == duration
    assert str(duration) == canonical
    assert Duration.parse(canonical) == duration


@pytest.mark.parametrize(
    "text",
    ["", "2w", "7", "d", "7D", "-7d", "+7d", "7 d", " 7d", "7d\n", "1.5d", "\u0667d", "7d7", "1234567890d", "1d2w"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^not numbers of y, m, d or h, such as 1y6m7d12h$"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["1y", "1m", "1d", "1h"])
def test_a_duration_is_true_unless_it_is_nothing(text: str) -> None:
    assert Duration.parse(text)
    assert not Duration.parse(text.replace("1", "0"))


BEFORE = {
    "days": ("7d", "2026-03-10T03:00", "2026-03-03T03:00"),
    "months over the year's end": ("14m", "2026-01-15T03:00", "2024-11-15T03:00"),
    "to December": ("1m", "2026-01-15T03:00", "2025-12-15T03:00"),
    "31 February is 3 March": ("1m", "2026-03-31T03:00", "2026-03-03T03:00"),
    "31 February of a leap year is 2 March": ("1m", "2024-03-31T03:00", "2024-03-02T03:00"),
    "31 November is 1 December": ("1m", "2026-12-31T03:00", "2026-12-01T03:00"),
    "29 February before a leap day": ("1y", "2024-02-29T03:00", "2023-03-01T03:00"),
    "the days after the months": ("1m1d", "2026-03-31T03:00", "2026-03-02T03:00"),
    "hours last": ("1y1m1d1h", "2026-05-03T00:30", "2025-04-01T23:30"),
    "more hours than a day has": ("49h", "2026-05-03T00:30", "2026-04-30T23:30"),
    "nothing": ("0h", "2026-05-03T00:30", "2026-05-03T00:30"),
    "before the year 1": ("9999y", "2026-05-03T00:30", "0001-01-01T00:00"),
    "more days than are counted": ("999999999d", "2026-05-03T00:30", "0001-01-01T00:00"),
    "more hours than are counted": ("999999999h", "2026-05-03T00:30", "0001-01-01T00:00"),
}


@pytest.mark.parametrize(("text", "when", "expected"), BEFORE.values(), ids=BEFORE)
def test_a_duration_is_subtracted_by_the_calendar(text: str, when: str, expected: str) -> None:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    assert Duration.parse(text).before(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


IN_BERLIN = {
    "a day of 25 hours": ("1d", "2026-10-25T23:00Z", "2026-10-24T22:00Z"),
    "a day in which the clock is put on": ("1d", "2026-03-29T12:00Z", "2026-03-28T13:00Z"),
    "24 hours over the same change": ("24h", "2026-03-29T12:00Z", "2026-03-28T12:00Z"),
    "a month over the change": ("1m", "2026-11-20T02:00Z", "2026-10-20T01:00Z"),
    "a time that the clock had twice is the first": ("1d", "2026-10-26T01:30Z", "2026-10-25T00:30Z"),
    "a time that the clock skipped": ("1d", "2026-03-30T00:30Z", "2026-03-29T01:30Z"),
    "hours from the second 02:30": ("1h", "2026-10-25T01:30Z", "2026-10-25T00:30Z"),
    "hours from the first 02:30": ("1h", "2026-10-25T00:30Z", "2026-10-24T23:30Z"),
    "a day from the second 02:30": ("1d", "2026-10-25T01:30Z", "2026-10-24T00:30Z"),
}


@pytest.mark.parametrize(("text", "when", "expected"), IN_BERLIN.values(), ids=IN_BERLIN)
def test_days_are_of_the_zones_clock_and_hours_are_elapsed(text: str, when: str, expected: str) -> None:
    before = Duration.parse(text).before(datetime.fromisoformat(when).astimezone(BERLIN))
    assert before.astimezone(UTC) == datetime.fromisoformat(expected)
    assert before.tzinfo is UTC
