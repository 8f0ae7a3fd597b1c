"""The schedules that a file with plans makes, as EventBridge Scheduler is asked for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.plans.payloads import make_payloads
from gaussdb_backup_cli.plans.plan_file import PARTS, encode
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind
from gaussdb_backup_cli.stack import Stack

MARK = "Applied from a plan file by gaussdb-backup."
"""The description of the schedules that are a file's; all others are left alone."""
RETRY_POLICY = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 14400}
"""As the stack's own schedules have it (template.yaml)."""
TARGETS = {
    Kind.BACKUP: "PlanQueueArn",
    Kind.AUDIT: "AuditBackupsFunctionAliasArn",
    Kind.PRUNE: "PruneBackupsFunctionAliasArn",
}


@dataclass(frozen=True, slots=True)
class Resources:
    """What the schedules of a stack refer to."""

    group: str
    role: str
    dead_letters: str
    targets: Mapping[Kind, str]


@dataclass(frozen=True, slots=True)
class DesiredSchedule:
    """One schedule. `request` is that of CreateSchedule and UpdateSchedule."""

    name: str
    plan: str
    kind: Kind
    request: Mapping[str, Any]


def find_resources(stack: Stack) -> Resources:
    """Return what schedules refer to. Raises `CommandFailed` for a stack that lacks an output."""
    return Resources(
        group=stack.output("ScheduleGroupName"),
        role=stack.output("SchedulesRoleArn"),
        dead_letters=stack.output("FailedInvocationsQueueArn"),
        targets={kind: stack.output(output) for kind, output in TARGETS.items()},
    )


def make_schedules(plans: Mapping[str, PlanOfFile], resources: Resources, *, now: datetime) -> list[DesiredSchedule]:
    """Return the schedules of all plans, in the order of their names."""
    schedules = [
        DesiredSchedule(f"{name}.{kind}", name, kind, _make_request(name, kind, plan, payload, resources, now))
        for name, plan in plans.items()
        for kind, payload in make_payloads(name, plan).items()
    ]
    return sorted(schedules, key=lambda schedule: schedule.name)


def _make_request(
    name: str, kind: Kind, plan: PlanOfFile, payload: Mapping[str, Any], resources: Resources, now: datetime
) -> dict[str, Any]:
    is_over = plan.end is not None and plan.end <= now
    return {
        "Name": f"{name}.{kind}",
        "GroupName": resources.group,
        "Description": MARK,
        "State": "DISABLED" if plan.is_disabled or is_over else "ENABLED",
        "ScheduleExpression": getattr(plan, PARTS[kind]).schedule.strip(),
        "ScheduleExpressionTimezone": plan.timezone,
        **_dates(plan, now),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "NONE",
        "Target": {
            "Arn": resources.targets[kind],
            "RoleArn": resources.role,
            "RetryPolicy": RETRY_POLICY,
            "DeadLetterConfig": {"Arn": resources.dead_letters},
            "Input": encode(payload),
        },
    }


def _dates(plan: PlanOfFile, now: datetime) -> dict[str, datetime]:
    """Return the dates that are ahead: EventBridge Scheduler refuses a begin in the past; what is over has none."""
    dates = {"StartDate": plan.start, "EndDate": plan.end}
    return {key: time.astimezone(UTC).replace(microsecond=0) for key, time in dates.items() if time and time > now}


def is_owned(schedule: DeployedSchedule) -> bool:
    """Return whether a schedule was applied from a file: its name has the form, and its description the mark."""
    plan, dot, kind = schedule.name.rpartition(".")
    return bool(plan and dot) and kind in set(Kind) and schedule.raw.get("Description") == MARK


def flatten(request: Mapping[str, Any], *, now: datetime) -> dict[str, str]:
    """Return the settings of a schedule by their names, as texts: the same for two schedules that do the same.

    A request and the response of GetSchedule are compared so. A begin that is past is none.
    """
    target = dict(request["Target"])
    payload = _parse_input(target.pop("Input", ""))
    settings = {
        "schedule": str(request["ScheduleExpression"]),
        "timezone": str(request.get("ScheduleExpressionTimezone") or "UTC"),
        "state": str(request.get("State") or "ENABLED"),
        "description": str(request.get("Description") or ""),
        "flexible time window": _show(dict(request["FlexibleTimeWindow"])),
        "action after completion": str(request.get("ActionAfterCompletion") or "NONE"),
        "key": str(request.get("KmsKeyArn") or ""),
        "from": _show_date(request.get("StartDate"), now),
        "until": _show_date(request.get("EndDate"), None),
    }
    settings |= _flatten_object("target", target)
    settings |= _flatten_object("payload", payload) if isinstance(payload, dict) else {"payload": _show(payload)}
    return {name: text for name, text in settings.items() if text}


def _parse_input(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _flatten_object(prefix: str, value: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, each in value.items():
        path = f"{prefix}.{key}"
        found |= _flatten_object(path, each) if isinstance(each, dict) and each else {path: _show(each)}
    return found


def _show(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) and value else json.dumps(value, sort_keys=True, default=str)


def _show_date(value: Any, now: datetime | None) -> str:
    if not isinstance(value, datetime) or (now is not None and value <= now):
        return ""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
