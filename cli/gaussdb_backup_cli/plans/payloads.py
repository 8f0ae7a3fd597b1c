"""What the schedules of a plan send to the functions."""

from collections.abc import Mapping
from string import Formatter
from typing import Any

from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.prune import Retention
from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.schedules import Kind

NOMINAL_TIME = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces by the time of the run."""
MIN_PREFIX = 2
"""Characters of a beginning of names by which backups may be deleted, where it is not written in the file."""


def make_payloads(name: str, plan: PlanOfFile) -> dict[Kind, dict[str, Any]]:
    """Return the payload of each schedule of a plan, with only what the file gives."""
    common = plan.model_dump(mode="json", include={"select"}, exclude_unset=True)
    common = {"schedule": name, **common, "timezone": plan.timezone, "connection": plan.connection}
    names = {"name_template": plan.backup.name_template}
    if plan.description is not None:
        names["description"] = plan.description
    time = {"scheduled_time": NOMINAL_TIME}
    payloads: dict[Kind, dict[str, Any]] = {Kind.BACKUP: {**common, **names, **time}}
    if plan.audit:
        fields = plan.audit.model_dump(mode="json", exclude={"schedule"}, exclude_unset=True)
        foreseen = {"prune": make_retention(name, plan)} if plan.keep else {}
        payloads[Kind.AUDIT] = {**common, **names, **fields, **foreseen, **time}
    if plan.keep:
        retention = make_retention(name, plan)
        payloads[Kind.PRUNE] = {**common, **retention, "dry_run": plan.keep.dry_run, **time}
    return payloads


def make_retention(name: str, plan: PlanOfFile) -> dict[str, Any]:
    """Return the retention of a plan that has one; without `name_prefix` where the file gives none and none follows."""
    if plan.keep is None:
        raise ValueError(f"the plan {name} keeps everything")
    limits = set(Retention.model_fields) - {"keep", "name_prefix"}
    retention = plan.keep.model_dump(mode="json", include=limits, exclude_unset=True)
    prefix = find_prefix(name, plan)
    if prefix is not None:
        retention["name_prefix"] = prefix
    rules = plan.keep.model_dump(
        mode="json", include=set(KeepRules.model_fields), exclude_unset=True, exclude_none=True
    )
    return {**retention, "keep": rules}


def find_prefix(name: str, plan: PlanOfFile) -> str | None:
    """Return the beginning of the names that may be deleted: what the file gives, else how the plan's names begin.

    `None` where these have no common beginning of two characters. With `all_names` it is "".
    """
    if plan.keep and plan.keep.name_prefix is not None:
        return plan.keep.name_prefix
    if plan.keep and plan.keep.all_names:
        return ""
    begin = constant_begin(plan.backup.name_template, name)
    return begin if len(begin) >= MIN_PREFIX else None


def constant_begin(template: str, name: str) -> str:
    """Return what all names by a template begin with; empty for a malformed template."""
    begin = ""
    try:
        for literal, field, spec, conversion in Formatter().parse(template):
            begin += literal
            if field is None:
                continue
            if field != "schedule" or conversion:
                break
            begin += format(name, spec or "")
    except ValueError:
        return ""
    return begin


def without_time(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload of no run."""
    return {key: value for key, value in payload.items() if key != "scheduled_time"}
