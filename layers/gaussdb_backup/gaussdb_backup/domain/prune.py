"""Prunes: which backups may go (docs/reference/prune.md). Decisions only; nothing is deleted from here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo

from gaussdb_backup.domain.backup_request import Label, Time, TimeZone
from gaussdb_backup.domain.drill import is_drill, sources_in_use
from gaussdb_backup.domain.instance_coverage import group_by_instance
from gaussdb_backup.domain.models import Backup, Instance
from gaussdb_backup.domain.retention import Decision, KeepRules, RetentionPolicy, decide
from gaussdb_backup.domain.selection import Selection
from gaussdb_backup.domain.validation import Strict, parse_strictly


def _check_prefix(value: str, info: ValidationInfo) -> str:
    if not value and not info.data.get("all_names"):
        raise ValueError("all_names is not true")
    return value


def _check_rules(value: KeepRules) -> KeepRules:
    if not value.has_rules:
        raise ValueError("no rule in it keeps anything")
    return value


class Retention(Strict):
    """How long backups are kept. Only those whose names begin with the prefix are ever deleted."""

    all_names: bool = Field(default=False, strict=True, description="true or false")
    name_prefix: Annotated[str, AfterValidator(_check_prefix)] = Field(
        strict=True,
        max_length=64,
        description='the beginning of the names that may be deleted, such as nightly-; "" only with "all_names": true',
    )
    keep: Annotated[KeepRules, AfterValidator(_check_rules)] = Field(
        description='an object with at least one rule, such as {"daily": 7}'
    )
    minimum_good: int = Field(default=1, ge=1, le=10_000, strict=True, description="a whole number from 1 to 10000")
    max_deletions: int = Field(default=500, ge=1, le=10_000, strict=True, description="a whole number from 1 to 10000")
    include_orphans: bool = Field(default=False, strict=True, description="true or false")

    def policy(self, zone: tzinfo) -> RetentionPolicy:
        """Return the policy for the backups of one instance, with the days of a zone."""
        return RetentionPolicy(rules=self.keep, zone=zone, name_prefix=self.name_prefix, minimum_good=self.minimum_good)


class Prune(Retention):
    """The deletion of what the retention does not keep, in one project."""

    version: Annotated[Literal[1], Field(description="1")] = 1
    connection: Label = Field(default="default", description="1 to 64 letters, digits, _ or -")
    schedule: Label | None = Field(default=None, description="1 to 64 letters, digits, _ or -")
    scheduled_time: Time | None = Field(default=None, description="ISO 8601 with an offset")
    select: Selection = Field(default_factory=Selection, description="instance_ids, name_pattern and tags")
    timezone: TimeZone = "UTC"
    dry_run: bool = Field(default=True, strict=True, description="true or false")

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields that name the run."""
        return {
            "connection": self.connection,
            "schedule": self.schedule,
            "scheduled_time": self.scheduled_time,
            "dry_run": self.dry_run,
        }

    @property
    def zone(self) -> tzinfo:
        """The zone of the days, weeks, months and years of the rules."""
        return ZoneInfo(self.timezone)


def parse_prune(data: Mapping[str, Any]) -> Prune:
    """Parse a prune. Raises `InvalidRequest` that names every wrong field."""
    return parse_strictly(Prune, data, "prune")


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What is decided about each backup of the selected instances, and why nothing may be deleted, if so.

    `not_found` are ids that are selected, and neither the project nor, with orphans, any backup has.
    """

    decisions: Sequence[Decision]
    refused: str | None = None
    not_found: Sequence[str] = ()

    @property
    def deletions(self) -> list[Decision]:
        """The decisions about the backups that the retention does not keep, those that began first at the front."""
        found = [decision for decision in self.decisions if not decision.keep]
        return sorted(found, key=lambda decision: (str(decision.backup.begin_time), decision.backup.id))


def plan_prune(
    retention: Retention,
    *,
    select: Selection,
    zone: tzinfo,
    instances: Collection[Instance],
    backups: Iterable[Backup],
    now: datetime,
) -> PrunePlan:
    """Decide about each backup of the selected instances. The lists are those of the whole project.

    The backups of an instance that the project does not have are left alone, but with `include_orphans`. While a drill
    restores from an instance none of its backups goes, and of a drill's own instance none is regarded.
    """
    groups = group_by_instance(backups)
    known = {instance.id for instance in instances}
    chosen = [one.id for one in instances if select.matches(one) and not is_drill(one)]
    if retention.include_orphans:
        orphans = {id_: group for id_, group in groups.items() if id_ and id_ not in known}
        chosen += [id_ for id_, group in orphans.items() if _selects_orphan(select, group)]
    policy, sources = retention.policy(zone), sources_in_use(instances)
    decisions: list[Decision] = []
    for instance_id in sorted(chosen):
        group = groups.get(instance_id, [])
        in_use = {backup.id for backup in group} if instance_id in sources else frozenset[str]()
        decisions += decide(group, policy, now=now, in_use=in_use)
    not_found = sorted(set(select.instance_ids or ()) - known - set(chosen))
    refused = _find_refusal(decisions, retention, is_without_instances=not known, instances_with_backups=len(groups))
    return PrunePlan(decisions, refused, not_found)


def _selects_orphan(select: Selection, backups: Sequence[Backup]) -> bool:
    """Return whether an instance that is gone would be selected, as far as its backups describe it: it has no tags."""
    name = next((backup.instance_name for backup in backups if backup.instance_name), "")
    return select.matches(Instance(id=backups[0].instance_id, name=name))


def _find_refusal(
    decisions: Sequence[Decision], retention: Retention, *, is_without_instances: bool, instances_with_backups: int
) -> str | None:
    if is_without_instances and instances_with_backups:
        return (
            f"the project lists no instance at all, yet backups of {instances_with_backups}: check the connection; if "
            "all of them were deleted, delete their backups by hand"
        )
    deletions = sum(not decision.keep for decision in decisions)
    if deletions > retention.max_deletions:
        return (
            f"{deletions} backups would be deleted, of at most {retention.max_deletions}: check name_prefix and keep "
            "in a dry run, then raise max_deletions once"
        )
    return None
