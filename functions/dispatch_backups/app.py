"""Turn one plan into one request per instance: from PlanQueue, where schedules send it, or a direct invoke."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.aws.messages import is_batch
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.dispatch import DispatchDependencies, for_dispatch
from gaussdb_backup.domain.backup_request import extract_log_fields
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.plan import parse_plan
from gaussdb_backup.domain.validation import parse_object, require_object
from gaussdb_backup.operations.dispatch import DispatchResult, dispatch_backups
from gaussdb_backup.telemetry.dispatch import DispatchReporter
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> DispatchDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_dispatch(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle a batch of queue messages, or one plan: the event of a direct invoke."""
    if is_batch(event):
        return handle_batch(event, context, dependencies())
    return handle_request(event, context, dependencies())


def handle_batch(event: object, context: LambdaContext, deps: DispatchDependencies) -> dict[str, Any]:
    """Dispatch the plan of each message; return which messages are to be delivered again."""
    with deps.reporter.reporting_invocation(started_at=deps.now()):
        batch = deps.consumer.receive(event, context=context)
        for message, deadline in batch:
            with batch.processing(message) as reporter:
                _dispatch(parse_object(message.body, "plan"), deps, reporter, deadline=deadline)
        return batch.finish()


def handle_request(event: object, context: LambdaContext, deps: DispatchDependencies) -> dict[str, Any]:
    """Dispatch one plan; return what was done about each instance. Raises the errors of `gaussdb_backup.errors`."""
    with deps.reporter.reporting_invocation(started_at=deps.now()) as reporter:
        data = require_object(event, "plan")
        return _dispatch(data, deps, reporter, deadline=work_deadline(context)).to_json()


def _dispatch(
    data: Mapping[str, Any], deps: DispatchDependencies, reporter: DispatchReporter, *, deadline: Deadline
) -> DispatchResult:
    reporter.add(**extract_log_fields(data))
    plan = parse_plan(data, now=deps.now())
    return dispatch_backups(
        plan,
        api=deps.api_clients.for_connection(plan.connection, deadline=deadline),
        queue=deps.backup_queue,
        reporter=reporter,
    )
