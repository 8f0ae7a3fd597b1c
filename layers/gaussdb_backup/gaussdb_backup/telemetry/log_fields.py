"""Facts for log records and events: what is known, under the names of the one vocabulary (design, section 3.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.errors import GaussDBBackupError, TryLater


def describe_backup(backup: Backup) -> dict[str, Any]:
    """Describe a backup as the API does, in our names."""
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "status": backup.status.value,
        "begin_time": backup.begin_time,
        "end_time": backup.end_time,
        "duration_seconds": backup.duration_seconds,
        "size_mb": backup.size_mb,
    }


def describe_error(error: GaussDBBackupError) -> dict[str, Any]:
    """Describe an error: which class, what to do, and the API's own words for a support case."""
    api, retry_after = error.api, error.retry_after if isinstance(error, TryLater) else None
    return {
        "error_type": type(error).__name__,
        "error_message": str(error),
        "error_code": error.error_code,
        "operation": api.operation if api else None,
        "http_status": api.http_status if api else None,
        "request_id": api.request_id if api else None,
        "retry_after_seconds": retry_after.total_seconds() if retry_after else None,
    }


def readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not known and write times as ISO 8601."""
    known = {key: value for key, value in facts.items() if value is not None}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in known.items()}
