"""What became of a run: by the names of its backups, their times, and what a prune may have deleted since."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup_cli.backups.instances import Instance
from gaussdb_backup_cli.backups.listing import BackupList, parse_list, shorten_ids
from gaussdb_backup_cli.runs.missed import would_be_kept
from gaussdb_backup_cli.runs.run import Expected, InstanceRun, Limits, Moment, State, match_run

RUN = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LIMITS = Limits(deadline=timedelta(hours=6), start_window=timedelta(hours=4))
ORDERS = Instance("a1", "orders")
DAY = timedelta(days=1)


def entry(number: int, begin: datetime | None, **fields: Any) -> dict[str, Any]:
    return {
        "backup_id": f"{number:032x}br07",
        "backup_name": "nightly-orders",
        "instance_id": ORDERS.id,
        "status": "COMPLETED",
        "begin_time": begin.isoformat() if begin else None,
        "end_time": None,
        "size_mb": None,
        "reasons": [],
        **fields,
    }


def listed(entries: Iterable[Mapping[str, Any]], *, total: int | None = None) -> BackupList:
    kept = list(entries)
    return parse_list({"kept": kept, "counts": {"kept": len(kept) if total is None else total}})


def match(*entries: Mapping[str, Any], hours: float = 5, **moment: Any) -> InstanceRun:
    now = RUN + timedelta(hours=hours)
    [found] = match_run([Expected(ORDERS, "nightly-orders")], listed(entries), RUN, Moment(now, LIMITS, **moment))
    return found


@pytest.mark.parametrize(
    ("begins", "number"),
    [
        ([-16 * 60], None),
        ([-14 * 60], 0),
        ([4, 3600], 0),
        ([3600, 4], 1),
        ([None], 0),
        ([None, 4], 1),
    ],
    ids=["of another run", "by a clock that is behind", "the first", "whatever the order", "no begin", "the dated one"],
)
def test_the_backup_of_a_run_is_the_first_of_its_name(begins: list[float | None], number: int | None) -> None:
    times = [None if each is None else RUN + timedelta(seconds=each) for each in begins]
    found = match(*(entry(at, begin) for at, begin in enumerate(times)))
    assert (found.backup.id if found.backup else None) == (None if number is None else f"{number:032x}br07")


@pytest.mark.parametrize(
    ("hours", "requested", "state"),
    [
        (3.9, None, State.WAITING),
        (4, None, State.MISSING),
        (30, RUN + timedelta(hours=29), State.WAITING),
        (34, RUN + timedelta(hours=29), State.MISSING),
    ],
)
def test_a_request_may_start_until_its_window_ends(hours: float, requested: datetime | None, state: State) -> None:
    assert match(hours=hours, requested=requested).state is state


def test_a_later_backup_makes_up_only_before_the_next_run() -> None:
    later = entry(1, RUN + timedelta(hours=3), backup_name="by-hand")
    assert match(later).state is State.MADE_UP
    assert match(later, until=RUN + timedelta(hours=2)).state is State.MISSING
    assert match({**later, "status": "FAILED"}).state is State.MISSING


def test_a_list_that_was_cut_is_complete_only_before_its_last_instance() -> None:
    cut = listed([entry(1, RUN, instance_id="a2"), entry(2, RUN, instance_id="a5")], total=9)
    expected = [Expected(Instance(id_, id_), "nightly") for id_ in ("a1", "a5", "a9")]
    found = match_run(expected, cut, RUN, Moment(RUN + DAY, LIMITS))
    assert {one.instance.id: one.state for one in found} == {
        "a1": State.MISSING,
        "a5": State.UNKNOWN,
        "a9": State.UNKNOWN,
    }


def test_of_a_list_that_was_cut_to_nothing_nothing_is_known() -> None:
    found = match_run([Expected(ORDERS, "nightly")], listed([], total=9), RUN, Moment(RUN + DAY, LIMITS))
    assert [one.state for one in found] == [State.UNKNOWN]


def test_what_needs_a_person_comes_first() -> None:
    expected = [
        Expected(Instance("a3", "c"), None, State.SKIPPED, "it is frozen"),
        Expected(Instance("a2", "b"), None, State.REJECTED, "no such instance"),
        Expected(Instance("a1", "a"), "nightly-orders"),
    ]
    found = match_run(expected, listed([entry(1, RUN)]), RUN, Moment(RUN + DAY, LIMITS))
    assert [one.state for one in found] == [State.REJECTED, State.SKIPPED, State.OK]


@pytest.mark.parametrize(
    ("keep", "days", "name", "kept"),
    [
        ({"daily": 7}, 3, "nightly-x", True),
        ({"daily": 7}, 9, "nightly-x", False),
        ({"daily": 7}, 9, "weekly-x", True),
        ({"daily": 30}, 25, "nightly-x", True),
        ({"last": 3}, 1.5, "nightly-x", True),
        ({"last": 3}, 4.5, "nightly-x", False),
        ({"within": "5d"}, 4.5, "nightly-x", True),
        ({"within": "5d"}, 20.5, "nightly-x", False),
    ],
)
def test_whether_a_backup_would_still_be_there(keep: dict[str, Any], days: float, name: str, kept: bool) -> None:
    prune = parse_prune({"name_prefix": "nightly-", "keep": keep})
    there = [
        Backup.model_validate(
            {"id": str(day), "name": "nightly-a", "status": "COMPLETED", "begin_time": RUN - day * DAY}
        )
        for day in range(20)
        if day not in (3, 9)
    ]
    begin = RUN - days * DAY
    assert would_be_kept(name, begin, there, prune, now=RUN + timedelta(hours=1)) is kept


def test_that_it_would_be_the_oldest_or_the_only_one_shows_nothing() -> None:
    oldest = parse_prune({"name_prefix": "nightly-", "keep": {"monthly": 5}})
    there = [Backup.model_validate({"id": "1", "name": "nightly-a", "status": "COMPLETED", "begin_time": RUN})]
    assert not would_be_kept("nightly-x", RUN - DAY, there, oldest, now=RUN + DAY)
    at_least = parse_prune({"name_prefix": "nightly-", "keep": {"last": 1}, "minimum_good": 9})
    assert not would_be_kept("nightly-x", RUN - DAY, there, at_least, now=RUN + DAY)


def test_backups_are_listed_once_each_the_newest_first() -> None:
    response = {
        "kept": [entry(1, RUN), entry(4, None)],
        "deleted": [entry(2, RUN + DAY, reasons=["failed"], status="FAILED")],
        "counts": {"kept": 2, "deleted": 1, "deferred": 0, "failed": 0, "not_found": 3},
    }
    found = parse_list(response)
    assert [(int(one.backup.id[:32], 16), one.is_kept) for one in found.listed] == [(2, False), (1, True), (4, True)]
    assert (found.total, found.is_cut) == (3, False)


@pytest.mark.parametrize(
    ("ids", "short"),
    [
        (["0123456789", "a123456789"], ["01234567", "a1234567"]),
        (["012345678a", "012345678b"], ["012345678a", "012345678b"]),
        (["0123", "01234"], ["0123", "01234"]),
        (["0123456789"], ["01234567"]),
        ([], []),
    ],
)
def test_ids_are_as_short_as_they_differ_and_8_characters_at_least(ids: list[str], short: list[str]) -> None:
    assert list(shorten_ids([Backup(id=each) for each in ids]).values()) == short
