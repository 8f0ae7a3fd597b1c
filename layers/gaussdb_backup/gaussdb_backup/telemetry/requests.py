"""What is reported of the requests that a plan, or an audit that catches up, has decided on."""

from gaussdb_backup.domain.plan import Action, Decision
from gaussdb_backup.telemetry.log_fields import to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.reporter import Reporter


class RequestsReporter(Reporter):
    """Reports about each instance of which a backup is requested, or not."""

    def _report_decision(
        self, decision: Decision, refusal: str | None, *, is_routine: bool = False, dry_run: bool = False
    ) -> None:
        """Report one decision. `refusal` is the queue's; what was queued as a matter of routine is logged at DEBUG."""
        fields = {**self._log_fields, **decision.log_fields}
        if refusal:
            self._logger.warning("backup request deferred", extra=to_json({**fields, "cause": refusal}))
        elif decision.action is Action.SKIPPED:
            self._logger.warning("instance skipped", extra=to_json(fields))
        elif decision.action is Action.QUEUED:
            log = self._logger.debug if is_routine else self._logger.info
            log("backup request queued", extra=to_json(fields))
        else:
            self._logger.error("backup request rejected", extra=to_json(fields))
            if not dry_run:
                self._metrics.emit({Metric.BACKUP_REJECTED: 1}, fields)
