"""Turn one plan into one request per instance."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from gaussdb_backup.domain.models import Instance
from gaussdb_backup.domain.plan import Decision, Plan, Verdict, decide

NOT_TAKEN = "the queue did not take its request: dispatch the plan again, nothing is made twice by it"


class InstanceList(Protocol):
    """What dispatching needs of the cloud."""

    def list_instances(self, *, tags: Mapping[str, str] | None = None) -> Iterable[Instance]:
        """List the instances of the project that have these tags."""


def dispatch_backups(
    plan: Plan, *, api: InstanceList, send: Callable[[Sequence[str]], Sequence[bool]]
) -> list[Decision]:
    """Send one request per selected instance; return what became of each, none of them sent if it is a dry run.

    `send` takes bodies and tells for each whether the queue has it; one that it has not is refused. Running it again
    for the same run sends the same requests, of which each makes one backup. Raises what the API raises.
    """
    decisions = decide(plan, api.list_instances(tags=plan.select.tags or None))
    if plan.dry_run:
        return decisions
    queued = [decision for decision in decisions if decision.request]
    taken = send([decision.request.model_dump_json(exclude_none=True) for decision in queued if decision.request])
    lost = {decision.instance_id for decision, done in zip(queued, taken, strict=True) if not done}
    return [
        replace(decision, verdict=Verdict.REJECTED, reason=NOT_TAKEN) if decision.instance_id in lost else decision
        for decision in decisions
    ]
