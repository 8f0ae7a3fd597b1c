"""Turn one plan into one request per instance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gaussdb_backup.domain.models import Instance, LastResponse
from gaussdb_backup.domain.plan import Action, Decision, Plan, decide
from gaussdb_backup.errors import TryLater
from gaussdb_backup.operations.requests import RequestQueue, send_requests


class InstanceApi(Protocol):
    """The calls of the API that dispatching needs."""

    @property
    def last_response(self) -> LastResponse | None:
        """Where the last response came from, and when; `None` before the first."""

    def list_instances(self, *, tags: Mapping[str, str] | None = None) -> Iterable[Instance]:
        """List the instances of the project that have these tags."""


class Reporter(Protocol):
    """What logs and counts."""

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""

    def plan_dispatched(self, decisions: Sequence[Decision], refusals: Mapping[str, str], *, dry_run: bool) -> None:
        """Report what was done about each instance; `refusals` are the queue's, by instance."""


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What was done about each selected instance. `last_response` is that of the list of instances."""

    plan: Plan
    decisions: Sequence[Decision]
    last_response: LastResponse | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the response of a direct invoke: the entries of each action, without what is not known.

        That of a dry run has how the API responded, too.
        """
        entries: dict[str, list[dict[str, Any]]] = {action.value: [] for action in Action}
        for decision in self.decisions:
            known = {key: value for key, value in decision.log_fields.items() if value is not None}
            entries[decision.action.value].append(known)
        api = {"api": _describe(self.last_response)} if self.plan.dry_run and self.last_response else {}
        return {"scheduled_time": self.plan.scheduled_time.isoformat(), "dry_run": self.plan.dry_run, **entries, **api}


def _describe(response: LastResponse) -> dict[str, Any]:
    skew = response.clock_skew
    return {
        "path": response.path,
        "clock_skew_seconds": round(skew.total_seconds(), 1) if skew is not None else None,
        "milliseconds": round(response.duration.total_seconds() * 1000),
    }


def dispatch_backups(plan: Plan, *, api: InstanceApi, queue: RequestQueue, reporter: Reporter) -> DispatchResult:
    """Send one request per selected instance; return what was done about each. A dry run sends none.

    Running it again for the same run sends the same requests, each of which makes one backup. Raises what the API
    raises; `TryLater` if the queue did not take every request, after all have been reported.
    """
    reporter.add(**plan.log_fields)
    decisions = decide(plan, api.list_instances(tags=plan.select.api_tags or None))
    refusals = {} if plan.dry_run else send_requests(decisions, queue, connection=plan.connection)
    reporter.plan_dispatched(decisions, refusals, dry_run=plan.dry_run)
    if refusals:
        causes = ", ".join(sorted(set(refusals.values())))
        raise TryLater(
            f"the queue did not take {len(refusals)} of {len(decisions)} requests ({causes}): dispatch the plan again, "
            "nothing is made twice by it"
        )
    return DispatchResult(plan, decisions, api.last_response)
