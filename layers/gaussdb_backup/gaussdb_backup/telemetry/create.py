"""What `create_backup` reports."""

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.telemetry.log_fields import backup_fields, to_json
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
