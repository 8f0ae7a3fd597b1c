"""Plans: which instances a schedule backs up (docs/reference/plan.md). Decisions only; nothing is sent from here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from gaussdb_backup.domain.backup_request import BackupRequest, InstanceId, Run, parse_run
from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.naming import render_backup_name
from gaussdb_backup.domain.validation import Strict, parse_strictly
from gaussdb_backup.errors import FieldProblem, InvalidRequest

NO_TIME = FieldProblem(
    "scheduled_time",
    "the time of the run, unless dry_run is true: without it a plan that is dispatched again would be another run and "
    "make each backup twice (schedules pass <aws.scheduler.scheduled-time>)",
    "nothing",
)
NOT_BACKED_UP = {
    "BUILD": "it is being built",
    "CREATING": "it is being built",
    "FAILED": "it has failed",
    "CREATEFAIL": "it has failed",
    "FROZEN": "it is frozen",
}
"""Statuses in which no backup can be made, now or later (docs/reference/gaussdb_api.md, "Listing instances")."""


class Selection(Strict):
    """The criteria of a plan. All must hold; an absent one holds for every instance."""

    instance_ids: tuple[InstanceId, ...] | None = Field(
        default=None, max_length=10_000, description="a list of instance ids"
    )
    name_pattern: str = Field(
        default="*", strict=True, min_length=1, max_length=128, description="a pattern such as orders-*"
    )
    tags: Mapping[str, str] = Field(default_factory=dict, max_length=20, description="an object of tags and values")


class Plan(Run):
    """One backup of each selected instance, all of one run."""

    select: Selection = Field(default_factory=Selection, description="instance_ids, name_pattern and tags")
    dry_run: bool = Field(default=False, strict=True, description="true or false")


def parse_plan(data: Mapping[str, Any], *, now: datetime) -> Plan:
    """Parse a plan. Raises `InvalidRequest` that names every wrong field.

    Only a dry run may be without `scheduled_time`, and belongs to the present: a plan that is dispatched again must be
    the same run, or it would make each backup twice.
    """
    problems = [] if data.get("dry_run") is True or "scheduled_time" in data else [NO_TIME]
    try:
        plan = parse_run(Plan, data, "plan", default_time=now, now=now)
    except InvalidRequest as error:
        raise InvalidRequest("plan", [*error.problems, *problems]) from None
    if problems:
        raise InvalidRequest("plan", problems)
    return plan


class Action(StrEnum):
    """What is done about an instance."""

    QUEUED = "queued"
    SKIPPED = "skipped"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about one instance, with the reason; the request, if there is one."""

    action: Action
    instance_id: str
    instance_name: str | None = None
    reason: str | None = None
    request: BackupRequest | None = None

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields of the log record, and of the entry in the result."""
        return {
            "instance_id": self.instance_id,
            "instance_name": self.instance_name,
            "backup_name": self.request.name_template if self.request else None,
            "reason": self.reason,
        }


def decide(plan: Plan, instances: Iterable[Instance]) -> list[Decision]:
    """Decide about each selected instance, in the order of their ids.

    The same plan and the same instances give the same requests, so dispatching twice makes no backup twice.
    """
    by_id = {instance.id: instance for instance in instances}
    chosen = by_id if plan.select.instance_ids is None else plan.select.instance_ids
    decisions = [_decide_one(plan, by_id.get(id_), id_) for id_ in sorted(set(chosen))]
    return [decision for decision in decisions if decision is not None]


def _decide_one(plan: Plan, instance: Instance | None, instance_id: str) -> Decision | None:
    if instance is None:
        return Decision(Action.REJECTED, instance_id, reason="the project has no such instance")
    if not _is_selected(plan.select, instance):
        return None
    if why := NOT_BACKED_UP.get(instance.status):
        return Decision(Action.SKIPPED, instance.id, instance.name, reason=f"{why} (status {instance.status})")
    try:
        request = _make_request(plan, instance)
    except InvalidRequest as error:
        return Decision(Action.REJECTED, instance.id, instance.name, reason=str(error))
    return Decision(Action.QUEUED, instance.id, instance.name, request=request)


def _is_selected(select: Selection, instance: Instance) -> bool:
    has_tags = all(instance.tags.get(key) == value for key, value in select.tags.items())
    return has_tags and fnmatchcase(instance.name, select.name_pattern)


def _make_request(plan: Plan, instance: Instance) -> BackupRequest:
    # The template of the request is the rendered name, which a later renaming of the instance does not change.
    name = render_backup_name(
        plan.name_template,
        instance_id=instance.id,
        scheduled_time=plan.scheduled_time,
        timezone=plan.timezone,
        schedule=plan.schedule,
        instance_name=instance.name,
    )
    fields = plan.model_dump(mode="json", include=set(Run.model_fields))
    fields |= {"instance_id": instance.id, "name_template": name}
    return parse_strictly(BackupRequest, fields, "backup request")
