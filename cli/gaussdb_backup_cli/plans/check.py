"""Checking a file with plans, and the names that it would give to the backups of the instances that there are."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.plans.plan_file import PARTS, Plans
from gaussdb_backup_cli.plans.plan_warnings import PlanWarning, find_warnings
from gaussdb_backup_cli.plans.rendering import Rendered
from gaussdb_backup_cli.plans.timetables import find_times

SHOWN_TIMES = 3

type Render = Callable[[str, PlanOfFile], Rendered]


def check(file: str, plans: Plans, render: Render | None, *, now: datetime) -> dict[str, Any]:
    """Return the result of the JSON form. Without `render` nothing is known about the instances."""
    rendered = {name: render(name, plan) for name, plan in plans.plans.items()} if render else {}
    found = [*find_warnings(plans.plans, now=now), *_find_in_rendered(rendered)]
    return {
        "file": file,
        "problems": [
            {"line": each.place.line, "column": each.place.column, "path": each.path, "message": each.message}
            for each in plans.problems
        ],
        "warnings": [_show_warning(each, plans) for each in found],
        "plans": [_show_plan(name, plan, rendered.get(name), now) for name, plan in plans.plans.items()],
    }


def _find_in_rendered(rendered: Mapping[str, Rendered]) -> Iterator[PlanWarning]:
    for name, each in rendered.items():
        if each.failure:
            yield PlanWarning("not_rendered", name, ("backup",), f"its instances are not known: {each.failure}")
        elif not each.queued and not each.skipped and not each.rejected:
            yield PlanWarning("nothing_selected", name, ("select",), "no instance of the project is selected")
        elif each.rejected:
            message = f"{len(each.rejected)} selected by it cannot be backed up: {each.rejected[0].get('reason')}"
            yield PlanWarning("instances_rejected", name, ("backup",), message)


def _show_warning(warning: PlanWarning, plans: Plans) -> dict[str, Any]:
    place = plans.place_of(warning.plan, *warning.path)
    path = ".".join(warning.path)
    return {
        "code": warning.code,
        "plan": warning.plan,
        "path": path,
        "line": place.line,
        "column": place.column,
        "message": warning.message,
    }


def _show_plan(name: str, plan: PlanOfFile, rendered: Rendered | None, now: datetime) -> dict[str, Any]:
    schedules = [
        {
            "kind": str(kind),
            "schedule": f"{name}.{kind}",
            "expression": getattr(plan, PARTS[kind]).schedule.strip(),
            "next": [
                {"utc": _iso(time), "local": time.astimezone(plan.zone).isoformat(timespec="seconds")}
                for time in times.next(SHOWN_TIMES)
            ],
        }
        for kind, times in find_times(plan, now=now).items()
    ]
    instances = None
    if rendered:
        instances = {key: list(getattr(rendered, key)) for key in ("queued", "skipped", "rejected")}
        instances["failure"] = rendered.failure  # type: ignore[assignment]  # the only text
    return {
        "name": name,
        "timezone": plan.timezone,
        "paused": plan.is_disabled,
        "schedules": schedules,
        "instances": instances,
    }


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
