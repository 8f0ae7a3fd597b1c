"""Whether the schedules run: the stack's own, and every other one of its group."""

from collections.abc import Iterator, Sequence

from gaussdb_backup_cli.checks.resources import AUDIT_SCHEDULE, PRUNE_SCHEDULE, SCHEDULE, Subject
from gaussdb_backup_cli.checks.results import Outcome, Result
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.runs.nominal import find_next_run
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind
from gaussdb_backup_cli.times.moments import find_zone, show_zone


def check_schedules(subject: Subject, schedules: Sequence[DeployedSchedule]) -> Iterator[Result]:
    """Whether each runs, and when next. Disabled ones other than the stack's own are somebody's decision."""
    ids = {each: subject.resources.id_of(each) for each in (SCHEDULE, AUDIT_SCHEDULE, PRUNE_SCHEDULE)}
    by_name = {each.name: each for each in schedules}
    if own := by_name.get(ids[SCHEDULE] or ""):
        yield _check_own(subject, own, schedules)
    if audit := by_name.get(ids[AUDIT_SCHEDULE] or ""):
        yield _check_audit(subject, audit)
    named = {ids[SCHEDULE], ids[AUDIT_SCHEDULE]}
    yield from (_check_other(subject, each, ids[PRUNE_SCHEDULE]) for each in schedules if each.name not in named)


def _check_own(subject: Subject, own: DeployedSchedule, schedules: Sequence[DeployedSchedule]) -> Result:
    if own.is_enabled:
        return _check_times(subject, "schedule", own)
    detail = f"disabled: {_describe(own)}"
    if others := sorted(each.name for each in schedules if each.kind is Kind.BACKUP and each.is_enabled):
        return Result("schedule", Outcome.OK, f"{detail}; enabled: {', '.join(others)}")
    action = f"once the dry run is as you want it: {subject.actions.deploy('ScheduleState=ENABLED')}"
    return Result("schedule", Outcome.NEEDS_YOU, detail, action)


def _check_audit(subject: Subject, audit: DeployedSchedule) -> Result:
    """Whether somebody is going to find out that an instance has no recent good backup."""
    if audit.is_enabled:
        return _check_times(subject, "audit", audit)
    action = subject.actions.deploy("AuditState=ENABLED")
    return Result("audit", Outcome.NEEDS_YOU, f"disabled: {_describe(audit)}", action)


def _check_other(subject: Subject, other: DeployedSchedule, prune: str | None) -> Result:
    name = "prune" if other.name == prune else f"schedule {other.name}"
    if other.kind is None:
        target = other.raw["Target"]["Arn"]
        action = "delete it, or correct its target: docs/reference/plan.md, More schedules"
        return Result(name, Outcome.NEEDS_YOU, f"its target is none of this stack's: {target}", action)
    if not other.payload:
        action = "correct its input, or apply its file with plans again"
        return Result(name, Outcome.FAILED, "its input is no JSON object, or an empty one", action)
    if not other.is_enabled:
        return Result(name, Outcome.OK, f"disabled: {_describe(other)}")
    return _check_times(subject, name, other)


def _check_times(subject: Subject, name: str, schedule: DeployedSchedule) -> Result:
    """Whether an enabled schedule runs again."""
    try:
        at = find_next_run(schedule, subject.now)
    except CommandFailed as failure:
        return Result(name, Outcome.NEEDS_YOU, f"when it runs is not known: {failure.message}", failure.hint)
    if at is None:
        detail, action = f"it never runs again: {_describe(schedule)}", "give it another expression, or delete it"
        return Result(name, Outcome.NEEDS_YOU, detail, action)
    return Result(name, Outcome.OK, f"next {show_zone(at, find_zone(schedule.timezone))}: {_describe(schedule)}")


def _describe(schedule: DeployedSchedule) -> str:
    return f"{schedule.name}: {schedule.expression} in {schedule.timezone}"
