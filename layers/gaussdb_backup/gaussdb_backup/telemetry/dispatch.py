"""What `dispatch_backups` reports."""

from collections import Counter
from collections.abc import Mapping, Sequence

from gaussdb_backup.domain.plan import Action, Decision
from gaussdb_backup.telemetry.log_fields import to_json
from gaussdb_backup.telemetry.metrics import Metric
from gaussdb_backup.telemetry.requests import RequestsReporter


class DispatchReporter(RequestsReporter):
    """Reports about plans."""

    function = "dispatch_backups"

    def plan_dispatched(self, decisions: Sequence[Decision], refusals: Mapping[str, str], *, dry_run: bool) -> None:
        """Report what was done about each instance, and how many there were of each action.

        `refusals` are the queue's, by instance: such a request is retried with its plan. A dry run counts nothing. A
        plan whose instances are all skipped makes no backup, as one that selects none, and counts as such.
        """
        self.add(dry_run=dry_run)
        for decision in decisions:
            refusal = refusals.get(decision.instance_id)
            self._report_decision(decision, refusal, is_routine=True, dry_run=dry_run)
        counts = Counter(decision.action for decision in decisions if decision.instance_id not in refusals)
        summary = {**self._log_fields, **{action.value: counts[action] for action in Action}}
        makes_nothing = all(decision.action is Action.SKIPPED for decision in decisions)
        log = self._logger.warning if makes_nothing else self._logger.info
        log("plan dispatched", extra=to_json(summary))
        if makes_nothing and not dry_run:
            self._metrics.emit({Metric.PLAN_SELECTED_NOTHING: 1}, summary)
        if not refusals and not dry_run:
            self._metrics.emit({Metric.PLAN_DISPATCHED: 1}, summary)
