"""Coverage: whether each instance has a recent good backup (docs/reference/audit.md).

One value, of which the response of the function, the table of a terminal and the page show different parts. It is
derived from the cloud's own lists alone, so the same lists at the same time give the same value.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from gaussdb_backup.domain.models import Frozen, Protection
from gaussdb_backup.domain.response_size import fit
from gaussdb_backup.domain.vendor_values import Instant, Number


class State(StrEnum):
    """The state of an instance, worst first."""

    NEVER = "never"
    """It has no good backup, and has existed for longer than one may be old."""
    FAILING = "failing"
    """Its last good backup is too old, and the newest attempt since then failed."""
    LATE = "late"
    """Its last good backup is too old."""
    BUILDING = "building"
    """Its last good backup is too old, and one is being made."""
    NEW = "new"
    """It has no good backup, but has not existed for longer than one may be old."""
    OK = "ok"

    @property
    def is_uncovered(self) -> bool:
        """Whether a person is notified."""
        return self in (State.NEVER, State.FAILING, State.LATE)


class Day(StrEnum):
    """What an instance has of one day, in one letter."""

    GOOD = "g"
    BUILDING = "b"
    FAILED = "f"
    NONE = "n"
    ABSENT = "-"
    """The instance did not exist yet."""


class GoodBackup(Frozen):
    """A backup from which a database can be restored. Times are UTC."""

    id: str
    name: str
    type: str | None = None
    begin_time: datetime
    end_time: Instant = None
    duration_seconds: Number = None
    size_mb: Number = None


class InstanceCoverage(Frozen):
    """How one instance is covered.

    `age_hours` is the age of its last good backup, `None` where it has none. `days` has one letter of `Day` for each
    day, the newest last. `attempts_failed` counts the attempts since the last good backup that failed.
    `durations_seconds` are those of its newest good backups, the newest last; `usual_duration_seconds` is the median of
    all of them but the newest.
    """

    instance_id: str
    instance_name: str
    instance_status: str
    state: State
    reason: str
    age_hours: float | None
    last_good_backup: GoodBackup | None
    attempts_failed: int
    building_since: datetime | None
    days: str
    durations_seconds: tuple[int, ...] = ()
    usual_duration_seconds: int | None = None
    automatic_keep_days: int | None = None
    protection: Protection | None = None


class Orphans(Frozen):
    """The manual backups of an instance that the project no longer has."""

    instance_id: str
    instance_name: str
    backups: int
    good: int
    newest: datetime | None
    size_mb: float


class PlannedDeletion(Frozen):
    """A backup that the next prune deletes, and why."""

    backup_id: str
    backup_name: str
    instance_id: str
    begin_time: datetime | None
    size_mb: Number = None
    reason: str


class NextPrune(Frozen):
    """What the next prune does: the backups that it deletes, or why it is refused."""

    kept: int
    deleted: tuple[PlannedDeletion, ...] = ()
    refused: str | None = None


class Coverage(Frozen):
    """How the instances of one project are covered at one time.

    `instances` are the audited ones, worst first; `unselected` are the others that the project has, which nobody is
    notified of. `not_found` are ids that the audit selects and the project does not
    have. `orphans` have most backups first. `catch_up` are the instances of which one backup was requested. `report` is
    the address of the page, `None` where none was stored. `remarks` name what could not be found out.
    """

    version: Literal[1] = 1
    connection: str
    schedule: str | None = None
    scheduled_time: datetime
    audited_at: datetime
    timezone: str
    max_age_hours: float
    first_day: date
    last_day: date
    audited: int
    uncovered: int
    states: Mapping[State, int]
    instances: tuple[InstanceCoverage, ...]
    unselected: tuple[InstanceCoverage, ...] = ()
    not_found: tuple[str, ...] = ()
    orphans: tuple[Orphans, ...] = ()
    catch_up: tuple[str, ...] = ()
    next_prune: NextPrune | None = None
    report: str | None = None
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the response of a direct invoke: of longer lists than Lambda returns the first, and a remark each."""
        response = self.model_dump(mode="json")
        next_prune = response["next_prune"]
        lists = {
            **{name: response[name] for name in ("not_found", "instances", "catch_up")},
            "next_prune.deleted": next_prune["deleted"] if next_prune else [],
            **{name: response[name] for name in ("orphans", "unselected")},
        }
        listed = fit(lists)
        remarks = [
            f"{name} has the first {len(listed[name])} of {len(lists[name])}: a response has 6 MB at most"
            for name in lists
            if len(listed[name]) < len(lists[name])
        ]
        deletions = listed.pop("next_prune.deleted")
        if next_prune:
            response["next_prune"] = {**next_prune, "deleted": deletions}
        return {**response, **listed, "remarks": [*response["remarks"], *remarks]}

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a person. A project that lists no instance is not well: its backups may be lost."""
        return self.audited > 0 and not self.uncovered and not self.not_found

    @property
    def oldest_age(self) -> timedelta | None:
        """The greatest age of a last good backup among the instances that have one; `None` where none has."""
        ages = [one.age_hours for one in self.instances if one.age_hours is not None]
        return timedelta(hours=max(ages)) if ages else None
