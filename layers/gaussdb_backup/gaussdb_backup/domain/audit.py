"""Audits: what is asked about which instances (docs/reference/audit.md)."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from gaussdb_backup.domain.backup_request import Run, parse_run
from gaussdb_backup.domain.coverage import State
from gaussdb_backup.domain.instance_coverage import CoverageCriteria
from gaussdb_backup.domain.plan import Plan, find_template_problems_of_plan
from gaussdb_backup.domain.prune import Retention
from gaussdb_backup.domain.selection import Selection
from gaussdb_backup.errors import InvalidRequest

CAUGHT_UP = (State.NEVER, State.FAILING, State.LATE)
"""States in which another backup is requested, unless one is being made."""


class Audit(Run):
    """A comparison of the inventory of one project with its backups.

    The fields that make names and descriptions are those of the catch-up requests. `prune` is the retention that the
    next prune is foreseen by.
    """

    select: Selection = Field(default_factory=Selection, description="instance_ids, name_pattern and tags")
    max_age_hours: float = Field(
        default=26, gt=0, le=24 * 366, strict=True, description="a number of hours above 0, at most 8784"
    )
    count_automatic: bool = Field(default=False, strict=True, description="true or false")
    catch_up: bool = Field(default=False, strict=True, description="true or false")
    days: int = Field(default=30, ge=1, le=92, strict=True, description="a whole number from 1 to 92")
    read_protection: bool = Field(default=True, strict=True, description="true or false")
    prune: Retention | None = Field(default=None, description="name_prefix, keep and the other fields of a prune")

    def criteria(self, *, now: datetime) -> CoverageCriteria:
        """Return what coverage is measured by at a time."""
        max_age = timedelta(hours=self.max_age_hours)
        return CoverageCriteria(now=now, max_age=max_age, days=self.days, zone=ZoneInfo(self.timezone))

    def catch_up_plan(self, instance_ids: Collection[str]) -> Plan:
        """Return the plan that has one backup of each of these instances made, in the run of this audit.

        The same audit gives the same plan, so that an audit which is repeated makes no backup twice.
        """
        fields = {field: getattr(self, field) for field in Run.model_fields}
        selection = Selection.model_construct(instance_ids=tuple(sorted(instance_ids)))
        return Plan.model_construct(**fields, select=selection)


def parse_audit(data: Mapping[str, Any], *, default_time: datetime, now: datetime) -> Audit:
    """Parse an audit; without `scheduled_time` it belongs to the run of `default_time`.

    Raises `InvalidRequest` that names every wrong field; a name template that is wrong for every instance is one.
    """
    audit = parse_run(Audit, data, "audit", default_time=default_time, now=now)
    if audit.catch_up and (problems := find_template_problems_of_plan(audit.catch_up_plan(()))):
        raise InvalidRequest("audit", problems)
    return audit
