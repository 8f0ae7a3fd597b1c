"""What `track_backups` reports."""

from gaussdb_backup.domain.tracking import Observation, Status
from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError
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

    def status_observed(self, observation: Observation) -> None:
        """Report the status of a tracked backup. One that is building is logged at DEBUG, without a metric."""
        status = observation.status
        levels = {Status.UNKNOWN: self._logger.warning, Status.BUILDING: self._logger.debug}
        log = self._logger.error if status.is_failure else levels.get(status, self._logger.info)
        log("backup status", extra=to_json(observation.log_fields))
        if metric := METRIC_OF_STATUS.get(status):
            self._metrics.emit({metric: 1, **_measurements(observation)}, observation.log_fields)

    def poll_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        """Report that the backups of a connection could not be polled; they are polled again later."""
        if not isinstance(error, GaussDBBackupError):
            self.unexpected_error(error, connection=connection, backups=backups)
        elif isinstance(error, FixConfiguration):
            self.request_failed(error, connection=connection, backups=backups)
        else:
            fields = {"connection": connection, "backups": backups, **error_fields(error)}
            self._logger.warning("tracking poll failed", extra=to_json(fields))

    def message_malformed(self, error: GaussDBBackupError, *, message_id: str) -> None:
        """Report that a tracking message is malformed."""
        fields = {"message_id": message_id, **error_fields(error)}
        self._logger.error("malformed message", extra=to_json(fields))


def _measurements(observation: Observation) -> dict[Metric, float]:
    backup = observation.backup
    if METRIC_OF_STATUS[observation.status] is not Metric.BACKUP_COMPLETED or backup is None:
        return {}
    known = {Metric.BACKUP_DURATION: backup.duration_seconds, Metric.BACKUP_SIZE: backup.size_mb}
    return {metric: value for metric, value in known.items() if value is not None}
