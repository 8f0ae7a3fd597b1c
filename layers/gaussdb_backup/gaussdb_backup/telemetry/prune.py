"""What `prune_backups` reports."""

from collections.abc import Mapping, Sequence
from typing import Any

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.retention import Decision
from gaussdb_backup.errors import FixConfiguration, FixRequest, GaussDBBackupError
from gaussdb_backup.telemetry.log_fields import backup_fields, error_fields, to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.reporter import Reporter


class PruneReporter(Reporter):
    """Reports about prunes."""

    function = "prune_backups"

    def request_failed(self, error: GaussDBBackupError, **log_fields: object) -> None:
        """Report why a prune deleted nothing: it is refused, or could not be made."""
        if isinstance(error, FixConfiguration):
            super().request_failed(error, **log_fields)
            return
        fields = {**self._log_fields, **log_fields, **error_fields(error)}
        self._logger.error("prune failed", extra=to_json(fields))
        if isinstance(error, FixRequest):
            self._metrics.emit({Metric.PRUNE_REFUSED: 1}, fields)

    def deletion_requested(self, backup_ids: Sequence[str]) -> None:
        """Report a call that deletes before it is made: after a kill, this names what may be gone."""
        fields = {**self._log_fields, "backups": len(backup_ids), "backup_ids": list(backup_ids)}
        self._logger.info("deletion requested", extra=to_json(fields))

    def pruned(self, decision: Decision) -> None:
        """Report that a backup is deleted. No rule keeps it, or it failed."""
        fields = {**self._fields_of(decision.backup), "reason": decision.explanation}
        self._logger.info("backup pruned", extra=to_json(fields))

    def deletion_deferred(self, backup: Backup, *, error_code: str, error_message: str) -> None:
        """Report that a backup cannot be deleted now, such as one that is being restored from; no alarm is worth it."""
        fields = {**self._fields_of(backup), "error_code": error_code, "error_message": error_message}
        self._logger.warning("backup not pruned", extra=to_json(fields))

    def deletion_failed(self, backup: Backup, *, error_code: str, error_message: str) -> None:
        """Report that the API did not delete a backup; the next prune tries it again."""
        fields = {**self._fields_of(backup), "error_code": error_code, "error_message": error_message}
        self._logger.error("backup not pruned", extra=to_json(fields))

    def deletions_stopped(self, error: GaussDBBackupError) -> None:
        """Report an error that ends the deletions."""
        if isinstance(error, FixConfiguration):
            self.request_failed(error)
        else:
            self._logger.error("prune stopped", extra=to_json({**self._log_fields, **error_fields(error)}))

    def prune_finished(self, summary: Mapping[str, Any], *, dry_run: bool) -> None:
        """Report the counts. A dry run counts nothing."""
        fields = {**self._log_fields, **summary}
        log = self._logger.error if summary["refused"] or summary["failed"] else self._logger.info
        log("prune finished", extra=to_json(fields))
        if dry_run:
            return
        values: dict[Metric, float] = {
            Metric.BACKUPS_KEPT: summary["kept"],
            Metric.BACKUPS_DELETED: summary["deleted"],
            Metric.DELETIONS_FAILED: summary["failed"],
            Metric.PRUNE_REFUSED: 1 if summary["refused"] else 0,
        }
        self._metrics.emit(values, fields, by_schedule=True)

    def _fields_of(self, backup: Backup) -> dict[str, Any]:
        return {**self._log_fields, "instance_id": backup.instance_id, **backup_fields(backup)}
