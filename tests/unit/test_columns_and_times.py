"""Columns of text, and times as a person types them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup_cli.backups.instances import Instance, choose_instance
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.tables import align
from gaussdb_backup_cli.times.moments import find_zone, parse_age, parse_moment, parse_time, show_ago

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T01:30:00Z", datetime(2026, 11, 24, 1, 30, tzinfo=UTC)),
        ("2026-11-24T02:30:00+01:00", datetime(2026, 11, 24, 1, 30, tzinfo=UTC)),
        ("2026-11-24T02:30", datetime(2026, 11, 24, 1, 30, tzinfo=UTC)),
        ("2026-07-24", datetime(2026, 7, 23, 22, 0, tzinfo=UTC)),
        ("36h", NOW - timedelta(hours=36)),
        ("7d", NOW - timedelta(days=7)),
        ("90m", NOW - timedelta(minutes=90)),
    ],
)
def test_times_dates_and_ages(text: str, time: datetime) -> None:
    assert parse_moment(text, BERLIN, now=NOW) == time


@pytest.mark.parametrize("text", ["", "soon", "7", "7w", "-7d", "2026-13-01", "0001-01-01T00:00+14:00", "9999999d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        parse_moment(text, BERLIN, now=NOW)
    assert caught.value.code == "bad_time"


def test_an_age_is_no_time_of_a_run() -> None:
    assert parse_age("2026-11-24") is None
    with pytest.raises(CommandFailed, match="7d is no time"):
        parse_time("7d", UTC)


def test_a_zone_that_this_machine_does_not_know_is_utc() -> None:
    assert find_zone("Mars/Olympus") is UTC
    assert show_ago(NOW - timedelta(hours=7), BERLIN, now=NOW) == "2026-11-24 06:00 CET, 7 h ago"


def test_cells_are_in_columns_whatever_their_width() -> None:
    rows = [["ok", "数据库", "1 min"], ["FAILED", "orders", "x"]]
    assert align(rows, width=80) == ["ok      数据库  1 min", "FAILED  orders  x"]
    assert align([["a", "1 MB", "x"], ["b", "10 MB", ""]], width=80, right={1}) == ["a   1 MB  x", "b  10 MB"]


def test_the_last_cell_of_a_long_line_has_its_own() -> None:
    assert align([["ok", "orders", "a long reason"]], width=20) == ["ok  orders", "    a long reason"]
    assert align([], width=20) == []


@pytest.mark.parametrize("given", ["orders", "a1", "orders-", "a2"])
def test_an_instance_is_known_by_its_name_its_id_or_their_beginning(given: str) -> None:
    found = choose_instance([Instance("a1", "orders"), Instance("a2b", "orders-old")], given)
    assert found.id == ("a1" if given in ("orders", "a1") else "a2b")


def test_instances_of_one_name_are_known_by_their_ids() -> None:
    with pytest.raises(CommandFailed) as caught:
        choose_instance([Instance("a1", "orders"), Instance("a2", "orders")], "orders")
    assert caught.value.hint == "name one: orders (a1), orders (a2)"


def test_not_all_of_many_candidates_are_named() -> None:
    with pytest.raises(CommandFailed) as caught:
        choose_instance([Instance(f"a{number}", f"orders-{number:02}") for number in range(30)], "orders")
    assert caught.value.hint.endswith("orders-09 and 20 more")
