"""How each instance is covered by its backups (docs/reference/audit.md, "What counts")."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from statistics import median

from gaussdb_backup.domain.coverage import Day, GoodBackup, InstanceCoverage, Orphans, State
from gaussdb_backup.domain.models import Backup, BackupStatus, Instance
from gaussdb_backup.domain.tracking import CLOCK_TOLERANCE

BUILDING_LIMIT = timedelta(hours=24)
"""A backup that began longer ago and has not ended is not being made any more; no deadline of tracking is later."""
TREND_LENGTH = 10
"""Good backups whose durations are shown, and give the usual one."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CoverageCriteria:
    """What coverage is measured by: the time of the audit, the age that a backup may have, the days that are shown.

    `zone` is that of the days.
    """

    now: datetime
    max_age: timedelta
    days: int
    zone: tzinfo

    @property
    def dates(self) -> list[date]:
        """The days that are shown, the newest last."""
        today = self.now.astimezone(self.zone).date()
        return [today - timedelta(days=back) for back in reversed(range(self.days))]


def measure_instances(
    instances: Iterable[Instance], backups: Iterable[Backup], criteria: CoverageCriteria
) -> list[InstanceCoverage]:
    """Return how each instance is covered by the backups, worst first; within a state, the oldest first."""
    of_instance = group_by_instance(backups)
    measured = [measure_instance(instance, of_instance.get(instance.id, ()), criteria) for instance in instances]
    order = list(State)
    return sorted(measured, key=lambda one: (order.index(one.state), -(one.age_hours or 0.0), one.instance_id))


def group_by_instance(backups: Iterable[Backup]) -> dict[str, list[Backup]]:
    """Return the backups by the id of their instance."""
    groups: dict[str, list[Backup]] = {}
    for backup in backups:
        groups.setdefault(backup.instance_id, []).append(backup)
    return groups


def measure_instance(instance: Instance, backups: Iterable[Backup], criteria: CoverageCriteria) -> InstanceCoverage:
    """Return how one instance is covered by its backups.

    A backup without a begin, or with one further ahead than clocks may differ, cannot be dated and counts for nothing:
    its age would be invented. The age of a backup is that of its data, and so counts from its begin. One that is being
    made is no excuse where an earlier attempt has not ended either: the next one may not end for the same cause.
    """
    latest = criteria.now + CLOCK_TOLERANCE
    dated = sorted((b for b in backups if b.begin_time and b.begin_time <= latest), key=_order, reverse=True)
    good = [backup for backup in dated if backup.status.is_good]
    last_good = good[0] if good else None
    since = [backup for backup in dated if last_good is None or _begin(backup) > _begin(last_good)]
    building = [b for b in since if not b.status.is_final and criteria.now - _begin(b) < BUILDING_LIMIT]
    age = max(criteria.now - _begin(last_good), timedelta(0)) if last_good else None
    is_building = bool(building) and all(backup.status.is_final or backup in building for backup in since)
    state = _find_state(instance, age, since, is_building=is_building, criteria=criteria)
    durations = [round(b.duration_seconds) for b in good[:TREND_LENGTH] if b.duration_seconds is not None]
    return InstanceCoverage(
        instance_id=instance.id,
        instance_name=instance.name,
        instance_status=instance.status,
        state=state,
        reason=_describe(instance, age, since, dated, building, criteria),
        age_hours=None if age is None else round(age / HOUR, 2),
        last_good_backup=None if last_good is None else GoodBackup.model_validate(_fields(last_good)),
        attempts_failed=sum(backup.status is BackupStatus.FAILED for backup in since),
        building_since=_begin(building[0]) if building else None,
        days=_mark_days(instance, dated, criteria),
        durations_seconds=tuple(reversed(durations)),
        usual_duration_seconds=round(median(durations[1:])) if durations[1:] else None,
        automatic_keep_days=instance.automatic_keep_days,
    )


def _find_creation(instance: Instance, criteria: CoverageCriteria) -> datetime | None:
    """Return when an instance was made; `None` for a time ahead too, with which it would be new until then."""
    is_known = instance.created is not None and instance.created <= criteria.now + CLOCK_TOLERANCE
    return instance.created if is_known else None


def _begin(backup: Backup) -> datetime:
    return backup.begin_time or datetime.min.replace(tzinfo=UTC)


def _order(backup: Backup) -> tuple[datetime, str]:
    return (_begin(backup), backup.id)


def _fields(backup: Backup) -> dict[str, object]:
    fields = ("id", "name", "type", "begin_time", "end_time", "duration_seconds", "size_mb")
    return {field: getattr(backup, field) for field in fields}


def _find_state(
    instance: Instance, age: timedelta | None, since: Sequence[Backup], *, is_building: bool, criteria: CoverageCriteria
) -> State:
    if age is None:
        created = _find_creation(instance, criteria)
        is_new = created is not None and criteria.now - created <= criteria.max_age
        return State.NEW if is_new else State.NEVER
    if age <= criteria.max_age:
        return State.OK
    if is_building:
        return State.BUILDING
    return State.FAILING if since and since[0].status is BackupStatus.FAILED else State.LATE


def _describe(
    instance: Instance,
    age: timedelta | None,
    since: Sequence[Backup],
    dated: Sequence[Backup],
    building: Sequence[Backup],
    criteria: CoverageCriteria,
) -> str:
    """Return why an instance is in its state, in one sentence without a full stop."""
    if age is None:
        clauses = ["it has no good backup"]
        if created := _find_creation(instance, criteria):
            clauses.append(f"it exists for {_span(max(criteria.now - created, timedelta(0)))}")
    else:
        clauses = [f"its last good backup is {_span(age)} old, of at most {_span(criteria.max_age)}"]
    if failed := sum(backup.status is BackupStatus.FAILED for backup in since):
        since_then = "" if age is None else " since"
        clauses.append(f"{failed} attempt{'s' if failed > 1 else ''}{since_then} failed")
    if building:
        clauses.append(f"one is being made for {_span(criteria.now - _begin(building[0]))}")
    old = [backup for backup in since if not backup.status.is_final and backup not in building]
    if old:
        clauses.append(f"one has not ended for {_span(criteria.now - _begin(old[-1]))} ({old[-1].vendor_status})")
    if not dated:
        clauses.append("none was ever attempted: check that a plan selects it")
    return ", ".join(clauses)


def _span(duration: timedelta) -> str:
    """Return a duration in words that are exact enough: minutes below two hours, hours below three days, then days."""
    if duration < 2 * HOUR:
        return f"{duration // timedelta(minutes=1)} min"
    return f"{duration // HOUR} h" if duration < 72 * HOUR else f"{duration // timedelta(days=1)} days"


def _mark_days(instance: Instance, dated: Iterable[Backup], criteria: CoverageCriteria) -> str:
    """Return the letter of each day: that of the best backup which began on it."""
    statuses: dict[date, set[Day]] = {}
    for backup in dated:
        statuses.setdefault(_begin(backup).astimezone(criteria.zone).date(), set()).add(_day_of(backup))
    created = _find_creation(instance, criteria)
    first = created.astimezone(criteria.zone).date() if created else date.min
    order = list(Day)
    return "".join(
        min(statuses[day], key=order.index) if day in statuses else Day.NONE if day >= first else Day.ABSENT
        for day in criteria.dates
    )


def _day_of(backup: Backup) -> Day:
    if backup.status.is_good:
        return Day.GOOD
    return Day.FAILED if backup.status is BackupStatus.FAILED else Day.BUILDING


def find_orphans(backups: Iterable[Backup], known: Collection[str]) -> list[Orphans]:
    """Return the backups of instances that are not among the `known` ids, by instance, most backups first.

    A backup without an instance is one of the instance with the empty id.
    """
    found = []
    for instance_id, group in group_by_instance(b for b in backups if b.instance_id not in known).items():
        newest = max(group, key=_order)
        found.append(
            Orphans(
                instance_id=instance_id,
                instance_name=newest.instance_name or "",
                backups=len(group),
                good=sum(backup.status.is_good for backup in group),
                newest=newest.begin_time,
                size_mb=sum(backup.size_mb or 0.0 for backup in group),
            )
        )
    return sorted(found, key=lambda one: (-one.backups, one.instance_id))
