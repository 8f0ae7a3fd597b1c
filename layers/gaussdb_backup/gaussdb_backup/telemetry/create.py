"""What `create_backup` reports."""

from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.validation import parse_object
from gaussdb_backup.errors import FixRequest, GiveUp, InvalidRequest
from gaussdb_backup.telemetry.log_fields import backup_fields, error_fields, to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.reporter import Reporter


class CreateReporter(Reporter):
    """Reports about backup requests."""

    function = "create_backup"

    def backup_started(self, backup: Backup, *, outcome: str) -> None:
        """Report that a backup was created or adopted, with its status."""
        fields = {**self._log_fields, "outcome": outcome, **backup_fields(backup)}
        self._logger.info("backup status", extra=to_json(fields))
        self._metrics.emit({Metric.BACKUP_BUILDING: 1}, fields)

    def message_dead_lettered(self, error: Exception, *, message_id: str, body: str) -> None:
        """Report that a request went to the dead-letter queue. One that was only deferred so far is now rejected."""
        try:
            log_fields = extract_log_fields(parse_object(body, "backup request"))
        except InvalidRequest:
            log_fields = {}
        fields = {**log_fields, **error_fields(error), "message_id": message_id}
        self._logger.error("backup request dead-lettered", extra=to_json(fields))
        if not isinstance(error, FixRequest | GiveUp):
            self._metrics.emit({Metric.BACKUP_REJECTED: 1}, fields)
