"""The schedules of a stack's schedule group, as they are deployed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.stack import Stack


class Kind(StrEnum):
    """What a schedule has done."""

    BACKUP = "backup"
    AUDIT = "audit"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True)
class DeployedSchedule:
    """One schedule. `kind` is known by the target, and `None` for a target that is none of the stack's.

    `plan` is the label that its payload carries as `schedule`; without one it is the name of the schedule.
    `payload` is empty where the input is no JSON object. `raw` is the response of GetSchedule.
    """

    name: str
    kind: Kind | None
    plan: str
    expression: str
    timezone: str
    is_enabled: bool
    start: datetime | None
    end: datetime | None
    payload: Mapping[str, Any]
    raw: Mapping[str, Any]


def list_schedules(stack: Stack) -> list[DeployedSchedule]:
    """Return the schedules of the stack's group, in the order of their names. Raises what boto3 raises."""
    client, group = stack.client("scheduler"), stack.output("ScheduleGroupName")
    pages = client.get_paginator("list_schedules").paginate(GroupName=group)
    names = sorted(each["Name"] for page in pages for each in page["Schedules"])
    found = (read_schedule(stack, name) for name in names)
    return [schedule for schedule in found if schedule is not None]


def read_schedule(stack: Stack, name: str) -> DeployedSchedule | None:
    """Return one schedule of the stack's group; `None` where there is none. Raises what boto3 raises."""
    client = stack.client("scheduler")
    try:
        return _parse(client.get_schedule(GroupName=stack.output("ScheduleGroupName"), Name=name), stack)
    except client.exceptions.ResourceNotFoundException:
        return None


def find_schedule(stack: Stack, plan: str, kind: Kind) -> DeployedSchedule:
    """Return the schedule of a plan, given by its label or by the name of the schedule.

    Raises `CommandFailed` for a plan that the stack does not have, or has twice.
    """
    return choose_schedule(list_schedules(stack), plan, kind)


def choose_schedule(schedules: Sequence[DeployedSchedule], plan: str, kind: Kind) -> DeployedSchedule:
    """Return the one schedule of a plan. Raises as `find_schedule` does."""
    of_kind = [each for each in schedules if each.kind is kind]
    found = [each for each in of_kind if each.name == plan] or [each for each in of_kind if each.plan == plan]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        raise CommandFailed(
            "ambiguous_plan",
            f"several {kind} schedules have the plan {plan}",
            f"name one: {names}",
            exit_code=Exit.USAGE,
        )
    known = ", ".join(sorted({each.plan for each in of_kind})) or "none"
    raise CommandFailed(
        "no_plan", f"the stack has no {kind} schedule of a plan {plan}", f"there are: {known}", exit_code=Exit.USAGE
    )


def _parse(raw: Mapping[str, Any], stack: Stack) -> DeployedSchedule:
    target = raw["Target"]
    try:
        payload = json.loads(target.get("Input", ""))
    except ValueError:
        payload = {}
    payload = payload if isinstance(payload, dict) else {}
    kinds = {
        stack.outputs.get("PlanQueueArn"): Kind.BACKUP,
        stack.outputs.get("AuditBackupsFunctionAliasArn"): Kind.AUDIT,
        stack.outputs.get("PruneBackupsFunctionAliasArn"): Kind.PRUNE,
    }
    label = payload.get("schedule")
    return DeployedSchedule(
        name=raw["Name"],
        kind=kinds.get(target["Arn"]),
        plan=label if isinstance(label, str) and label else raw["Name"],
        expression=raw["ScheduleExpression"],
        timezone=raw.get("ScheduleExpressionTimezone") or "UTC",
        is_enabled=raw.get("State") == "ENABLED",
        start=raw.get("StartDate"),
        end=raw.get("EndDate"),
        payload=payload,
        raw=raw,
    )
