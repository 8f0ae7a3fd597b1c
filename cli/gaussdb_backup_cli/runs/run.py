"""What became of the backups of a run: a dry run has their names, the list of backups what there is of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from gaussdb_backup.domain.adoption import find_own
from gaussdb_backup.domain.backup_request import MAX_AGE
from gaussdb_backup.domain.models import Backup, BackupStatus
from gaussdb_backup.domain.tracking import CLOCK_TOLERANCE
from gaussdb_backup_cli.backups.instances import Instance
from gaussdb_backup_cli.backups.listing import BackupList, describe
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.schedules import DeployedSchedule
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.times.moments import show_utc


class State(StrEnum):
    """What became of the backup of one instance in a run: in capitals what needs a person, the worst first."""

    FAILED = "FAILED"
    OVERDUE = "OVERDUE"
    """It has been building for longer than the stack tracks a backup."""
    MISSING = "MISSING"
    """There is none, and its request is no longer started."""
    REJECTED = "REJECTED"
    """No request was made: the plan is wrong about this instance."""
    WAITING = "waiting"
    """There is none yet."""
    RUNNING = "running"
    UNKNOWN = "unknown"
    MADE_UP = "made up"
    """It failed or is missing, but the instance has a good backup that began later."""
    SKIPPED = "skipped"
    """No backup can be made of an instance in this state."""
    OK = "ok"

    @property
    def needs_you(self) -> bool:
        """Whether something needs a person."""
        return self in (State.FAILED, State.OVERDUE, State.MISSING, State.REJECTED)

    @property
    def is_final(self) -> bool:
        """Whether there is nothing to wait for."""
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Limits:
    """After how long a backup is overdue, and a request is no longer started."""

    deadline: timedelta
    start_window: timedelta


def read_limits(stack: Stack) -> Limits:
    """Return the limits of a stack, by its parameters or the template's defaults."""
    deadline, window = (
        int(stack.parameters.get(name) or default)
        for name, default in (("TrackDeadlineSeconds", 21_600), ("StartWindowSeconds", 14_400))
    )
    return Limits(timedelta(seconds=deadline), timedelta(seconds=window))


@dataclass(frozen=True, slots=True)
class Expected:
    """The backup that a run has of one instance, by its name; without one the state and the reason of that."""

    instance: Instance
    backup_name: str | None = None
    state: State = State.WAITING
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceRun:
    """What became of an instance in a run."""

    expected: Expected
    state: State
    backup: Backup | None = None
    reason: str | None = None

    @property
    def instance(self) -> Instance:
        """The instance."""
        return self.expected.instance

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {
            "instance_id": self.instance.id,
            "instance_name": self.instance.name,
            "backup_name": self.expected.backup_name,
            "state": self.state.value,
            "needs_you": self.state.needs_you,
            "reason": self.reason,
            "backup": describe(self.backup) if self.backup else None,
        }


def parse_dispatch(response: Mapping[str, Any]) -> list[Expected]:
    """Return what a plan makes of each instance, by the response of DispatchBackups."""
    states = {"queued": State.WAITING, "skipped": State.SKIPPED, "rejected": State.REJECTED}
    return [
        Expected(
            Instance(entry["instance_id"], entry.get("instance_name") or ""),
            entry.get("backup_name") if action == "queued" else None,
            state,
            entry.get("reason"),
        )
        for action, state in states.items()
        for entry in response.get(action, ())
    ]


def expect_run(
    stack: Stack, payload: Mapping[str, Any], scheduled_time: datetime, *, now: datetime | None = None
) -> list[Expected]:
    """Return the backups that a run of a plan has, by a dry run. Raises as `Stack.invoke`, and for too old a time.

    Their names are those of the present names of the instances.
    """
    if now is not None and scheduled_time < now - MAX_AGE:
        raise CommandFailed(
            "run_too_old",
            f"the run of {show_utc(scheduled_time)} is older than {MAX_AGE.days} days",
            f"name a time of the last {MAX_AGE.days} days",
            exit_code=Exit.USAGE,
        )
    event = {**payload, "scheduled_time": show_utc(scheduled_time), "dry_run": True}
    return parse_dispatch(stack.invoke("DispatchBackups", event))


@dataclass(frozen=True, slots=True)
class Moment:
    """When a run is looked at. `requested` is when its requests were sent, if not at its time.

    A backup that began at `until` or later makes up for another run.
    """

    now: datetime
    limits: Limits
    requested: datetime | None = None
    until: datetime | None = None


def match_run(
    expected: Iterable[Expected], backups: BackupList, scheduled_time: datetime, moment: Moment
) -> list[InstanceRun]:
    """Return what became of each expected backup, the worst first; in each state in the order of the names."""
    found = [_match(one, backups, scheduled_time, moment) for one in expected]
    order = list(State)
    return sorted(found, key=lambda one: (order.index(one.state), one.instance.name, one.instance.id))


def _match(one: Expected, listed: BackupList, scheduled_time: datetime, moment: Moment) -> InstanceRun:
    if one.backup_name is None:
        return InstanceRun(one, one.state, reason=one.reason)
    backups = listed.of_instance(one.instance.id)
    own = find_own(backups, one.backup_name, earliest=scheduled_time - CLOCK_TOLERANCE)
    state = _find_state(own, scheduled_time, moment)
    if own is None and not listed.is_complete_for(one.instance.id):
        return InstanceRun(one, State.UNKNOWN, reason="the list of backups was cut")
    later = find_later(backups, scheduled_time, moment.until)
    if state.needs_you and later:
        reason = f"{state.value}, but a good backup began at {show_utc(later.begin_time)}"
        return InstanceRun(one, State.MADE_UP, later, reason)
    return InstanceRun(one, state, own)


def find_backup_state(backup: Backup, moment: Moment) -> State:
    """Return the state of a backup that exists."""
    if backup.status.is_good:
        return State.OK
    if backup.status is BackupStatus.FAILED:
        return State.FAILED
    is_overdue = backup.begin_time is not None and moment.now - backup.begin_time > moment.limits.deadline
    return State.OVERDUE if is_overdue else State.RUNNING


def _find_state(own: Backup | None, scheduled_time: datetime, moment: Moment) -> State:
    if own is not None:
        return find_backup_state(own, moment)
    start = max(scheduled_time, moment.requested or scheduled_time)
    return State.WAITING if moment.now < start + moment.limits.start_window else State.MISSING


def find_later(backups: Sequence[Backup], begin: datetime, until: datetime | None = None) -> Backup | None:
    """Return the newest good backup, of an instance's, that began at or after a time, and before another."""
    end = until or datetime.max.replace(tzinfo=UTC)
    good = (each for each in backups if each.status.is_good and each.begin_time)
    return next((each for each in good if each.begin_time and begin <= each.begin_time < end), None)


def read_run(
    stack: Stack, schedule: DeployedSchedule, scheduled_time: datetime, *, backups: BackupList, moment: Moment
) -> list[InstanceRun]:
    """Return what became of each instance in a run of a plan. Raises as `expect_run` does."""
    return match_run(
        expect_run(stack, schedule.payload, scheduled_time, now=moment.now), backups, scheduled_time, moment
    )
