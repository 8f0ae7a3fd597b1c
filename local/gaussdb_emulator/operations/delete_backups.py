"""Delete one backup, or a batch (docs/reference/gaussdb_api.md, "Deleting backups")."""

from datetime import timedelta

from local.gaussdb_emulator.backups import Backup
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_MAX_BATCH = 50
_MISSING_IN_BATCH = "DBS.201203"
_WRONG_STATUS = (400, "DBS.201208")


def delete_backup(cloud: Cloud, request: Request) -> Response:
    """Delete one backup; a body is ignored. The backup stays listed for a while."""
    backup = _find(cloud, request, request.backup_id or "")
    if backup is None:
        raise service_error(*cloud.rules.missing_backup, "The backup does not exist.")
    problem = _problem(cloud, backup)
    if problem is not None:
        raise service_error(*problem)
    _delete(cloud, backup)
    return Response(status=200, document={"backup_id": backup.id, "backup_name": backup.name})


def delete_backups(cloud: Cloud, request: Request) -> Response:
    """Delete at most 50 backups. Those that could not be deleted are listed in a 200."""
    ids = request.document().get("backup_ids")
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids) or not 1 <= len(ids) <= _MAX_BATCH:
        raise service_error(400, "DBS.200001", f"Parameter error: backup_ids must be 1 to {_MAX_BATCH} ids.")
    failed = [failure for failure in (_delete_item(cloud, request, each) for each in ids) if failure is not None]
    counts = {"success_count": len(ids) - len(failed), "failed_count": len(failed)}
    return Response(status=200, document=counts | {"failed_results": failed})


def _delete_item(cloud: Cloud, request: Request, backup_id: str) -> dict[str, str] | None:
    backup = _find(cloud, request, backup_id)
    if backup is None:
        code, message = _MISSING_IN_BATCH, "The backup file does not exist."
    else:
        problem = _problem(cloud, backup)
        if problem is None:
            _delete(cloud, backup)
            return None
        _, code, message = problem
    return {"backup_id": backup_id, "error_code": code, "error_msg": message}


def _find(cloud: Cloud, request: Request, backup_id: str) -> Backup | None:
    backup = cloud.store.get(backup_id)
    if backup is None or backup.project_id != request.project_id or not backup.exists(cloud.now()):
        return None
    return backup


def _problem(cloud: Cloud, backup: Backup) -> tuple[int, str, str] | None:
    """Return why a backup may not be deleted: it is automatic, being built, held, locked, or being deleted already."""
    if backup.type == "auto":
        return (*cloud.rules.automatic_backup, "The backup type is not allowed.")
    if backup.is_building(cloud.now()) or backup.held or backup.deleted_at is not None:
        return (*_WRONG_STATUS, "The operation is not allowed in this backup status.")
    instance = cloud.instance(backup.project_id, backup.instance_id)
    lock = instance.vault_lock if instance is not None else None
    if lock is not None and lock.is_in_force(cloud.now()):
        return (*cloud.rules.locked_backup, "The backup is locked.")
    return None


def _delete(cloud: Cloud, backup: Backup) -> None:
    cloud.store.delete(backup, cloud.now() + timedelta(seconds=cloud.rules.deletion_seconds))
