"""Backup requests, and what they have in common with plans (docs/reference/backup_request.md)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from gaussdb_backup.domain.naming import DEFAULT_NAME_TEMPLATE, FIELDS, find_template_problems
from gaussdb_backup.domain.validation import Strict, parse_strictly
from gaussdb_backup.domain.vendor_values import EARLIEST, LATEST
from gaussdb_backup.errors import FieldProblem, InvalidRequest

MAX_AHEAD, MAX_AGE = timedelta(minutes=5), timedelta(days=31)
"""A scheduled time further ahead of now or in the past is a mistake, such as local time written with `Z`."""

_FORBIDDEN_IN_DESCRIPTION = frozenset("><!\"&'=")


def _parse_instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - pydantic collects ValueError only
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not ISO 8601") from None
    if parsed.tzinfo is None:
        raise ValueError("no offset")
    if not EARLIEST <= parsed < LATEST:
        raise ValueError("not between 2000 and 2100")
    return parsed.astimezone(UTC)


def _check_age(value: datetime, info: ValidationInfo) -> datetime:
    """Check the time of a run where the context has the present time; without one the run was parsed before."""
    now: datetime | None = (info.context or {}).get("now")
    if now is not None and not now - MAX_AGE <= value <= now + MAX_AHEAD:
        raise ValueError(f"it is {now.isoformat(timespec='seconds')} now")
    return value


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a folder of the database
        raise ValueError("no such zone") from None
    return value


def _check_description(value: str) -> str:
    """Apply the API's rule (docs/reference/gaussdb_api.md, "Creating a backup")."""
    if wrong := next((c for c in value if c in _FORBIDDEN_IN_DESCRIPTION), None):
        raise ValueError(f"it has {wrong}")
    if value.splitlines() not in ([], [value]):
        raise ValueError("it has a line break")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("it has half of a character")
    return value


INSTANCE_ID = r"^([A-Za-z0-9]{32}(in[0-9]{2})?|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})$"

InstanceId = Annotated[
    str,
    Field(
        pattern=INSTANCE_ID,
        strict=True,
        description="32 letters or digits, then optionally 'in' and two digits, or a UUID with dashes",
    ),
]
LABEL = r"^[A-Za-z0-9_-]{1,64}$"
"""What may become a dimension of a metric."""
Label = Annotated[str, Field(pattern=LABEL, strict=True)]
Time = Annotated[datetime, BeforeValidator(_parse_instant)]
Description = Annotated[str, AfterValidator(_check_description)]
TimeZone = Annotated[
    str,
    AfterValidator(_check_zone),
    Field(strict=True, max_length=64, description="an IANA time zone such as Europe/Berlin"),
]


class Run(Strict):
    """The fields that requests and plans have in common: the run, and the names of its backups.

    `scheduled_time` is UTC, the nominal time of the run.
    """

    version: Annotated[Literal[1], Field(description="1; present in messages that one function writes for another")] = 1
    schedule: Label | None = Field(default=None, description="1 to 64 letters, digits, _ or -")
    scheduled_time: Annotated[Time, AfterValidator(_check_age)] = Field(
        description=f"ISO 8601 with an offset, at most {MAX_AGE.days} days old and at most "
        f"{MAX_AHEAD.seconds // 60} minutes ahead of now"
    )
    timezone: TimeZone = "UTC"
    connection: Label = Field(default="default", description="1 to 64 letters, digits, _ or -")
    name_template: str = Field(
        default=DEFAULT_NAME_TEMPLATE,
        strict=True,
        min_length=1,
        max_length=256,
        description="a name template of 1 to 256 characters",
    )
    description: Description | None = Field(
        default=None,
        strict=True,
        max_length=256,
        description="at most 256 characters, none of > ! < \" & ' = and no line breaks",
    )

    @property
    def is_time_given(self) -> bool:
        """Whether the request gives its scheduled time itself, which may then be ahead of now."""
        return "scheduled_time" in self.model_fields_set

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields that name the run."""
        return {"connection": self.connection, "schedule": self.schedule, "scheduled_time": self.scheduled_time}


class BackupRequest(Run):
    """A request for one backup."""

    instance_id: InstanceId

    def idempotency_key(self, name: str) -> dict[str, str]:
        """Return what two deliveries of one request share, and two requests do not. `name` is the backup's."""
        return {
            "connection": self.connection,
            "instance_id": self.instance_id,
            "name": name,
            "scheduled_time": self.scheduled_time.isoformat(),
        }

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields that name the run and the instance."""
        return {**super().log_fields, "instance_id": self.instance_id}


_LOG_FIELDS = {
    **dict.fromkeys(("connection", "schedule", "instance_id"), re.compile(LABEL)),
    "scheduled_time": re.compile(r"^[0-9A-Za-z:.+-]{1,64}$"),
}


def extract_log_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that name the run and the instance, as far as a request that may be invalid has them."""
    given = {key: data[key] for key in _LOG_FIELDS if isinstance(data.get(key), str)}
    return {key: value for key, value in given.items() if _LOG_FIELDS[key].fullmatch(value)}


def parse_run[T: Run](
    model: type[T], data: Mapping[str, Any], subject: str, *, default_time: datetime, now: datetime
) -> T:
    """Parse a request or a plan; without `scheduled_time` it belongs to the run of `default_time`.

    Raises `InvalidRequest` that names every wrong field.
    """
    problems = _find_template_problems(data)
    with_time = {"scheduled_time": default_time.isoformat(), **data}
    try:
        run = parse_strictly(model, with_time, subject, context={"now": now})
    except InvalidRequest as error:
        raise InvalidRequest(subject, [*error.problems, *problems]) from None
    if problems:
        raise InvalidRequest(subject, problems)
    return cast("T", model.model_construct(_fields_set=set(data), **dict(run)))


def _find_template_problems(data: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is wrong with the template whatever the instance."""
    template = data.get("name_template")
    known = [field for field in FIELDS if field != "schedule" or data.get("schedule") is not None]
    return find_template_problems(template, known) if isinstance(template, str) else []


def parse_backup_request(data: Mapping[str, Any], *, default_time: datetime, now: datetime) -> BackupRequest:
    """Parse a backup request. Raises as `parse_run` does."""
    return parse_run(BackupRequest, data, "backup request", default_time=default_time, now=now)
