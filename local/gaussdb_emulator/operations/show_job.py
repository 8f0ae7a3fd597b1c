"""Querying the job that makes a backup (contract, section 5)."""

from datetime import datetime, timedelta

from local.gaussdb_emulator.backups import Backup
from local.gaussdb_emulator.request import Call
from local.gaussdb_emulator.responses import Answer, refuse
from local.gaussdb_emulator.state import Cloud

from .paging import parameters

_JOB_NAME = "CreateManualBackup"  # the vendor's name of this job is unconfirmed
_WINDOW = timedelta(days=30)


def show_job(cloud: Cloud, call: Call) -> Answer:
    """Tell how a job fares. For the first seconds, and after a month, it is not known: 400 `DBS.200543`."""
    backup, now = cloud.store.of_job(parameters(cloud, call).get("id", "")), cloud.now()
    lag = timedelta(seconds=cloud.rules.job_lag_seconds)
    if backup is None or backup.project_id != call.project_id or not lag <= now - backup.created_at <= _WINDOW:
        raise refuse(400, "DBS.200543", "The job does not exist.")
    failed = backup.status(now) == "FAILED"
    job = {
        "id": backup.job_id,
        "name": _JOB_NAME,
        "status": _status(backup, now),
        "created": cloud.rules.render_time(backup.created_at),
        "ended": cloud.rules.render_time(backup.ends_at) if _has_ended(backup, now) and backup.ends_at else "",
        "process": _process(backup, now),
        "instance": {"id": backup.instance_id, "name": backup.instance_name},
        "entities": {"backup_id": backup.id},
        "fail_reason": "The backup could not be made." if failed else "",
    }
    return Answer(status=200, document={"job": job})


def _has_ended(backup: Backup, now: datetime) -> bool:
    return not backup.is_building(now)


def _status(backup: Backup, now: datetime) -> str:
    if backup.is_building(now):
        return "Running"
    return "Failed" if backup.end_word == "FAILED" else "Completed"


def _process(backup: Backup, now: datetime) -> str:
    if not backup.is_building(now):
        return ""
    if backup.ends_at is None:
        return "99%"
    share = (now - backup.created_at) / (backup.ends_at - backup.created_at)
    return f"{round(100 * share)}%"
