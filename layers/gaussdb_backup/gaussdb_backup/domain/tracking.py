"""Tracking: the message of a tracked backup, and the status that a poll gives it.

The same message, the same listed backup and the same time give the same status, so a message that is delivered twice,
or again after its backup ended, reports the same status again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from gaussdb_backup.domain.backup_request import BackupRequest, InstanceId, Label, Time
from gaussdb_backup.domain.models import Backup, BackupStatus
from gaussdb_backup.domain.validation import Strict, parse_strictly
from gaussdb_backup.errors import GaussDBBackupError

BACKUP_ID = r"^[A-Za-z0-9_-]{1,1024}$"
"""The ids that the API is known to use, and longer ones. They get into e-mails, so nothing of a link is allowed."""
BACKUP_NAME = r"^[A-Za-z][A-Za-z0-9_-]{3,63}$"
"""The API's rule (docs/reference/gaussdb_api.md, "Creating a backup")."""
MAX_AGE = timedelta(days=32)
"""No tracked backup began earlier: a request may be for a run of up to 31 days ago. Nor did it begin in the future."""
CLOCK_TOLERANCE = timedelta(minutes=15)
"""How far the API's clock may differ from ours: the skew beyond which it refuses signatures."""
UNLISTED_GRACE = timedelta(minutes=10)
"""How long after its begin a backup may be absent from the list before it counts as missing: lists may lag."""
FAILED_POLL_GRACE = timedelta(minutes=15)
"""How long after its deadline a backup is still polled while its polls fail: OVERDUE ends tracking, and one poll that
fails must not hide that a backup ended well. Longer than the delay between two polls, unless that was raised."""
COULD_NOT_BE_POLLED = "could not be polled"
"""Why a backup is OVERDUE whose polls still failed that long after its deadline."""


class Status(StrEnum):
    """Every status that is reported. OVERDUE and MISSING are not the vendor's."""

    BUILDING = "BUILDING"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    """The vendor uses an unknown word; tracking goes on."""
    OVERDUE = "OVERDUE"
    """It had not ended at its deadline, or could not be polled then and some time after; tracking stops."""
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
    """One tracked backup. Times are UTC.

    `begin_time`, `backup_id` and `backup_name` are absent where the API returned none that can be used.
    """

    version: Literal[1] = Field(default=1, description="1")
    connection: Label = Field(description="1 to 64 letters, digits, _ or -")
    schedule: Label | None = Field(default=None, description="1 to 64 letters, digits, _ or -")
    scheduled_time: Time | None = Field(default=None, description="ISO 8601 with an offset")
    instance_id: InstanceId
    backup_id: Annotated[str, Field(pattern=BACKUP_ID, strict=True)] | None = Field(
        default=None, description="the API's id of the backup: 1 to 1024 letters, digits, _ or -"
    )
    backup_name: Annotated[str, Field(pattern=BACKUP_NAME, strict=True)] | None = Field(
        default=None,
        description="the name of the backup: 4 to 64 characters, a letter first, then letters, digits, - or _",
    )
    begin_time: Time | None = Field(default=None, description="ISO 8601 with an offset")
    deadline: Time = Field(description="ISO 8601 with an offset: when it counts as overdue")

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields that name the run, the instance and the backup."""
        return self.model_dump(exclude={"version", "deadline"})

    @property
    def earliest_begin(self) -> datetime | None:
        """From when on the API may say that the backup began; `None` where that is not known."""
        return self.begin_time or (self.scheduled_time and self.scheduled_time - CLOCK_TOLERANCE)

    def identifies(self, backup: Backup) -> bool:
        """Return whether it is this backup: by its id, and without one by its instance with its begin or its name."""
        if self.backup_id is not None:
            return backup.id == self.backup_id
        if backup.instance_id not in ("", self.instance_id):
            return False
        if self.begin_time is not None and backup.begin_time == self.begin_time:
            return True
        since = self.earliest_begin
        is_of_run = since is None or backup.begin_time is None or backup.begin_time >= since
        return backup.name == self.backup_name and is_of_run


def parse_tracking_message(data: Mapping[str, Any]) -> TrackingMessage:
    """Parse a tracking message. Raises `InvalidRequest` that names every wrong field."""
    return parse_strictly(TrackingMessage, data, "tracking message")


def make_tracking_message(
    request: BackupRequest, backup: Backup, *, now: datetime, time_limit: timedelta
) -> TrackingMessage:
    """Return the message that has a backup tracked until `time_limit` after its begin.

    Whatever the API returned makes a valid message: what cannot be used is left out.
    """
    begin_time = backup.begin_time if _may_have_begun(backup.begin_time, now) else None
    return TrackingMessage.model_validate(
        {
            "connection": request.connection,
            "schedule": request.schedule,
            "scheduled_time": request.scheduled_time.isoformat(),
            "instance_id": request.instance_id,
            "backup_id": backup.id if re.fullmatch(BACKUP_ID, backup.id) else None,
            "backup_name": backup.name if re.fullmatch(BACKUP_NAME, backup.name) else None,
            "begin_time": begin_time.isoformat() if begin_time else None,
            "deadline": ((begin_time or now) + time_limit).isoformat(),
        }
    )


def _may_have_begun(begin_time: datetime | None, now: datetime) -> bool:
    return begin_time is not None and -CLOCK_TOLERANCE <= now - begin_time <= MAX_AGE


@dataclass(frozen=True, slots=True)
class Observation:
    """The status of a tracked backup, and the backup as it is listed; `None` where it is not.

    `error` is why it could not be polled, where its status says no more than that.
    """

    message: TrackingMessage
    status: Status
    backup: Backup | None
    error: Exception | None = None

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
            **self._cause,
        }

    @property
    def _cause(self) -> dict[str, Any]:
        if self.error is None:
            return {}
        code = self.error.error_code if isinstance(self.error, GaussDBBackupError) else None
        return {"reason": COULD_NOT_BE_POLLED, "error_type": type(self.error).__name__, "error_code": code}


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a poll of several tracked backups found.

    `backups` has each as it is listed, `None` where it is not; `errors` has why one could not be polled. One that is in
    neither was not polled, so that the poll did not take too long: its turn is at the next.
    """

    backups: Mapping[TrackingMessage, Backup | None] = field(default_factory=dict)
    errors: Mapping[TrackingMessage, Exception] = field(default_factory=dict)

    def __contains__(self, message: TrackingMessage) -> bool:
        return message in self.backups or message in self.errors

    def observe(self, message: TrackingMessage, *, now: datetime) -> Observation | None:
        """Return the status of a tracked backup; `None` where nothing is known yet. `now` is when the poll began."""
        if message in self.backups:
            return evaluate(message, self.backups[message], now=now)
        error = self.errors.get(message)
        if error is not None and now >= message.deadline + FAILED_POLL_GRACE:
            return Observation(message, Status.OVERDUE, None, error)
        return None


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
    return message.begin_time is None or now - message.begin_time < UNLISTED_GRACE
