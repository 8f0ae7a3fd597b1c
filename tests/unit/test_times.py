"""When a schedule runs: compared with AWS's published rules minute by minute, where zones set their clocks."""

import time as clock
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaussdb_backup_cli.times.timetable import parse_timetable

type Matches = Callable[[datetime], bool]
type FieldOfCron = tuple[str, Matches]

NAMES_OF_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
NAMES_OF_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, 7, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Sydney", datetime(2026, 10, 3, 16, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2028, 2, 29, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),
    ("UTC", datetime(2027, 1, 1, tzinfo=UTC)),
]
"""Around these the clock of the zone is set, or a month or a year ends."""
AROUND = timedelta(days=3)


@cache
def minutes_around(zone: str, change: datetime) -> list[tuple[datetime, datetime]]:
    """Each minute, in UTC and on the clock; of two that the clock shows alike the first."""
    seen: dict[datetime, datetime] = {}
    begin = change - AROUND
    for number in range(2 * AROUND // timedelta(minutes=1)):
        instant = begin + timedelta(minutes=number + 1)
        local = instant.astimezone(ZoneInfo(zone))
        if local.fold == 0:
            seen[local.replace(tzinfo=None)] = instant
    return [(instant, local) for local, instant in seen.items()]


@st.composite
def lists(draw: st.DrawFn, least: int, greatest: int, of: Callable[[datetime], int]) -> FieldOfCron:
    """A list of values, ranges and steps."""
    texts, wanted = [], set()
    for _ in range(draw(st.integers(1, 3))):
        first, last = sorted((draw(st.integers(least, greatest)), draw(st.integers(least, greatest))))
        step = draw(st.integers(1, greatest))
        text, values = draw(
            st.sampled_from(
                [
                    (f"{first}", [first]),
                    (f"{first}-{last}", range(first, last + 1)),
                    (f"{first}-{last}/{step}", range(first, last + 1, step)),
                    (f"{first}/{step}", range(first, greatest + 1, step)),
                    (f"*/{step}", range(least, greatest + 1, step)),
                    ("*", range(least, greatest + 1)),
                ]
            )
        )
        texts.append(text)
        wanted |= set(values)
    return ",".join(texts), lambda time: of(time) in wanted


def weekday(time: date) -> int:
    return (time.weekday() + 1) % 7 + 1


def month_end(time: date) -> int:
    return monthrange(time.year, time.month)[1]


def is_nearest_working_day(time: datetime, wanted: int) -> bool:
    """`3W`: the third, or the Friday before if it is a Saturday, or the Monday after; never in another month."""
    if wanted > month_end(time):
        return False
    day = date(time.year, time.month, wanted)
    shift = {7: -1 if wanted > 1 else 2, 1: 1 if wanted < month_end(time) else -2}.get(weekday(day), 0)
    return time.day == wanted + shift


DAYS: st.SearchStrategy[FieldOfCron] = st.one_of(
    lists(1, 31, lambda time: time.day),
    st.just(("L", lambda time: time.day == month_end(time))),
    st.integers(1, 30).map(lambda back: (f"L-{back}", lambda time: time.day == month_end(time) - back)),
    st.integers(1, 31).map(lambda day: (f"{day}W", lambda time: is_nearest_working_day(time, day))),
    st.just(("LW", lambda time: is_nearest_working_day(time, month_end(time)))),
)
NAMED_DAY = st.integers(1, 7).flatmap(
    lambda number: st.sampled_from([(str(number), number), (NAMES_OF_DAYS[number - 1], number)])
)
WEEKDAYS: st.SearchStrategy[FieldOfCron] = st.one_of(
    st.just(("*", lambda _: True)),
    st.lists(NAMED_DAY, min_size=1, max_size=3).map(
        lambda days: (",".join(text for text, _ in days), lambda time: weekday(time) in {each for _, each in days})
    ),
    st.just(("MON-FRI", lambda time: weekday(time) in range(2, 7))),
    st.just(("FRI-MON", lambda time: weekday(time) in (6, 7, 1, 2))),
    st.just(("L", lambda time: weekday(time) == 7)),
    NAMED_DAY.map(lambda day: (f"{day[0]}L", lambda time: weekday(time) == day[1] and time.day > month_end(time) - 7)),
    st.tuples(NAMED_DAY, st.integers(1, 5)).map(
        lambda both: (
            f"{both[0][0]}#{both[1]}",
            lambda time: weekday(time) == both[0][1] and (time.day - 1) // 7 + 1 == both[1],
        )
    ),
)
MONTHS: st.SearchStrategy[FieldOfCron] = st.one_of(
    st.just(("*", lambda _: True)),
    lists(1, 12, lambda time: time.month),
    st.integers(1, 12).map(lambda month: (NAMES_OF_MONTHS[month - 1], lambda time: time.month == month)),
)
YEARS: st.SearchStrategy[FieldOfCron] = st.one_of(
    st.just(("*", lambda _: True)),
    st.sampled_from(["2026", "2026-2027", "2011,2027", "2025/2"]).map(
        lambda text: (
            text,
            {
                "2026": lambda time: time.year == 2026,
                "2026-2027": lambda time: time.year in (2026, 2027),
                "2011,2027": lambda time: time.year in (2011, 2027),
                "2025/2": lambda time: time.year >= 2025 and time.year % 2 == 1,
            }[text],
        )
    ),
)


@st.composite
def crons(draw: st.DrawFn) -> FieldOfCron:
    minute = draw(lists(0, 59, lambda time: time.minute))
    hour = draw(lists(0, 23, lambda time: time.hour))
    day, of_week = draw(
        st.one_of(
            DAYS.map(lambda field: (field, ("?", lambda _: True))),
            WEEKDAYS.map(lambda field: (("?", lambda _: True), field)),
        )
    )
    fields = (minute, hour, day, draw(MONTHS), of_week, draw(YEARS))
    text = " ".join(text for text, _ in fields)
    return f"cron({text})", lambda time: all(matches(time) for _, matches in fields)


@given(crons(), st.sampled_from(CHANGES))
@example(("cron(* * * * ? *)", lambda _: True), CHANGES[1])
def test_cron_has_the_times_that_match_minute_by_minute(cron: FieldOfCron, around: tuple[str, datetime]) -> None:
    text, matches = cron
    zone, change = around
    expected = [instant for instant, local in minutes_around(zone, change) if matches(local)]
    timetable = parse_timetable(text, zone)
    assert timetable.between(change - AROUND, change + AROUND) == sorted(expected)
    assert timetable.next(change - AROUND, len(expected)) == sorted(expected)


@given(crons(), st.sampled_from(CHANGES), st.integers(-200, 200))
def test_the_next_time_is_strictly_later(cron: FieldOfCron, around: tuple[str, datetime], minutes: int) -> None:
    zone, change = around
    after = change + timedelta(minutes=minutes, seconds=minutes % 3)
    expected = sorted(instant for instant, local in minutes_around(zone, change) if instant > after and cron[1](local))
    found = parse_timetable(cron[0], zone).next(after, 1)
    assert found[:1] == expected[:1] or not expected


@pytest.mark.parametrize(
    ("zone", "expression", "skipped"),
    [
        ("Europe/Berlin", "cron(30 2 * * ? *)", ["2026-03-29T02:30"]),
        ("Europe/Berlin", "cron(0 3 * * ? *)", []),
        ("Europe/Berlin", "cron(0/30 * * * ? *)", ["2026-03-29T02:00", "2026-03-29T02:30"]),
        ("Australia/Lord_Howe", "cron(0/15 2 * * ? *)", ["2026-10-04T02:00", "2026-10-04T02:15"]),
        ("America/Santiago", "cron(15 0 * * ? *)", ["2026-09-06T00:15"]),
        ("Europe/Berlin", "at(2026-03-29T02:30:00)", ["2026-03-29T02:30"]),
        ("Europe/Berlin", "rate(1 hour)", []),
        ("UTC", "cron(* * * * ? *)", []),
    ],
)
def test_the_times_that_the_clock_skips(zone: str, expression: str, skipped: list[str]) -> None:
    after, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    timetable = parse_timetable(expression, zone, anchor=after)
    assert [f"{time:%Y-%m-%dT%H:%M}" for time in timetable.gaps(after, until)] == skipped


def test_a_gap_is_reported_within_its_period_only() -> None:
    timetable = parse_timetable("cron(30 2 * * ? *)", "Europe/Berlin")
    gap = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert timetable.gaps(gap, gap + timedelta(days=1)) == []
    assert [time.isoformat() for time in timetable.gaps(gap - timedelta(seconds=1), gap)] == ["2026-03-29T02:30:00"]


def test_a_time_that_the_clock_shows_twice_runs_the_first_time() -> None:
    timetable = parse_timetable("cron(30 2 * * ? *)", "Europe/Berlin")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert timetable.next(first - timedelta(seconds=1), 2) == [first, second]
    assert timetable.next(first + timedelta(minutes=45), 1) == [second]


def test_a_rate_counts_elapsed_time_from_its_anchor() -> None:
    anchor = datetime(2026, 3, 28, 3, 30, tzinfo=UTC)
    timetable = parse_timetable("rate(1 days)", "Europe/Berlin", anchor=anchor)
    assert timetable.next(anchor - timedelta(days=9), 2) == [anchor, anchor + timedelta(hours=24)]
    assert timetable.next(anchor, 1) == [anchor + timedelta(hours=24)]
    assert timetable.interval == timedelta(days=1)


@pytest.mark.parametrize(("expression", "count"), [("at(2026-05-01T03:30:15)", 1), ("cron(0 0 30 2 ? *)", 0)])
def test_what_ends_has_no_more_times(expression: str, count: int) -> None:
    timetable = parse_timetable(expression, "Europe/Berlin")
    found = timetable.next(datetime(2026, 1, 1, tzinfo=UTC), 5)
    assert found == [datetime(2026, 5, 1, 1, 30, 15, tzinfo=UTC)][:count]
    assert timetable.next(datetime(2026, 5, 1, 1, 30, 15, tzinfo=UTC), 5) == []


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("30 3 * * ? *", "a schedule is cron(30 3 * * ? *), rate(12 hours) or at(2026-12-01T03:30:00)"),
        ("Cron(30 3 * * ? *)", "a schedule is"),
        ("cron(30 3 * * *)", "cron() has six fields, not 5"),
        ("cron(30 3 * * * *)", "one of the day of the month and the day of the week, and only one, must be ?"),
        ("cron(30 3 ? * ? *)", "only one, must be ?"),
        ("cron(60 3 * * ? *)", "the minute may not be '60': it has values from 0 to 59"),
        ("cron(*/0 3 * * ? *)", "the minute may not be '*/0'"),
        ("cron(5-* 3 * * ? *)", "the minute may not be '5-*'"),
        ("cron(30 24 * * ? *)", "the hour may not be '24'"),
        ("cron(30 3 0 * ? *)", "the day of the month may not be '0'"),
        ("cron(30 3 32W * ? *)", "the day of the month may not be '32'"),
        ("cron(30 3 L-31 * ? *)", "the day of the month may not be 'L-31'"),
        ("cron(30 3 * 13 ? *)", "the month may not be '13': it has values from 1 to 12 or JAN to DEC"),
        ("cron(30 3 ? * 0 *)", "the day of the week may not be '0': it has values from 1 to 7 or SUN to SAT"),
        ("cron(30 3 ? * MON/2 *)", "the day of the week may not be 'MON/2'"),
        ("cron(30 3 ? * 1#1,2#1 *)", "the day of the week may not be '1#1'"),
        ("cron(30 3 * * ? 1969)", "the year may not be '1969'"),
        ("cron(30 3 * * ? 2027-2026)", "the year may not be '2027-2026'"),
        ("cron(٣ 3 * * ? *)", "the minute may not be"),
        ("rate(0 days)", "rate() has a whole number above 0"),
        ("rate(1.5 days)", "rate() has a whole number above 0"),
        ("rate(1 week)", "rate() has a whole number above 0"),
        ("rate(999999999 days)", "longer than 200 years"),
        ("at(2026-12-01 03:30)", "at() has a date and a time without a zone"),
        ("at(2026-12-01T03:30:00Z)", "at() has a date and a time without a zone"),
        ("at(2026-02-30T03:30:00)", "at() has a date and a time"),
        ("", "a schedule is"),
    ],
)
def test_what_is_wrong_with_an_expression(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        parse_timetable(expression, "UTC", anchor=datetime(2026, 1, 1, tzinfo=UTC))
    assert reason in str(caught.value)


@given(st.text(alphabet="cronat()e0123456789*?/-,#LWSUNMO ", max_size=40))
def test_any_text_is_a_schedule_or_a_reason(text: str) -> None:
    for expression in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        try:
            timetable = parse_timetable(expression, "UTC", anchor=datetime(2026, 1, 1, tzinfo=UTC))
        except ValueError:
            continue
        assert len(timetable.next(datetime(2026, 1, 1, tzinfo=UTC), 1)) <= 1


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../UTC", "Europe"])
def test_a_zone_that_does_not_exist(zone: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        parse_timetable("cron(30 3 * * ? *)", zone)


def test_a_rate_without_an_anchor_has_no_known_times() -> None:
    with pytest.raises(ValueError, match="the time from which it counts"):
        parse_timetable("rate(1 hour)", "UTC")


def test_a_list_of_times_has_an_end() -> None:
    timetable = parse_timetable("cron(* * * * ? *)", "UTC")
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(timetable.between(begin, begin + timedelta(minutes=10_000))) == 10_000
    with pytest.raises(ValueError, match="more than 10,000 times in this period"):
        timetable.between(begin, begin + timedelta(minutes=10_001))


def test_the_rarest_times_and_the_most_frequent_ones_are_found_at_once() -> None:
    begin = clock.perf_counter()
    rare = parse_timetable("cron(0 0 29 2 ? 2196)", "Europe/Berlin")
    assert rare.next(datetime(1970, 1, 1, tzinfo=UTC), 2) == [datetime(2196, 2, 28, 23, tzinfo=UTC)]
    dense = parse_timetable("cron(* * * * ? *)", "Europe/Berlin")
    assert len(dense.gaps(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))) == 60
    assert clock.perf_counter() - begin < 1
