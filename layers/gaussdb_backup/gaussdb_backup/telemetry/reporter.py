"""What the functions say: log records, metrics and the one vocabulary of both (design, sections 3.5 and 3.6).

Messages are constant text; facts are keys. Each fact is told at once, as a record and as metrics of its own, so that
a function killed a moment later has still told what it did.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from gaussdb_backup.domain.backup_request import read_facts
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.plan import Decision, Verdict
from gaussdb_backup.domain.tracking import Finding, Status
from gaussdb_backup.domain.validation import parse_object
from gaussdb_backup.errors import FixConfiguration, FixRequest, GaussDBBackupError, GiveUp, InvalidRequest
from gaussdb_backup.settings import Settings
from gaussdb_backup.telemetry.log_fields import describe_backup, describe_error, readable

QUIET = ("boto3", "botocore", "httpx", "httpcore", "urllib3")
"""Libraries whose INFO records are not the story of a run (httpx prints every address it calls)."""


class Metric(StrEnum):
    """Every metric."""

    BACKUP_BUILDING = "BackupBuilding"
    BACKUP_COMPLETED = "BackupCompleted"
    BACKUP_FAILED = "BackupFailed"
    BACKUP_OVERDUE = "BackupOverdue"
    BACKUP_MISSING = "BackupMissing"
    BACKUP_UNKNOWN = "BackupUnknown"
    BACKUP_REJECTED = "BackupRejected"
    BACKUP_DEFERRED = "BackupDeferred"
    BACKUP_DURATION = "BackupDuration"
    BACKUP_SIZE = "BackupSize"
    CONNECTION_UNUSABLE = "ConnectionUnusable"
    UNEXPECTED_ERROR = "UnexpectedError"

    @property
    def unit(self) -> MetricUnit:
        """The unit CloudWatch shows."""
        return {"BackupDuration": MetricUnit.Seconds, "BackupSize": MetricUnit.Megabytes}.get(self, MetricUnit.Count)


METRIC_OF_STATUS = {
    Status.COMPLETED: Metric.BACKUP_COMPLETED,
    Status.AVAILABLE: Metric.BACKUP_COMPLETED,
    Status.FAILED: Metric.BACKUP_FAILED,
    Status.OVERDUE: Metric.BACKUP_OVERDUE,
    Status.MISSING: Metric.BACKUP_MISSING,
    Status.UNKNOWN: Metric.BACKUP_UNKNOWN,
}
"""What a look at a followed backup counts. BUILDING is counted once, when the backup is created or adopted."""


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

    def backup_begun(self, backup: Backup, *, facts: Mapping[str, Any]) -> None:
        """Tell that a backup was created or adopted, with its status."""
        self._logger.info("backup status", extra=readable({**facts, **describe_backup(backup)}))
        self._measure({Metric.BACKUP_BUILDING: 1}, facts)

    def backup_found(self, finding: Finding) -> None:
        """Tell the status of a followed backup. One that still builds is not news: DEBUG, no metric."""
        self._tell(finding.status)("backup status", extra=readable(finding.facts))
        if metric := METRIC_OF_STATUS.get(finding.status):
            self._measure({metric: 1, **_measures(finding)}, finding.facts)

    def _tell(self, status: Status) -> Callable[..., None]:
        if status.is_bad_end:
            return self._logger.error
        special = {Status.UNKNOWN: self._logger.warning, Status.BUILDING: self._logger.debug}
        return special.get(status, self._logger.info)

    def dispatched(self, decisions: Sequence[Decision], *, facts: Mapping[str, Any], dry_run: bool) -> None:
        """Tell what became of each instance of a plan, and how many there were of each."""
        for decision in decisions:
            extra = readable({**facts, **decision.facts, "dry_run": dry_run})
            if decision.verdict is Verdict.REJECTED:
                self._logger.error("backup request rejected", extra=extra)
                self._measure({Metric.BACKUP_REJECTED: 1}, {**facts, **decision.facts})
            elif decision.verdict is Verdict.SKIPPED:
                self._logger.warning("instance skipped", extra=extra)
            else:
                self._logger.debug("backup request queued", extra=extra)
        counts = Counter(decision.verdict.value for decision in decisions)
        tell = self._logger.info if decisions else self._logger.warning
        tell(
            "plan dispatched",
            extra=readable({**facts, "dry_run": dry_run, **{v.value: counts[v.value] for v in Verdict}}),
        )

    def api_version_switched(self, *, connection: str) -> None:
        """Tell that the documented path is gone and its successor is used from now on."""
        self._logger.warning(
            "the API no longer serves mysql/v3, using v3: set api_version in the secret",
            extra={"connection": connection},
        )

    def given_up(self, error: Exception, *, message_id: str, body: str) -> None:
        """Tell that a request went to the dead-letter queue. One that was merely put off so far is now rejected."""
        facts = {**_read_facts(body), **_describe_any(error), "message_id": message_id}
        self._logger.error("backup request dead-lettered", extra=readable(facts))
        if not isinstance(error, FixRequest | GiveUp):
            self._measure({Metric.BACKUP_REJECTED: 1}, facts)

    def message_unreadable(self, error: GaussDBBackupError, *, message_id: str) -> None:
        """Tell that a message of our own making cannot be read."""
        self._logger.error("malformed message", extra=readable({"message_id": message_id, **describe_error(error)}))

    @contextmanager
    def reporting(self, facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Tell of any error that leaves the block, with `facts` as they are then, and let it go on."""
        try:
            yield facts
        except GaussDBBackupError as error:
            self._failure(error, {**facts, **describe_error(error)})
            raise
        except Exception as error:
            self._unforeseen(error, facts)
            raise

    def look_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        """Tell that the backups of a connection could not be looked at; they are looked at again later."""
        facts = {"connection": connection, "backups": backups}
        if not isinstance(error, GaussDBBackupError):
            self._unforeseen(error, facts)
        elif isinstance(error, FixConfiguration):
            self._failure(error, {**facts, **describe_error(error)})
        else:
            self._logger.warning("tracking poll failed", extra=readable({**facts, **describe_error(error)}))

    def _unforeseen(self, error: Exception, facts: Mapping[str, Any]) -> None:
        extra = readable({**facts, "error_type": type(error).__name__})
        self._logger.error("unexpected error", extra=extra, exc_info=error)
        self._measure({Metric.UNEXPECTED_ERROR: 1}, facts)

    def _failure(self, error: GaussDBBackupError, facts: Mapping[str, Any]) -> None:
        match error:
            case FixRequest() | GiveUp():
                self._logger.error("backup request rejected", extra=readable(facts))
                self._measure({Metric.BACKUP_REJECTED: 1}, facts)
            case FixConfiguration():
                self._logger.error("connection unusable", extra=readable(facts))
                self._measure({Metric.CONNECTION_UNUSABLE: 1}, facts)
            case _:
                self._logger.warning("backup request deferred", extra=readable(facts))
                self._measure({Metric.BACKUP_DEFERRED: 1}, facts)

    def _measure(self, values: Mapping[Metric, float], facts: Mapping[str, Any]) -> None:
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


def _describe_any(error: Exception) -> dict[str, Any]:
    return describe_error(error) if isinstance(error, GaussDBBackupError) else {"error_type": type(error).__name__}


def _read_facts(body: str) -> dict[str, Any]:
    try:
        return read_facts(parse_object(body, "backup request"))
    except InvalidRequest:
        return {}


def _measures(finding: Finding) -> dict[Metric, float]:
    if METRIC_OF_STATUS[finding.status] is not Metric.BACKUP_COMPLETED or finding.backup is None:
        return {}
    known = {Metric.BACKUP_DURATION: finding.backup.duration_seconds, Metric.BACKUP_SIZE: finding.backup.size_mb}
    return {metric: value for metric, value in known.items() if value is not None}
