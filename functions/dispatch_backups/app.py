"""Turn one plan into one request per instance: from a schedule or a direct invoke."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup import bootstrap
from gaussdb_backup.domain.backup_request import read_facts
from gaussdb_backup.domain.plan import Decision, Plan, Verdict, parse_plan
from gaussdb_backup.domain.validation import require_object
from gaussdb_backup.errors import TryLater
from gaussdb_backup.operations.dispatch import NOT_TAKEN, dispatch_backups
from gaussdb_backup.telemetry.log_fields import readable
from gaussdb_backup.telemetry.reporter import make_logger

logger = make_logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's signature
    """Answer one event."""
    return answer(event, bootstrap.services(logger))


def answer(event: object, services: bootstrap.Services) -> dict[str, Any]:
    """Dispatch one plan; fail if the queue did not take all of it, so that it is dispatched again."""
    with services.telemetry.reporting({}) as facts:
        data = require_object(event, "plan")
        facts.update(read_facts(data))
        plan = parse_plan(data, default_time=services.now(), now=services.now())
        facts.update(plan.facts)
        decisions = dispatch_backups(plan, api=services.api(plan.connection), send=services.requests.send_all)
        services.telemetry.dispatched(decisions, facts=facts, dry_run=plan.dry_run)
        if lost := sum(1 for decision in decisions if decision.reason == NOT_TAKEN):
            raise TryLater(f"the queue did not take {lost} of {len(decisions)} requests: dispatch the plan again")
    return _shape(plan, decisions)


def _shape(plan: Plan, decisions: Sequence[Decision]) -> dict[str, Any]:
    verdicts = {
        verdict.value: [readable(decision.facts) for decision in decisions if decision.verdict is verdict]
        for verdict in Verdict
    }
    return {"scheduled_time": plan.scheduled_time.isoformat(), "dry_run": plan.dry_run, **verdicts}
