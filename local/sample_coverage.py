"""A project as an audit may find it, which the tests of the page open.

The backups are given day by day; how each instance is covered is measured from them, as in an audit.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gaussdb_backup.domain.coverage import Coverage, Day, InstanceCoverage, NextPrune, PlannedDeletion, State
from gaussdb_backup.domain.instance_coverage import CoverageCriteria, find_orphans, measure_instances
from gaussdb_backup.domain.models import Backup, BackupStatus, Instance, Protection, VaultLock

AUDITED_AT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
_DAYS = 30
_CRITERIA = CoverageCriteria(now=AUDITED_AT, max_age=timedelta(hours=26), days=_DAYS, zone=ZoneInfo("Europe/Berlin"))
_STATUSES = {Day.GOOD: "COMPLETED", Day.BUILDING: "BUILDING", Day.FAILED: "FAILED"}


class _Example(NamedTuple):
    """An instance: what it has of each day, the size of a backup in gigabytes, its usual duration in minutes."""

    name: str
    days: str
    size_gb: float
    minutes: int


_EXAMPLES = (
    _Example("billing-eu", "g" * 28 + "ff", 88, 18),
    _Example("crm-archive", "n" * 30, 0, 0),
    _Example("warehouse-eu-2", "g" * 11 + "f" + "g" * 15 + "nnn", 412, 74),
    _Example("analytics-eu", "g" * 28 + "nb", 1940, 390),
    _Example("checkout-canary", "-" * 29 + "n", 0, 0),
    _Example("orders-eu-1", "g" * 30, 236, 41),
    _Example("orders-eu-2", "g" * 17 + "f" + "g" * 12, 241, 43),
    _Example("customers-eu", "g" * 30, 96, 19),
    _Example("inventory-eu", "g" * 22 + "ng" + "g" * 6, 64, 12),
    _Example("payments-eu", "g" * 30, 51, 11),
    _Example("search-eu", "-" * 14 + "g" * 16, 22, 6),
    _Example("shipping-eu", "g" * 30, 18, 5),
)
_DELETED = _Example("orders-eu-old", "g" * 9, 198, 36)


def make_sample_coverage() -> Coverage:
    """Return the coverage of twelve instances, three of which need a person."""
    instances = [_make_instance(index, example) for index, example in enumerate(_EXAMPLES)]
    backups = [backup for index, example in enumerate(_EXAMPLES) for backup in _make_backups(index, example)]
    orphans = find_orphans(_make_backups(99, _DELETED), known=())
    measured = [_protect(one) for one in measure_instances(instances, backups, _CRITERIA)]
    states = [one.state for one in measured]
    return Coverage(
        connection="production",
        schedule="morning-audit",
        scheduled_time=AUDITED_AT,
        audited_at=AUDITED_AT,
        timezone="Europe/Berlin",
        max_age_hours=26,
        first_day=_CRITERIA.dates[0],
        last_day=_CRITERIA.dates[-1],
        audited=len(measured),
        uncovered=sum(state.is_uncovered for state in states),
        states={state: states.count(state) for state in State},
        instances=tuple(measured),
        orphans=tuple(orphans),
        catch_up=tuple(one.instance_id for one in measured if one.state is State.LATE),
        next_prune=NextPrune(kept=len(backups) - 3, deleted=tuple(_plan_deletions(backups))),
    )


def _make_id(number: int, suffix: str) -> str:
    return f"{Random(number).getrandbits(128):032x}{suffix}"  # noqa: S311 - an id of an example


def _make_instance(index: int, example: _Example) -> Instance:
    age = timedelta(hours=9) if example.days.startswith("-" * 29) else timedelta(days=_DAYS - example.days.count("-"))
    created = AUDITED_AT - (age if "-" in example.days else timedelta(days=400))
    return Instance.model_validate(
        {
            "id": _make_id(index, "in07"),
            "name": example.name,
            "status": "ACTIVE",
            "created": created,
            "automatic_keep_days": 7,
        }
    )


def _make_backups(index: int, example: _Example) -> Iterator[Backup]:
    random = Random(index)  # noqa: S311 - durations of an example
    first = AUDITED_AT - timedelta(days=_DAYS - 1, hours=5)
    for day, mark in enumerate(example.days):
        if mark not in _STATUSES:
            continue
        begin = first + timedelta(days=day)
        length = timedelta(minutes=example.minutes * random.uniform(0.85, 1.15) * (1.0 if day < _DAYS - 2 else 1.2))
        yield Backup(
            id=_make_id(1000 * index + day, "br07"),
            name=f"nightly-{_make_id(index, '')[:8]}-{begin:%Y%m%dT%H%M%S}",
            instance_id=_make_id(index, "in07"),
            instance_name=example.name,
            status=BackupStatus(_STATUSES[Day(mark)]),
            begin_time=begin,
            end_time=None if mark == Day.BUILDING else begin + length,
            size_mb=example.size_gb * 1024 if mark == Day.GOOD else None,
        )


def _protect(one: InstanceCoverage) -> InstanceCoverage:
    if one.state in (State.NEVER, State.NEW):
        return one
    locked_until = AUDITED_AT + timedelta(days=90)
    lock = VaultLock(is_locked=one.instance_name.endswith("-eu"), retention_days=90, ends_at=locked_until)
    return one.model_copy(update={"protection": Protection(vault_lock=lock, encryption="on")})


def _plan_deletions(backups: list[Backup]) -> Iterator[PlannedDeletion]:
    for backup in sorted(backups, key=lambda backup: backup.begin_time or AUDITED_AT)[:3]:
        yield PlannedDeletion(
            backup_id=backup.id,
            backup_name=backup.name,
            instance_id=backup.instance_id,
            begin_time=backup.begin_time,
            size_mb=backup.size_mb,
            reason="no rule keeps it",
        )
