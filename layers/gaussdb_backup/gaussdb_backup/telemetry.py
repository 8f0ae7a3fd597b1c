"""What the functions say: log records, metrics and the one vocabulary of both (design, sections 3.5 and 3.6).

Messages are constant text; facts are keys. Each fact is told at once, as a record and as metrics of its own, so that
a function killed a moment later has still told what it did.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from gaussdb_backup.errors import FixConfiguration, FixRequest, GaussDBBackupError, GiveUp, TryLater
from gaussdb_backup.models import Backup
from gaussdb_backup.settings import Settings

QUIET = ("boto3", "botocore", "httpx", "httpcore", "urllib3")
"""Libraries whose INFO records are not the story of a run (httpx prints every address it calls)."""


class Metric(StrEnum):
    """Every metric; `units` gives the unit of each."""

    BACKUP_BUILDING = "BackupBuilding"
    BACKUP_REJECTED = "BackupRejected"
    BACKUP_DEFERRED = "BackupDeferred"
    CONNECTION_UNUSABLE = "ConnectionUnusable"

    @property
    def unit(self) -> MetricUnit:
        """The unit CloudWatch shows."""
        return MetricUnit.Count


def make_logger() -> Logger:
    """Make the logger of a function: JSON, level and service from Powertools' own variables."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(utc=True, use_rfc3339=True)


class Telemetry:
    """Tells facts about backups as log records and metrics."""

    def __init__(self, logger: Logger, settings: Settings) -> None:
        """Take where to write and how the metrics are called and divided."""
        self._logger = logger
        self._settings = settings

    def backup_status(self, backup: Backup, *, facts: Mapping[str, Any]) -> None:
        """Tell that a backup was created or adopted, with its status."""
        self._logger.info("backup status", extra=_readable({**facts, **_describe(backup)}))
        self._count(Metric.BACKUP_BUILDING, facts)

    def api_version_switched(self, *, connection: str) -> None:
        """Tell that the documented path is gone and its successor is used from now on."""
        self._logger.warning(
            "the API no longer serves mysql/v3, using v3: set api_version in the secret",
            extra={"connection": connection},
        )

    @contextmanager
    def reporting(self, facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Tell of any error that leaves the block, with `facts` as they are then, and let it go on."""
        try:
            yield facts
        except GaussDBBackupError as error:
            self._failure(error, {**facts, **_describe_error(error)})
            raise
        except Exception as error:
            self._logger.exception("unforeseen error", extra=_readable({**facts, "error_type": type(error).__name__}))
            raise

    def _failure(self, error: GaussDBBackupError, facts: Mapping[str, Any]) -> None:
        match error:
            case FixRequest() | GiveUp():
                self._logger.error("backup request rejected", extra=_readable(facts))
                self._count(Metric.BACKUP_REJECTED, facts)
            case FixConfiguration():
                self._logger.error("connection unusable", extra=_readable(facts))
                self._count(Metric.CONNECTION_UNUSABLE, facts)
            case _:
                self._logger.warning("backup request put off", extra=_readable(facts))
                self._count(Metric.BACKUP_DEFERRED, facts)

    def _count(self, metric: Metric, facts: Mapping[str, Any]) -> None:
        self.measure({metric: 1.0}, facts)

    def measure(self, values: Mapping[Metric, float], facts: Mapping[str, Any]) -> None:
        """Write metrics for each set of dimensions that the facts allow and the settings ask for."""
        service = self._settings.powertools_service_name
        metrics = EphemeralMetrics(namespace=self._settings.powertools_metrics_namespace, service=service)
        for metric, value in values.items():
            metrics.add_metric(metric.value, metric.unit, value)
        if connection := facts.get("connection"):
            metrics.add_dimensions(service=service, connection=connection)
            instance_id = facts.get("instance_id")
            if instance_id and self._settings.metrics_per_instance:
                metrics.add_dimensions(service=service, connection=connection, instance_id=instance_id)
        metrics.flush_metrics()


def _describe(backup: Backup) -> dict[str, Any]:
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "status": backup.status.value,
        "begin_time": backup.begin_time,
        "end_time": backup.end_time,
        "duration_seconds": backup.duration_seconds,
        "size_mb": backup.size_mb,
    }


def _describe_error(error: GaussDBBackupError) -> dict[str, Any]:
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


def _readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not known and write times as ISO 8601."""
    known = {key: value for key, value in facts.items() if value is not None}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in known.items()}
