"""What is known of a backup that is followed, and what a look at the API's list makes of it.

Pure: the same message, the same listed backup and the same time give the same finding, so a message that is delivered
twice, or again after its backup ended, finds the same status again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from gaussdb_backup.domain.backup_request import BackupRequest, InstanceId, Label, Time
from gaussdb_backup.domain.models import Backup, BackupStatus
from gaussdb_backup.domain.validation import Strict, parse_strictly

UNLISTED_GRACE = timedelta(minutes=10)
"""How long after it began a backup may be absent from the list before it counts as missing."""


class Status(StrEnum):
    """Every status that is reported. The last three are ours, not the vendor's."""

    BUILDING = "BUILDING"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """The vendor uses a word that we do not know; it is followed on."""
    OVERDUE = "OVERDUE"
    """It has not ended at its deadline; it is followed no more."""
    MISSING = "MISSING"
    """The API no longer lists it."""

    @property
    def is_end(self) -> bool:
        """Whether following stops."""
        return self not in (Status.BUILDING, Status.UNKNOWN)

    @property
    def is_bad_end(self) -> bool:
        """Whether someone must look."""
        return self in (Status.FAILED, Status.OVERDUE, Status.MISSING)


class TrackingMessage(Strict):
    """One backup to follow. Times are UTC; `begin_time` is absent where the API did not tell it."""

    version: Literal[1] = Field(default=1, description="1")
    connection: Label = Field(description="1 to 64 letters, digits, _ or -")
    schedule: Label | None = Field(default=None, description="1 to 64 letters, digits, _ or -")
    scheduled_time: Time | None = Field(default=None, description="ISO 8601 with an offset")
    instance_id: InstanceId
    backup_id: str = Field(min_length=1, max_length=128, strict=True, description="the API's id of the backup")
    backup_name: str = Field(max_length=256, strict=True, description="the name of the backup")
    begin_time: Time | None = Field(default=None, description="ISO 8601 with an offset")
    deadline: Time = Field(description="ISO 8601 with an offset: when it counts as overdue")

    @property
    def facts(self) -> dict[str, Any]:
        """Log keys."""
        return self.model_dump(exclude={"version", "deadline"})


def parse_tracking_message(data: Mapping[str, Any]) -> TrackingMessage:
    """Read a tracking message. Raises `InvalidRequest` that names every wrong field."""
    return parse_strictly(TrackingMessage, data, "tracking message")


def start_tracking(request: BackupRequest, backup: Backup, *, now: datetime, patience: timedelta) -> TrackingMessage:
    """Make the message that has a backup followed until `patience` after it began."""
    return TrackingMessage.model_validate(
        {
            "connection": request.connection,
            "schedule": request.schedule,
            "scheduled_time": request.scheduled_time.isoformat(),
            "instance_id": request.instance_id,
            "backup_id": backup.id,
            "backup_name": backup.name,
            "begin_time": backup.begin_time.isoformat() if backup.begin_time else None,
            "deadline": ((backup.begin_time or now) + patience).isoformat(),
        }
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found: the status, and the backup as listed where it was. `is_listed` tells a lag from a building."""

    message: TrackingMessage
    status: Status
    backup: Backup | None

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the status record and of the event."""
        known = self.backup
        return {
            **self.message.facts,
            "status": self.status.value,
            "vendor_status": known.vendor_status if known and self.status is Status.UNKNOWN else None,
            "begin_time": (known and known.begin_time) or self.message.begin_time,
            "end_time": known and known.end_time,
            "duration_seconds": known and known.duration_seconds,
            "size_mb": known and known.size_mb,
        }


def judge(message: TrackingMessage, backup: Backup | None, *, now: datetime) -> Finding:
    """Decide the status of a followed backup from what the API lists; `None` when it lists no such backup.

    An end that the API reports counts even after the deadline. A backup that only just began and is not listed yet
    counts as building: lists may lag behind.
    """
    if backup is not None and backup.status.has_ended:
        return Finding(message, Status(backup.status.value), backup)
    if backup is None and not _may_lag(message, now):
        return Finding(message, Status.MISSING, None)
    if now >= message.deadline:
        return Finding(message, Status.OVERDUE, backup)
    if backup is not None and backup.status is BackupStatus.UNKNOWN:
        return Finding(message, Status.UNKNOWN, backup)
    return Finding(message, Status.BUILDING, backup)


def _may_lag(message: TrackingMessage, now: datetime) -> bool:
    return message.begin_time is None or now < message.begin_time + UNLISTED_GRACE
