"""The fields of log records and events, under the names of one vocabulary."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.errors import GaussDBBackupError, TryLater


def backup_fields(backup: Backup) -> dict[str, Any]:
    """Return a backup as the API describes it, under our names."""
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "status": backup.status.value,
        "begin_time": backup.begin_time,
        "end_time": backup.end_time,
        "duration_seconds": backup.duration_seconds,
        "size_mb": backup.size_mb,
    }


def error_fields(error: Exception) -> dict[str, Any]:
    """Return class, message and, where the API returned the error, what a support case needs."""
    if not isinstance(error, GaussDBBackupError):
        return {"error_type": type(error).__name__}
    api_call, retry_after = error.api_call, error.retry_after if isinstance(error, TryLater) else None
    return {
        "error_type": type(error).__name__,
        "error_message": str(error),
        "error_code": error.error_code,
        "operation": api_call.operation if api_call else None,
        "http_status": api_call.http_status if api_call else None,
        "request_id": api_call.request_id if api_call else None,
        "retry_after_seconds": retry_after.total_seconds() if retry_after else None,
    }


def to_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the unknown fields (`None`, and numbers that JSON does not have) and format times as ISO 8601."""
    known = {key: value for key, value in fields.items() if value is not None and not _is_non_finite(value)}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in known.items()}


def _is_non_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
