"""The nominal runs of a schedule: when it ran, if it was enabled, and when it runs next."""

from datetime import UTC, datetime, timedelta

from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.schedules import DeployedSchedule
from gaussdb_backup_cli.times.timetable import Timetable, parse_timetable

_TICK = timedelta(microseconds=1)


def read_timetable(schedule: DeployedSchedule) -> Timetable:
    """Return the times of a schedule. A rate counts from its start date, or from when it was created.

    Raises `CommandFailed` for one that is not understood.
    """
    try:
        anchor = schedule.start or schedule.raw.get("CreationDate")
        return parse_timetable(schedule.expression, schedule.timezone, anchor=anchor)
    except ValueError as error:
        raise _explain(schedule, error) from error


def list_past_runs(schedule: DeployedSchedule, after: datetime, now: datetime) -> list[datetime]:
    """Return the times, later than `after` and up to now, at which a schedule ran, if it was enabled: in UTC, ordered.

    It ran neither before it was created, nor before its start or after its end. Raises as `read_timetable` does.
    """
    created = schedule.raw.get("CreationDate")
    begins = [after]
    begins += [created.astimezone(UTC)] if created else []
    begins += [schedule.start.astimezone(UTC) - _TICK] if schedule.start else []
    end = min(now, schedule.end.astimezone(UTC)) if schedule.end else now
    try:
        return read_timetable(schedule).between(max(begins), end)
    except ValueError as error:
        raise _explain(schedule, error) from error


def find_next_run(schedule: DeployedSchedule, now: datetime) -> datetime | None:
    """Return when a schedule runs next, as long as it is enabled, `None` for never. Raises as `read_timetable` does."""
    after = max(now, schedule.start.astimezone(UTC) - _TICK) if schedule.start else now
    found = read_timetable(schedule).next(after, 1)
    is_over = bool(found and schedule.end and found[0] > schedule.end)
    return None if is_over or not found else found[0]


def _explain(schedule: DeployedSchedule, error: ValueError) -> CommandFailed:
    return CommandFailed("bad_schedule", f"the schedule {schedule.name}: {error}", "correct its expression")
