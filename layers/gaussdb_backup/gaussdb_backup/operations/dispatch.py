"""Turn one plan into one request per instance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.plan import Action, Decision, Plan, decide
from gaussdb_backup.errors import TryLater

NOT_QUEUED = "the queue did not take its request: dispatch the plan again, nothing is made twice by it"


class InstanceApi(Protocol):
    """The calls of the API that dispatching needs."""

    def list_instances(self, *, tags: Mapping[str, str] | None = None) -> Iterable[Instance]:
        """List the instances of the project that have these tags."""


class RequestQueue(Protocol):
    """Where requests are sent."""

    def send_all(self, bodies: Sequence[str]) -> Sequence[str | None]:
        """Send messages; return for each why the queue refused it, or `None`."""


class Reporter(Protocol):
    """What logs and counts."""

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""

    def plan_dispatched(self, decisions: Sequence[Decision], *, dry_run: bool) -> None:
        """Report what was done about each instance."""


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What was done about each selected instance."""

    plan: Plan
    decisions: Sequence[Decision]

    def to_json(self) -> dict[str, Any]:
        """Return the response of a direct invoke: the entries of each action, without what is not known."""
        entries: dict[str, list[dict[str, Any]]] = {action.value: [] for action in Action}
        for decision in self.decisions:
            known = {key: value for key, value in decision.log_fields.items() if value is not None}
            entries[decision.action.value].append(known)
        return {"scheduled_time": self.plan.scheduled_time.isoformat(), "dry_run": self.plan.dry_run, **entries}


def dispatch_backups(plan: Plan, *, api: InstanceApi, queue: RequestQueue, reporter: Reporter) -> DispatchResult:
    """Send one request per selected instance; return what was done about each. A dry run sends none.

    Running it again for the same run sends the same requests, each of which makes one backup. Raises what the API
    raises; `TryLater` if the queue did not take every request, after all have been reported.
    """
    reporter.add(**plan.log_fields)
    decisions = decide(plan, api.list_instances(tags=plan.select.tags or None))
    if not plan.dry_run:
        decisions = _send(decisions, queue)
    reporter.plan_dispatched(decisions, dry_run=plan.dry_run)
    if lost := sum(1 for decision in decisions if decision.reason == NOT_QUEUED):
        raise TryLater(f"the queue did not take {lost} of {len(decisions)} requests: dispatch the plan again")
    return DispatchResult(plan, decisions)


def _send(decisions: Sequence[Decision], queue: RequestQueue) -> list[Decision]:
    """Send the requests; a decision whose request the queue did not take becomes a rejection."""
    to_send = [decision for decision in decisions if decision.request]
    refusals = queue.send_all(
        [decision.request.model_dump_json(exclude_none=True) for decision in to_send if decision.request]
    )
    lost = {decision.instance_id for decision, refusal in zip(to_send, refusals, strict=True) if refusal}
    return [
        replace(decision, action=Action.REJECTED, reason=NOT_QUEUED) if decision.instance_id in lost else decision
        for decision in decisions
    ]
