"""Listing backups (contract, section 2)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.gaussdb_emulator.backups import Backup
from local.gaussdb_emulator.request import Call
from local.gaussdb_emulator.responses import Answer, refuse
from local.gaussdb_emulator.state import Cloud

from .paging import page, parameters

_Check = Callable[[Backup], bool]


def list_backups(cloud: Cloud, call: Call) -> Answer:
    """Return one page of the project's backups, newest first, with the count of all that match."""
    asked, now = parameters(cloud, call), cloud.now()
    checks = [*_plain_checks(asked), *_time_checks(cloud, asked, now), *_later_checks(cloud, call, asked)]
    listed = [
        backup for backup in _candidates(cloud, call, asked)
        if backup.is_listed(now) and all(check(backup) for check in checks)
    ]  # fmt: skip
    shown = [_render(cloud, call, backup, now) for backup in page(listed, asked)]
    return Answer(status=200, document={"backups": shown, "total_count": len(listed)})


def _candidates(cloud: Cloud, call: Call, asked: Mapping[str, str]) -> Iterable[Backup]:
    """Yield what the indexes know, newest first, of this project only."""
    if "backup_id" in asked:
        one = cloud.store.get(asked["backup_id"])
        found: Iterable[Backup] = [] if one is None else [one]
    elif "instance_id" in asked:
        found = cloud.store.of_instance(asked["instance_id"])
    else:
        return cloud.store.of_project(call.project_id or "")
    return (backup for backup in found if backup.project_id == call.project_id)


def _plain_checks(asked: Mapping[str, str]) -> Iterable[_Check]:
    if "instance_id" in asked:
        yield lambda backup: backup.instance_id == asked["instance_id"]
    if "backup_type" in asked:
        if asked["backup_type"] not in ("auto", "manual"):
            raise refuse(400, "DBS.200001", "Parameter error: backup_type.")
        yield lambda backup: backup.type == asked["backup_type"]


def _time_checks(cloud: Cloud, asked: Mapping[str, str], now: datetime) -> Iterable[_Check]:
    """Both bounds are about the backup's begin, and inclusive; each may come alone (contract, section 2.2)."""
    since, until = (_read_time(asked, name) for name in ("begin_time", "end_time"))
    if since is not None and until is not None and until <= since:
        raise refuse(400, "DBS.200001", "Parameter error: end_time must be later than begin_time.")
    if cloud.rules.refuse_future_times and any(bound is not None and bound > now for bound in (since, until)):
        raise refuse(400, "DBS.200001", "Parameter error: begin_time and end_time must be earlier than now.")
    if since is not None:
        yield lambda backup: backup.begin_at >= since
    if until is not None:
        yield lambda backup: backup.begin_at <= until


def _read_time(asked: Mapping[str, str], name: str) -> datetime | None:
    if name not in asked:
        return None
    try:
        return datetime.strptime(asked[name], "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        raise refuse(400, "DBS.200001", f"Parameter error: {name}.") from None


def _later_checks(cloud: Cloud, call: Call, asked: Mapping[str, str]) -> Iterable[_Check]:
    """Yield the filters that only the newer path family knows; the older one takes no notice of them."""
    if call.family != "v3":
        return
    if "name" in asked and cloud.rules.name_filter == "exact":
        yield lambda backup: backup.name == asked["name"]
    elif "name" in asked:
        yield lambda backup: asked["name"] in backup.name
    if "instance_name" in asked:
        yield lambda backup: backup.instance_name == asked["instance_name"]


def _render(cloud: Cloud, call: Call, backup: Backup, now: datetime) -> dict[str, Any]:
    common = {
        "id": backup.id,
        "name": backup.name,
        "description": backup.description,
        "begin_time": cloud.rules.render_time(backup.begin_at),
        "status": backup.status(now),
        "type": backup.type,
        "datastore": {"type": "gaussdb-mysql", "version": backup.version},
        "instance_id": backup.instance_id,
    }
    extra = {"instance_name": backup.instance_name} if call.family == "v3" else {}
    return common | extra | _render_end(cloud, call, backup, now)


def _render_end(cloud: Cloud, call: Call, backup: Backup, now: datetime) -> dict[str, Any]:
    """Tell the end, the duration (minutes) and the size (MB).

    While building, the newer family says them empty and the older not at all: which of the two the vendor does is
    unconfirmed (contract, section 13), so that a client meets both.
    """
    if backup.is_building(now) or backup.ends_at is None:
        return {"end_time": "", "take_up_time": 0, "size": 0} if call.family == "v3" else {}
    took = (backup.ends_at - backup.begin_at).total_seconds()
    return {
        "end_time": cloud.rules.render_time(backup.ends_at),
        "take_up_time": round(took / 60),
        "size": backup.size_mb if backup.end_word != "FAILED" else 0,
    }
