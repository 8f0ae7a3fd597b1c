"""What is allowed in a file with plans, and hardly meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise

from gaussdb_backup.domain.keep_rules import apply_rules
from gaussdb_backup.domain.naming import render_backup_name
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.plans.payloads import constant_begin, find_prefix
from gaussdb_backup_cli.plans.plan_file import PARTS
from gaussdb_backup_cli.plans.timetables import MOST_TIMES, Times, find_times
from gaussdb_backup_cli.schedules import Kind

BACKUP_TAKES = timedelta(hours=1)
"""Before this an audit may find the backup of its night still being made."""
SAMPLE_ID, SAMPLE_NAME = "a" * 32 + "in07", "instance"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """One warning. `path` is what it is about, in the plan; `code` names its kind."""

    code: str
    plan: str
    path: tuple[str, ...]
    message: str


def find_warnings(plans: Mapping[str, PlanOfFile], *, now: datetime) -> list[PlanWarning]:
    """Return the warnings, plan by plan, then those between plans."""
    found = [warning for name, plan in plans.items() for warning in _find_in_plan(name, plan, now)]
    return [*found, *_find_between(plans)]


def _find_in_plan(name: str, plan: PlanOfFile, now: datetime) -> Iterator[PlanWarning]:
    times = find_times(plan, now=now)
    if plan.end is not None and plan.end <= now:
        yield PlanWarning("ended", name, ("until",), "the plan has ended: its schedules are disabled")
        return
    for kind, each in times.items():
        yield from _find_in_schedule(name, PARTS[kind], plan, each)
    runs = times[Kind.BACKUP].next(MOST_TIMES)
    yield from _find_equal_names(name, plan, runs)
    if Kind.AUDIT in times:
        yield from _find_in_audit(name, plan, runs, times[Kind.AUDIT].next(MOST_TIMES))
    if plan.keep:
        yield from _find_in_keep(name, plan, runs)


def _find_in_schedule(name: str, part: str, plan: PlanOfFile, times: Times) -> Iterator[PlanWarning]:
    path = (part, "schedule")
    if not times.next(1):
        yield PlanWarning(
            "never_runs", name, path, f"the {part} never runs: its schedule has no time that is still ahead"
        )
    skipped = times.skipped
    if skipped:
        shown = ", ".join(f"{time:%Y-%m-%d %H:%M}" for time in skipped[:3])
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""  # noqa: PLR2004 - as shown
        message = f"the {part} does not run at {shown}{more}: the clock of {plan.timezone} skips this time"
        yield PlanWarning("clock_skips", name, path, message)


def _find_equal_names(name: str, plan: PlanOfFile, runs: Sequence[datetime]) -> Iterator[PlanWarning]:
    seen: dict[str, datetime] = {}
    for time in runs:
        rendered = render_name(name, plan, time)
        if rendered in seen:
            first, second = (f"{each.astimezone(plan.zone):%Y-%m-%d %H:%M}" for each in (seen[rendered], time))
            message = f"the backups of {first} and {second} have the same name, so the second is not made: show more of"
            yield PlanWarning(
                "equal_names", name, ("backup", "name_template"), f"{message} the time, such as %Y%m%d-%H%M"
            )
            return
        seen[rendered] = time


def _find_in_audit(
    name: str, plan: PlanOfFile, runs: Sequence[datetime], audits: Sequence[datetime]
) -> Iterator[PlanWarning]:
    if plan.audit is None:
        return
    max_age = timedelta(hours=plan.audit.max_age_hours)
    between_runs = max((later - earlier for earlier, later in pairwise(runs)), default=timedelta(0))
    if between_runs > max_age:
        message = f"{_hours(between_runs)} may lie between two backups: the audit reports each instance as late then"
        yield PlanWarning("age_too_short", name, ("audit", "max_age_hours"), message)
    between_audits = max((later - earlier for earlier, later in pairwise(audits)), default=timedelta(0))
    if between_audits > max_age:
        message = f"{_hours(between_audits)} may lie between two audits, more than max_age_hours ({_hours(max_age)})"
        yield PlanWarning("audit_too_rare", name, ("audit", "schedule"), message)
    if early := _find_early_audit(runs, audits):
        run, audit = (f"{time.astimezone(plan.zone):%Y-%m-%d %H:%M}" for time in early)
        message = f"the audit of {audit} follows the backup of {run} within an hour, and may find it still being made"
        yield PlanWarning("audit_too_early", name, ("audit", "schedule"), message)


def _find_early_audit(runs: Sequence[datetime], audits: Sequence[datetime]) -> tuple[datetime, datetime] | None:
    """Return a run and the audit that comes too early after it; where runs are frequent every audit follows one."""
    if any(later - earlier <= 2 * BACKUP_TAKES for earlier, later in pairwise(runs)):
        return None
    position = 0
    for audit in audits:
        while position < len(runs) and runs[position] <= audit:
            position += 1
        if position and audit - runs[position - 1] < BACKUP_TAKES:
            return runs[position - 1], audit
    return None


def _find_in_keep(name: str, plan: PlanOfFile, runs: Sequence[datetime]) -> Iterator[PlanWarning]:
    if plan.keep is None:
        return
    if plan.keep.dry_run:
        yield PlanWarning(
            "keep_dry_run", name, ("keep",), "keep deletes nothing: dry_run is true unless the file has false"
        )
    begin, prefix = constant_begin(plan.backup.name_template, name), find_prefix(name, plan) or ""
    if not begin.startswith(prefix):
        message = f"keep has the prefix {prefix}, but the names of this plan begin with {begin or 'what varies'}"
        yield PlanWarning("other_prefix", name, ("keep", "name_prefix"), f"{message}: it deletes none of them")
    if plan.audit and "days" in plan.audit.model_fields_set and (lost := _count_lost_days(plan, runs)):
        message = f"the audit shows {plan.audit.days} days, of which keep deletes the backups of {lost}"
        yield PlanWarning("keeps_too_little", name, ("keep",), message)


def _count_lost_days(plan: PlanOfFile, runs: Sequence[datetime]) -> int:
    """Return of how many of the days that an audit shows no backup is left, once the plan has run for as long."""
    if plan.keep is None or plan.audit is None or not runs:
        return 0
    last = runs[0] + timedelta(days=plan.audit.days)
    times = [time.astimezone(plan.zone) for time in runs if time < last]
    newest_first = times[::-1]
    kept = {
        time.date() for time, reasons in zip(newest_first, apply_rules(newest_first, plan.keep), strict=True) if reasons
    }
    return len({time.date() for time in times} - kept)


def _find_between(plans: Mapping[str, PlanOfFile]) -> Iterator[PlanWarning]:
    for (first, one), (second, other) in combinations(plans.items(), 2):
        if one.connection != other.connection or _are_disjoint(one, other):
            continue
        if _resolve(first, one) == _resolve(second, other):
            message = f"the names of its backups are those of the plan {first}: begin them with {{schedule}}"
            yield PlanWarning("plans_collide", second, ("backup", "name_template"), message)
            continue
        yield from _find_foreign_names(first, one, second, other)
        yield from _find_foreign_names(second, other, first, one)


def _find_foreign_names(name: str, plan: PlanOfFile, other: str, other_plan: PlanOfFile) -> Iterator[PlanWarning]:
    prefix = find_prefix(name, plan)
    if plan.keep and prefix is not None and constant_begin(other_plan.backup.name_template, other).startswith(prefix):
        message = f"keep counts and deletes the backups of the plan {other} too: their names begin with {prefix}"
        yield PlanWarning("keeps_others", name, ("keep",), message)


def _are_disjoint(one: PlanOfFile, other: PlanOfFile) -> bool:
    first, second = one.select.instance_ids, other.select.instance_ids
    return first is not None and second is not None and not set(first) & set(second)


def _resolve(name: str, plan: PlanOfFile) -> str:
    return plan.backup.name_template.replace("{schedule}", name)


def render_name(name: str, plan: PlanOfFile, time: datetime) -> str:
    """Return the name of the backup of a sample instance; of a template that has none for it the template."""
    try:
        return render_backup_name(
            plan.backup.name_template,
            instance_id=SAMPLE_ID,
            scheduled_time=time,
            timezone=plan.timezone,
            schedule=name,
            instance_name=SAMPLE_NAME,
        )
    except InvalidRequest:
        return f"{plan.backup.name_template} {time.isoformat()}"


def _hours(length: timedelta) -> str:
    return f"{length / HOUR:g} h"
