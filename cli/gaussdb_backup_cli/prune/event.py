"""The event of a prune by hand, made of the payload of a schedule."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from gaussdb_backup_cli.audit.event import format_time


def make_prune_event(
    payload: Mapping[str, Any], *, now: datetime, dry_run: bool, instance_ids: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the event of a prune like that of a schedule, at the time `now`, of these instances alone where given.

    The criteria of the schedule still hold: an instance that it does not select is not pruned. It has no `schedule`,
    which is a dimension of the metrics.
    """
    event = {key: value for key, value in payload.items() if key != "schedule"}
    if instance_ids is not None:
        select = payload.get("select")
        event["select"] = {**(select if isinstance(select, dict) else {}), "instance_ids": sorted(instance_ids)}
    return event | {"dry_run": dry_run, "scheduled_time": format_time(now)}


def is_dry_run(payload: Mapping[str, Any]) -> bool:
    """Return whether the schedule itself deletes nothing."""
    return payload.get("dry_run") is not False
