"""What a file with plans may have. The fields are those that the functions parse."""

from copy import copy
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from gaussdb_backup.domain.audit import Audit
from gaussdb_backup.domain.backup_request import Description, Label, Run, TimeZone
from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.plan import Plan
from gaussdb_backup.domain.prune import Prune, Retention
from gaussdb_backup.domain.selection import Selection
from gaussdb_backup.domain.validation import Strict
from gaussdb_backup_cli.plans.yaml_lines import Unquoted

DEFAULT_NAME_TEMPLATE = "{schedule}-{instance_id:.8}-{scheduled_time:%Y%m%dT%H%M%S}"
PLAN_NAME = r"^[A-Za-z0-9_-]{1,56}$"
"""A label that leaves room for `.backup` in the 64 characters of a schedule's name."""
NO_DRILLS = "the application has no restore drills yet"
_A_TIME = "a date such as 2026-12-01, or a date and time such as 2026-12-01T03:30, from 2000 to 2099"


def same(model: type[BaseModel], name: str) -> Any:
    """Return the field of a model that the functions parse: its limits, its default and its description."""
    return copy(model.model_fields[name])


class FileTime(Strict):
    """A time as a file gives it: of a day, or of the day's clock. Without a zone it is one of the plan's zone."""

    moment: date | datetime

    def instant(self, zone: ZoneInfo, *, at_end: bool = False) -> datetime:
        """Return the time, aware: of a date the begin of the day, or its last second."""
        if isinstance(self.moment, datetime):
            return self.moment if self.moment.tzinfo else self.moment.replace(tzinfo=zone)
        day = datetime(self.moment.year, self.moment.month, self.moment.day, tzinfo=zone)
        return day.replace(hour=23, minute=59, second=59) if at_end else day


def _parse_time(value: object) -> object:
    if isinstance(value, FileTime):
        return value
    text = value.text if isinstance(value, Unquoted) else value
    if not isinstance(text, str):
        raise ValueError("not a text")  # noqa: TRY004 - pydantic collects ValueError only
    try:
        moment = date.fromisoformat(text) if len(text) == len("2026-12-01") else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("no such time") from None
    if not 2000 <= moment.year < 2100:  # noqa: PLR2004 - as the description has it
        raise ValueError("not of this century")
    return FileTime.model_construct(moment=moment)


def _refuse_drill(_: object) -> object:
    raise ValueError(NO_DRILLS)


TimeOfFile = Annotated[
    FileTime, BeforeValidator(_parse_time), WithJsonSchema({"type": "string", "pattern": r"^20\d\d-\d\d-\d\d"})
]
Expression = Annotated[
    str,
    Field(
        strict=True,
        max_length=256,
        pattern=r"^\s*(cron|rate|at)\(",
        description="a schedule such as cron(30 3 * * ? *), rate(12 hours) or at(2026-12-01T03:30:00)",
    ),
]


class BackupPart(Strict):
    """When and under which names the instances of a plan are backed up."""

    schedule: Expression
    name_template: str = Field(
        default=DEFAULT_NAME_TEMPLATE,
        strict=True,
        min_length=1,
        max_length=256,
        description=Run.model_fields["name_template"].description,
    )


class AuditPart(Strict):
    """When the instances of a plan are audited, and by what."""

    schedule: Expression
    max_age_hours: float = same(Audit, "max_age_hours")
    catch_up: bool = same(Audit, "catch_up")
    count_automatic: bool = same(Audit, "count_automatic")
    days: int = same(Audit, "days")
    read_protection: bool = same(Audit, "read_protection")


class KeepPart(KeepRules):
    """When the backups of a plan are pruned, and what is kept: the rules, and the limits of what is deleted."""

    schedule: Expression
    name_prefix: str | None = Field(
        default=None,
        strict=True,
        max_length=64,
        description="the beginning of the names that may be deleted; by default that of the backup's name_template",
    )
    all_names: bool = same(Retention, "all_names")
    minimum_good: int = same(Retention, "minimum_good")
    max_deletions: int = same(Retention, "max_deletions")
    include_orphans: bool = same(Retention, "include_orphans")
    dry_run: bool = same(Prune, "dry_run")


class PlanOfFile(Strict):
    """One plan: which instances, when, and what is done besides."""

    connection: Label = same(Plan, "connection")
    select: Selection = same(Plan, "select")
    timezone: TimeZone = "UTC"
    description: Description | None = same(Run, "description")
    is_disabled: bool = Field(
        default=False, alias="paused", strict=True, description="true or false; true disables all its schedules"
    )
    begins: TimeOfFile | None = Field(default=None, alias="from", description=_A_TIME)
    ends: TimeOfFile | None = Field(default=None, alias="until", description=f"{_A_TIME}; a date is its whole day")
    backup: BackupPart = Field(description="an object with a schedule, and a name_template if need be")
    audit: AuditPart | None = Field(default=None, description="an object with a schedule, and what is audited by")
    keep: KeepPart | None = Field(default=None, description="an object with a schedule, and rules such as daily: 7")
    drill: Annotated[None, BeforeValidator(_refuse_drill), WithJsonSchema({"not": {}})] = Field(
        default=None, description="nothing yet"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its schedules."""
        return ZoneInfo(self.timezone)

    @property
    def start(self) -> datetime | None:
        """When its schedules begin."""
        return self.begins.instant(self.zone) if self.begins else None

    @property
    def end(self) -> datetime | None:
        """When its schedules end."""
        return self.ends.instant(self.zone, at_end=True) if self.ends else None


PlanName = Annotated[str, Field(pattern=PLAN_NAME)]


class PlanFile(Strict):
    """A file with plans."""

    plans: dict[PlanName, PlanOfFile] = Field(min_length=1, max_length=100)
