"""Create a backup (docs/reference/gaussdb_api.md, "Creating a backup")."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from local.gaussdb_emulator.backups import Backup, new_backup_id
from local.gaussdb_emulator.faults import Effect, Fault, Phase
from local.gaussdb_emulator.fleet import Instance
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_INSTANCE_ID = re.compile(r"[A-Za-z0-9]{32}(in[0-9]{2})?|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}")
_DESCRIPTION = re.compile(r"""[^>!<"&'=\r\n]{0,256}""")

# The error for each status of an instance; in a status not listed here, another operation is in progress. The vendor
# documents the codes, but not which belongs to which status (docs/reference/gaussdb_api.md, "Unconfirmed").
_CONFLICTS = {
    "FROZEN": (400, "DBS.280449", "The instance is frozen."),
    "FAILED": (409, "DBS.280406", "The instance type or status does not allow this operation."),
    "STORAGE FULL": (409, "DBS.200316", "The storage of the instance is full."),
    "BACKING UP": (409, "DBS.201205", "A backup is being created."),
}
_BUSY = (409, "DBS.200019", "Another operation is being performed on the instance.")
_IN_PROGRESS = _CONFLICTS["BACKING UP"]


def create_backup(cloud: Cloud, request: Request) -> Response:
    """Create a backup: 200 without a job under `mysql/v3`, 201 with one under `v3`."""
    instance, name, description = _validate(cloud, request)
    _check_conflicts(cloud, instance, name)
    backup = _make(cloud, request, instance, name, description)
    cloud.store.add(backup)
    document = {"backup": _render(cloud, backup)}
    if request.api_prefix == "mysql/v3":
        return Response(status=200, document=document)
    return Response(status=201, document=document | {"job_id": backup.job_id})


def _validate(cloud: Cloud, request: Request) -> tuple[Instance, str, str]:
    body = request.document()
    instance_id, name, description = body.get("instance_id"), body.get("name"), body.get("description") or ""
    if not isinstance(instance_id, str) or not isinstance(name, str) or not isinstance(description, str):
        raise service_error(400, "DBS.200001", "Parameter error: instance_id and name are needed, as text.")
    if not _INSTANCE_ID.fullmatch(instance_id):
        raise service_error(400, "DBS.280404", "The instance id has an invalid format.")
    if not _NAME.fullmatch(name):
        raise service_error(400, "DBS.280277", "Invalid backup name.")
    if not _DESCRIPTION.fullmatch(description):
        raise service_error(400, "DBS.280127", "Invalid backup description.")
    instance = cloud.instance(request.project_id or "", instance_id)
    if instance is None:
        raise service_error(*cloud.rules.unknown_instance, "The instance does not exist.")
    return instance, name, description


def _check_conflicts(cloud: Cloud, instance: Instance, name: str) -> None:
    now = cloud.now()
    if cloud.rules.unique_names and any(
        backup.name == name and backup.type == "manual" and backup.exists(now)
        for backup in cloud.store.of_instance(instance.id)
    ):
        raise service_error(409, "DBS.201209", "The backup name already exists.")
    if instance.status != "ACTIVE":
        raise service_error(*_CONFLICTS.get(instance.status, _BUSY))
    if cloud.store.is_busy(instance.id, now):
        raise service_error(*_IN_PROGRESS)


def _make(cloud: Cloud, request: Request, instance: Instance, name: str, description: str) -> Backup:
    now = cloud.now()
    faults = cloud.faults.take_all(Phase.CREATING, request, {instance.id}, now)
    ends_at, end_status = _plan_end(instance, faults, now)
    lag = max((fault.seconds for fault in faults if fault.effect is Effect.LAG), default=0.0)
    return Backup(
        id=new_backup_id(), name=name, description=description, instance_id=instance.id, instance_name=instance.name,
        project_id=instance.project_id, type="manual", begin_at=now.replace(microsecond=0), ends_at=ends_at,
        end_status=end_status, size_mb=instance.size_mb, version=instance.version, job_id=str(uuid4()), created_at=now,
        visible_at=now + timedelta(seconds=lag),
    )  # fmt: skip


def _plan_end(instance: Instance, faults: list[Fault], now: datetime) -> tuple[datetime | None, str]:
    """Return when the backup ends (`None`: never) and with which status."""
    if any(fault.effect is Effect.STAY_BUILDING for fault in faults):
        return None, ""
    for fault in faults:
        if fault.effect is Effect.END_AS:
            return now + timedelta(seconds=fault.seconds or instance.backup_seconds), fault.end_status
    if instance.backup_ends is None:
        return None, ""
    return now + timedelta(seconds=instance.backup_seconds), instance.backup_ends


def _render(cloud: Cloud, backup: Backup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "name": backup.name,
        "description": backup.description,
        "begin_time": cloud.rules.render_time(backup.begin_at),
        "status": backup.status(backup.created_at),
        "type": backup.type,
        "instance_id": backup.instance_id,
    }
