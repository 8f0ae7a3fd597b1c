"""Plans: which instances a schedule backs up, decided without touching anything (design, section 3.4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup.models import Instance
from gaussdb_backup.names import render_name
from gaussdb_backup.requests import (
    DEFAULT_NAME_TEMPLATE,
    BackupRequest,
    InstanceId,
    Label,
    Time,
    check_ahead,
    check_description,
    check_zone,
)
from gaussdb_backup.validation import Strict, parse_strictly

NOT_BACKED_UP = {
    "BUILD": "it is being built",
    "CREATING": "it is being built",
    "FAILED": "it has failed",
    "CREATEFAIL": "it has failed",
    "FROZEN": "it is frozen",
}
"""Statuses (contract, section 4.3) in which no backup can be made, today or by waiting a while."""


class Selection(Strict):
    """Which instances; all criteria must hold, an absent one holds for all."""

    instance_ids: tuple[InstanceId, ...] | None = Field(
        default=None, max_length=10_000, description="a list of instance ids"
    )
    name_pattern: str = Field(
        default="*", strict=True, min_length=1, max_length=128, description="a pattern such as orders-*"
    )
    tags: Mapping[str, str] = Field(default_factory=dict, max_length=20, description="an object of tags and values")


class Plan(Strict):
    """What a schedule asks for: one backup of each selected instance, all of one run."""

    version: Literal[1] = Field(default=1, description="1")
    schedule: Label | None = Field(default=None, description="1 to 64 letters, digits, _ or -")
    select: Selection = Field(default_factory=Selection, description="instance_ids, name_pattern and tags")
    name_template: str = Field(
        default=DEFAULT_NAME_TEMPLATE,
        strict=True,
        min_length=1,
        max_length=256,
        description="a name template of 1 to 256 characters",
    )
    description: Annotated[str, AfterValidator(check_description)] | None = Field(
        default=None,
        strict=True,
        max_length=256,
        description="at most 256 characters, none of > ! < \" & ' = and no line breaks",
    )
    scheduled_time: Time = Field(description="ISO 8601 with an offset, at most 1 hour ahead of now")
    timezone: Annotated[str, AfterValidator(check_zone)] = Field(
        default="UTC", strict=True, max_length=64, description="an IANA time zone such as Europe/Berlin"
    )
    connection: Label = Field(default="default", description="1 to 64 letters, digits, _ or -")
    dry_run: bool = Field(default=False, strict=True, description="true or false")

    @property
    def facts(self) -> dict[str, Any]:
        """Log keys."""
        return {"connection": self.connection, "schedule": self.schedule, "scheduled_time": self.scheduled_time}


def parse_plan(data: Mapping[str, Any], *, default_time: datetime, now: datetime) -> Plan:
    """Read a plan; without `scheduled_time` it is the run of `default_time`. Raises `InvalidRequest` as others do."""
    plan = parse_strictly(Plan, {"scheduled_time": default_time.isoformat(), **data}, "plan")
    check_ahead("plan", plan.scheduled_time, now=now)
    return plan


class Verdict(StrEnum):
    """What becomes of an instance."""

    QUEUED = "queued"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """One instance and what becomes of it, with the reason; the request if there is one."""

    verdict: Verdict
    instance_id: str
    instance_name: str | None = None
    reason: str | None = None
    request: BackupRequest | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The answer's entry and the log record's keys."""
        return {
            "instance_id": self.instance_id,
            "instance_name": self.instance_name,
            "backup_name": self.request.name_template if self.request else None,
            "reason": self.reason,
        }


def decide(plan: Plan, instances: Iterable[Instance]) -> list[Decision]:
    """Decide what becomes of each selected instance, in the order of their ids.

    The same plan and the same instances give the same requests, so that dispatching twice makes nothing twice.
    """
    by_id = {instance.id: instance for instance in instances}
    chosen = sorted(by_id) if plan.select.instance_ids is None else _unique(plan.select.instance_ids)
    decisions = [_decide_one(plan, by_id.get(id_), id_) for id_ in chosen]
    return [decision for decision in decisions if decision is not None]


def _unique(ids: Sequence[str]) -> list[str]:
    return sorted(set(ids))


def _decide_one(plan: Plan, instance: Instance | None, instance_id: str) -> Decision | None:
    if instance is None:
        return Decision(Verdict.REFUSED, instance_id, reason="the project has no such instance")
    if not _is_selected(plan.select, instance):
        return None
    if why := NOT_BACKED_UP.get(instance.status):
        return Decision(Verdict.SKIPPED, instance.id, instance.name, reason=f"{why} (status {instance.status})")
    try:
        request = _make_request(plan, instance)
    except InvalidRequest as error:
        return Decision(Verdict.REFUSED, instance.id, instance.name, reason=str(error))
    return Decision(Verdict.QUEUED, instance.id, instance.name, request=request)


def _is_selected(select: Selection, instance: Instance) -> bool:
    has_tags = all(instance.tags.get(key) == value for key, value in select.tags.items())
    return has_tags and fnmatchcase(instance.name, select.name_pattern)


def _make_request(plan: Plan, instance: Instance) -> BackupRequest:
    """Make the request; its template is the rendered name, which no renaming of the instance changes any more."""
    name = render_name(
        plan.name_template,
        instance_id=instance.id,
        scheduled_time=plan.scheduled_time,
        timezone=plan.timezone,
        schedule=plan.schedule,
        instance_name=instance.name,
    )
    fields = {
        "version": 1,
        "instance_id": instance.id,
        "name_template": name,
        "description": plan.description,
        "scheduled_time": plan.scheduled_time.isoformat(),
        "timezone": plan.timezone,
        "connection": plan.connection,
        "schedule": plan.schedule,
    }
    return parse_strictly(BackupRequest, fields, "backup request")
