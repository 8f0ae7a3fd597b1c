"""What `track_backups` reports."""

from collections.abc import Mapping
from typing import Any

from gaussdb_backup.domain.tracking import Observation, Status, TrackingMessage
from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError, InvalidRequest
from gaussdb_backup.telemetry.log_fields import error_fields, to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.reporter import Reporter

METRIC_OF_STATUS = {
    Status.COMPLETED: Metric.BACKUP_COMPLETED,
    Status.AVAILABLE: Metric.BACKUP_COMPLETED,
    Status.FAILED: Metric.BACKUP_FAILED,
    Status.OVERDUE: Metric.BACKUP_OVERDUE,
    Status.MISSING: Metric.BACKUP_MISSING,
    Status.UNKNOWN: Metric.BACKUP_UNKNOWN,
}
"""What a poll counts. BUILDING is counted once, when the backup is created or adopted."""


class TrackReporter(Reporter):
    """Reports about tracked backups."""

    function = "track_backups"

    def status_observed(self, observation: Observation) -> None:
        """Report the status of a tracked backup. One that is building is logged at DEBUG, without a metric."""
        status = observation.status
        levels = {Status.UNKNOWN: self._logger.warning, Status.BUILDING: self._logger.debug}
        log = self._logger.error if status.is_failure else levels.get(status, self._logger.info)
        log("backup status", extra=to_json(observation.log_fields))
        if metric := METRIC_OF_STATUS.get(status):
            self._metrics.emit({metric: 1, **_measurements(observation)}, observation.log_fields)

    def poll_failed(self, errors: Mapping[TrackingMessage, Exception], *, connection: str) -> None:
        """Report why backups of a connection could not be polled: one record for each error, one metric for all."""
        groups: dict[int, list[TrackingMessage]] = {}
        for message, error in errors.items():
            groups.setdefault(id(error), []).append(message)
        for messages in groups.values():
            of_backup = messages[0].log_fields if len(messages) == 1 else {}
            fields = {**of_backup, "connection": connection, "backups": len(messages)}
            self._poll_failed(errors[messages[0]], fields)
        self._metrics.emit({Metric.TRACKING_POLL_FAILED: 1}, {"connection": connection})

    def _poll_failed(self, error: Exception, log_fields: Mapping[str, Any]) -> None:
        if not isinstance(error, GaussDBBackupError):
            self.unexpected_error(error, **log_fields)
        elif isinstance(error, FixConfiguration):
            self.request_failed(error, **log_fields)
        else:
            self._logger.warning("tracking poll failed", extra=to_json({**log_fields, **error_fields(error)}))

    def state_change_not_published(self, observation: Observation, *, cause: str) -> None:
        """Report that the event bus refused the event of a status; it is published again later."""
        fields = {**observation.log_fields, "cause": cause}
        self._logger.warning("state change not published", extra=to_json(fields))
        self._metrics.emit({Metric.STATE_CHANGE_NOT_PUBLISHED: 1}, fields)

    def message_failed(self, error: Exception, *, message_id: str) -> None:
        """Report why a message goes to the dead-letter queue: it is malformed, or was retried for long enough."""
        fields = {"message_id": message_id, **error_fields(error)}
        text = "malformed message" if isinstance(error, InvalidRequest) else "tracking stopped"
        self._logger.error(text, extra=to_json(fields))


def _measurements(observation: Observation) -> dict[Metric, float]:
    backup = observation.backup
    if METRIC_OF_STATUS[observation.status] is not Metric.BACKUP_COMPLETED or backup is None:
        return {}
    known = {Metric.BACKUP_DURATION: backup.duration_seconds, Metric.BACKUP_SIZE: backup.size_mb}
    return {metric: value for metric, value in known.items() if value is not None}
