"""Show the job that creates a backup (docs/reference/gaussdb_api.md, "Querying a job")."""

from datetime import datetime, timedelta

from local.gaussdb_emulator.backups import Backup
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_JOB_NAME = "CreateManualBackup"  # not documented (docs/reference/gaussdb_api.md, "Unconfirmed")
_WINDOW = timedelta(days=30)


def show_job(cloud: Cloud, request: Request) -> Response:
    """Return a job. In its first seconds, and after a month, it is unknown: 400 `DBS.200543`."""
    job_id = request.parameters(plus=cloud.rules.raw_plus).get("id", "")
    backup, now = cloud.store.of_job(job_id), cloud.now()
    lag = timedelta(seconds=cloud.rules.job_lag_seconds)
    if backup is None or backup.project_id != request.project_id or not lag <= now - backup.created_at <= _WINDOW:
        raise service_error(400, "DBS.200543", "The job does not exist.")
    ended_at = None if backup.is_building(now) else backup.ends_at
    job = {
        "id": backup.job_id,
        "name": _JOB_NAME,
        "status": _status(backup, now),
        "created": cloud.rules.render_time(backup.created_at),
        "ended": cloud.rules.render_time(ended_at) if ended_at else "",
        "process": _process(backup, now),
        "instance": {"id": backup.instance_id, "name": backup.instance_name},
        "entities": {"backup_id": backup.id},
        "fail_reason": "The backup could not be made." if backup.status(now) == "FAILED" else "",
    }
    return Response(status=200, document={"job": job})


def _status(backup: Backup, now: datetime) -> str:
    if backup.is_building(now):
        return "Running"
    return "Failed" if backup.end_status == "FAILED" else "Completed"


def _process(backup: Backup, now: datetime) -> str:
    """Render the share done in percent; empty unless the job is running."""
    if not backup.is_building(now):
        return ""
    if backup.ends_at is None:
        return "99%"
    share = (now - backup.created_at) / (backup.ends_at - backup.created_at)
    return f"{round(100 * share)}%"
