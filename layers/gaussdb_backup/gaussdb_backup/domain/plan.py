"""Plans: which instances a schedule backs up (docs/reference/plan.md). Decisions only; nothing is sent from here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from typing import Any

from pydantic import Field

from gaussdb_backup.domain.backup_request import BackupRequest, Run, parse_run
from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.naming import MAX_LENGTH, MIN_LENGTH, render_backup_name
from gaussdb_backup.domain.selection import Selection
from gaussdb_backup.domain.validation import parse_strictly
from gaussdb_backup.errors import FieldProblem, InvalidRequest

SAMPLE_IDS = ("a" * 32, "a" * 32 + "in07")
SAMPLE_NAMES = ("instance", *("a" * length for length in range(1, MAX_LENGTH + 1)))
SAMPLE_SCHEDULE = "x" * MIN_LENGTH
"""In place of a wrong schedule: just long enough for a name by itself."""
SAMPLE_TIME = datetime(2026, 5, 1, tzinfo=UTC)
"""In place of the time of a plan whose time is wrong: its names of month and day are as short as any."""
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
        usable = _make_sample(data, wrong={problem.field for problem in error.problems})
        raise InvalidRequest("plan", [*error.problems, *problems, *find_template_problems_of_plan(usable)]) from None
    if problems := [*problems, *find_template_problems_of_plan(plan)]:
        raise InvalidRequest("plan", problems)
    return plan


def _make_sample(data: Mapping[str, Any], *, wrong: Collection[str]) -> Plan:
    """Return a plan with the fields that names are made of, as far as they are right, so that these are checked too."""
    known = {key: data[key] for key in ("name_template", "schedule") if key in data and key not in wrong}
    placeholder = {"schedule": SAMPLE_SCHEDULE} if "schedule" in wrong else {}
    return Plan.model_validate({"scheduled_time": SAMPLE_TIME.isoformat(), **placeholder, **known})


def find_template_problems_of_plan(plan: Plan) -> Sequence[FieldProblem]:
    """Return what is wrong with the template of names, if no instance of any name has a legal one by it."""
    problems: Sequence[FieldProblem] = ()
    for instance_id, name in product(SAMPLE_IDS, SAMPLE_NAMES):
        try:
            _render_name(plan, Instance(id=instance_id, name=name))
        except InvalidRequest as error:
            problems = problems or error.problems
        else:
            return ()
    return problems


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
    if not plan.select.matches(instance):
        return None
    if why := NOT_BACKED_UP.get(instance.status):
        return Decision(Action.SKIPPED, instance.id, instance.name, reason=f"{why} (status {instance.status})")
    try:
        request = _make_request(plan, instance)
    except InvalidRequest as error:
        return Decision(Action.REJECTED, instance.id, instance.name, reason=str(error))
    return Decision(Action.QUEUED, instance.id, instance.name, request=request)


def _render_name(plan: Plan, instance: Instance) -> str:
    return render_backup_name(
        plan.name_template,
        instance_id=instance.id,
        scheduled_time=plan.scheduled_time,
        timezone=plan.timezone,
        schedule=plan.schedule,
        instance_name=instance.name,
    )


def _make_request(plan: Plan, instance: Instance) -> BackupRequest:
    # The template of the request is the rendered name, which a later renaming of the instance does not change.
    name = _render_name(plan, instance)
    fields = plan.model_dump(mode="json", include=set(Run.model_fields))
    fields |= {"instance_id": instance.id, "name_template": name}
    return parse_strictly(BackupRequest, fields, "backup request")
