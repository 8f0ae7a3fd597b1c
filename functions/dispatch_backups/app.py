"""Turn one plan into one request per instance: from a schedule or a direct invoke."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.dispatch import DispatchDependencies, for_dispatch
from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.plan import Action, parse_plan
from gaussdb_backup.domain.validation import require_object
from gaussdb_backup.operations.dispatch import dispatch_backups
from gaussdb_backup.telemetry.log_fields import to_json
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> DispatchDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_dispatch(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle one plan: the payload of a schedule or of a direct invoke."""
    return handle_plan(event, context, dependencies())


def handle_plan(event: object, context: LambdaContext, deps: DispatchDependencies) -> dict[str, Any]:
    """Dispatch one plan; return what was done about each instance. Raises the errors of `gaussdb_backup.errors`."""
    with deps.reporter.reporting_invocation(started_at=deps.now()) as reporter:
        data = require_object(event, "plan")
        reporter.add(**extract_log_fields(data))
        plan = parse_plan(data, default_time=deps.now(), now=deps.now())
        decisions = dispatch_backups(
            plan,
            api=deps.api_clients.for_connection(plan.connection, deadline=work_deadline(context)),
            queue=deps.backup_queue,
            reporter=reporter,
        )
    by_action = {
        action.value: [to_json(decision.log_fields) for decision in decisions if decision.action is action]
        for action in Action
    }
    return {"scheduled_time": plan.scheduled_time.isoformat(), "dry_run": plan.dry_run, **by_action}
