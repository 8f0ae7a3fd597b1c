"""What `audit_backups` reports."""

from collections.abc import Mapping, Sequence

from gaussdb_backup.domain.coverage import Coverage, InstanceCoverage
from gaussdb_backup.domain.plan import Decision
from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError
from gaussdb_backup.telemetry.log_fields import error_fields, to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.requests import RequestsReporter


class AuditReporter(RequestsReporter):
    """Reports about audits."""

    function = "audit_backups"

    def request_failed(self, error: GaussDBBackupError, **log_fields: object) -> None:
        """Report why an audit was not made. It is no backup request that was rejected or deferred."""
        if isinstance(error, FixConfiguration):
            super().request_failed(error, **log_fields)
        else:
            fields = {**self._log_fields, **log_fields, **error_fields(error)}
            self._logger.error("audit failed", extra=to_json(fields))

    def catch_up_decided(self, decisions: Sequence[Decision], refusals: Mapping[str, str]) -> None:
        """Report the catch-up requests, each as one that was queued, deferred, skipped or rejected."""
        for decision in decisions:
            self._report_decision(decision, refusals.get(decision.instance_id))

    def audited(self, coverage: Coverage) -> None:
        """Report the coverage: one record for each uncovered instance, and one for the whole.

        The age has no value where no instance has a good backup: it must not read as fresh. Nor has the number of the
        uncovered ones where no instance was listed: 0 would end the alarm of an audit that found some.
        """
        self.instances_not_found(coverage.not_found)
        for one in coverage.instances:
            if one.state.is_uncovered:
                self._logger.error("instance uncovered", extra=to_json({**self._log_fields, **_fields(one)}))
        counts = {state.value: count for state, count in coverage.states.items()}
        summary = {
            **self._log_fields,
            "audited": coverage.audited,
            "uncovered": coverage.uncovered,
            "not_found": len(coverage.not_found),
            **counts,
            "orphans": len(coverage.orphans),
            "catch_up": len(coverage.catch_up),
            "report": coverage.report,
            "remarks": list(coverage.remarks) or None,
        }
        log = self._logger.info if coverage.is_well else self._logger.warning
        log("audit finished", extra=to_json(summary))
        values: dict[Metric, float] = {Metric.INSTANCES_AUDITED: coverage.audited}
        if coverage.audited or coverage.not_found:
            values[Metric.INSTANCES_UNCOVERED] = coverage.uncovered + len(coverage.not_found)
        if (age := coverage.oldest_age) is not None:
            values[Metric.OLDEST_BACKUP_AGE] = age.total_seconds()
        self._metrics.emit(values, summary, by_schedule=True)


def _fields(one: InstanceCoverage) -> dict[str, object]:
    last = one.last_good_backup
    return {
        "instance_id": one.instance_id,
        "instance_name": one.instance_name,
        "state": one.state.value,
        "reason": one.reason,
        "age_hours": one.age_hours,
        "backup_id": last.id if last else None,
        "backup_name": last.name if last else None,
    }
