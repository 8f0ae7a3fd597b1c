"""Tracking: the message of a tracked backup, and the status that a poll gives it.

The same message, the same listed backup and the same time give the same status, so a message that is delivered twice,
or again after its backup ended, reports the same status again.
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
"""How long after its begin a backup may be absent from the list before it counts as missing: lists may lag."""


class Status(StrEnum):
    """Every status that is reported. OVERDUE and MISSING are not the vendor's."""

    BUILDING = "BUILDING"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """The vendor uses an unknown word; tracking goes on."""
    OVERDUE = "OVERDUE"
    """It had not ended at its deadline; tracking stops."""
    MISSING = "MISSING"
    """The API no longer lists it."""

    @property
    def is_final(self) -> bool:
        """Whether tracking stops."""
        return self not in (Status.BUILDING, Status.UNKNOWN)

    @property
    def is_failure(self) -> bool:
        """Whether a person is notified."""
        return self in (Status.FAILED, Status.OVERDUE, Status.MISSING)


class TrackingMessage(Strict):
    """One tracked backup. Times are UTC; `begin_time` is absent where the API did not return it."""

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
    def log_fields(self) -> dict[str, Any]:
        """The fields that name the run, the instance and the backup."""
        return self.model_dump(exclude={"version", "deadline"})


def parse_tracking_message(data: Mapping[str, Any]) -> TrackingMessage:
    """Parse a tracking message. Raises `InvalidRequest` that names every wrong field."""
    return parse_strictly(TrackingMessage, data, "tracking message")


def make_tracking_message(
    request: BackupRequest, backup: Backup, *, now: datetime, time_limit: timedelta
) -> TrackingMessage:
    """Return the message that has a backup tracked until `time_limit` after its begin."""
    return TrackingMessage.model_validate(
        {
            "connection": request.connection,
            "schedule": request.schedule,
            "scheduled_time": request.scheduled_time.isoformat(),
            "instance_id": request.instance_id,
            "backup_id": backup.id,
            "backup_name": backup.name,
            "begin_time": backup.begin_time.isoformat() if backup.begin_time else None,
            "deadline": ((backup.begin_time or now) + time_limit).isoformat(),
        }
    )


@dataclass(frozen=True, slots=True)
class Observation:
    """What a poll found: the status, and the backup as it is listed; `None` where it is not."""

    message: TrackingMessage
    status: Status
    backup: Backup | None

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields of the status record and of the event."""
        known = self.backup
        return {
            **self.message.log_fields,
            "status": self.status.value,
            "vendor_status": known.vendor_status if known and self.status is Status.UNKNOWN else None,
            "begin_time": (known and known.begin_time) or self.message.begin_time,
            "end_time": known and known.end_time,
            "duration_seconds": known and known.duration_seconds,
            "size_mb": known and known.size_mb,
        }


def evaluate(message: TrackingMessage, backup: Backup | None, *, now: datetime) -> Observation:
    """Return the status of a tracked backup; `backup` is `None` when the API lists no such backup.

    A final status of the API counts even after the deadline. A backup that only just began and is not listed yet
    counts as building: lists may lag behind.
    """
    if backup is not None and backup.status.is_final:
        return Observation(message, Status(backup.status.value), backup)
    if backup is None and not _may_lag(message, now):
        return Observation(message, Status.MISSING, None)
    if now >= message.deadline:
        return Observation(message, Status.OVERDUE, backup)
    if backup is not None and backup.status is BackupStatus.UNKNOWN:
        return Observation(message, Status.UNKNOWN, backup)
    return Observation(message, Status.BUILDING, backup)


def _may_lag(message: TrackingMessage, now: datetime) -> bool:
    return message.begin_time is None or now < message.begin_time + UNLISTED_GRACE
