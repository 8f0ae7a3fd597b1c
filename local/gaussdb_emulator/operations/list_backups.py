"""List backups (docs/reference/gaussdb_api.md, "Listing backups")."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.gaussdb_emulator.backups import Backup
from local.gaussdb_emulator.request import Request, page_of
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_Filter = Callable[[Backup], bool]


def list_backups(cloud: Cloud, request: Request) -> Response:
    """Return one page of the project's backups, newest first, with the count of all that match."""
    parameters, now = request.parameters(plus=cloud.rules.raw_plus), cloud.now()
    filters = [
        *_common_filters(parameters), *_time_filters(cloud, parameters, now), *_v3_filters(cloud, request, parameters),
    ]  # fmt: skip
    listed = [
        backup for backup in _candidates(cloud, request, parameters)
        if backup.is_listed(now) and all(matches(backup) for matches in filters)
    ]  # fmt: skip
    page = [_render(cloud, request, backup, now) for backup in page_of(listed, parameters)]
    return Response(status=200, document={"backups": page, "total_count": len(listed)})


def _candidates(cloud: Cloud, request: Request, parameters: Mapping[str, str]) -> Iterable[Backup]:
    """Yield the backups that the store's indexes find, newest first, of this project only."""
    if "backup_id" in parameters:
        one = cloud.store.get(parameters["backup_id"])
        found: Iterable[Backup] = [] if one is None else [one]
    elif "instance_id" in parameters:
        found = cloud.store.of_instance(parameters["instance_id"])
    else:
        return cloud.store.of_project(request.project_id or "")
    return (backup for backup in found if backup.project_id == request.project_id)


def _common_filters(parameters: Mapping[str, str]) -> Iterable[_Filter]:
    if "instance_id" in parameters:
        yield lambda backup: backup.instance_id == parameters["instance_id"]
    if "backup_type" in parameters:
        if parameters["backup_type"] not in ("auto", "manual"):
            raise service_error(400, "DBS.200001", "Parameter error: backup_type.")
        yield lambda backup: backup.type == parameters["backup_type"]


def _time_filters(cloud: Cloud, parameters: Mapping[str, str], now: datetime) -> Iterable[_Filter]:
    """Yield the bounds of a backup's begin; both are inclusive, and each may be given alone."""
    since, until = (_read_time(parameters, name) for name in ("begin_time", "end_time"))
    if since is not None and until is not None and until <= since:
        raise service_error(400, "DBS.200001", "Parameter error: end_time must be later than begin_time.")
    if cloud.rules.reject_future_times and any(bound is not None and bound > now for bound in (since, until)):
        raise service_error(400, "DBS.200001", "Parameter error: begin_time and end_time must be earlier than now.")
    if since is not None:
        yield lambda backup: backup.begin_at >= since
    if until is not None:
        yield lambda backup: backup.begin_at <= until


def _read_time(parameters: Mapping[str, str], name: str) -> datetime | None:
    if name not in parameters:
        return None
    try:
        return datetime.strptime(parameters[name], "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        raise service_error(400, "DBS.200001", f"Parameter error: {name}.") from None


def _v3_filters(cloud: Cloud, request: Request, parameters: Mapping[str, str]) -> Iterable[_Filter]:
    """Yield the filters of `v3`, which `mysql/v3` ignores."""
    if request.api_prefix != "v3":
        return
    if "name" in parameters and cloud.rules.name_filter == "exact":
        yield lambda backup: backup.name == parameters["name"]
    elif "name" in parameters:
        yield lambda backup: parameters["name"] in backup.name
    if "instance_name" in parameters:
        yield lambda backup: backup.instance_name == parameters["instance_name"]


def _render(cloud: Cloud, request: Request, backup: Backup, now: datetime) -> dict[str, Any]:
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
    extra = {"instance_name": backup.instance_name} if request.api_prefix == "v3" else {}
    return common | extra | _render_end(cloud, request, backup, now)


def _render_end(cloud: Cloud, request: Request, backup: Backup, now: datetime) -> dict[str, Any]:
    """Render the end, the duration (minutes) and the size (MB).

    While a backup is BUILDING, `v3` has empty values and `mysql/v3` omits the fields. Which of the two the vendor does
    is not known (docs/reference/gaussdb_api.md, "Unconfirmed"), so that a client has to accept both.
    """
    if backup.is_building(now) or backup.ends_at is None:
        return {"end_time": "", "take_up_time": 0, "size": 0} if request.api_prefix == "v3" else {}
    duration = (backup.ends_at - backup.begin_at).total_seconds()
    return {
        "end_time": cloud.rules.render_time(backup.ends_at),
        "take_up_time": round(duration / 60),
        "size": backup.size_mb if backup.end_status != "FAILED" else 0,
    }
