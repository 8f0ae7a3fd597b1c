"""Turn one backup request into exactly one backup: from BackupQueue, a schedule or a direct invoke."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.aws.messages import is_batch
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.create import CreateDependencies, for_create
from gaussdb_backup.domain.backup_request import extract_log_fields, parse_backup_request
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.validation import parse_object, require_object
from gaussdb_backup.operations.create import CreateResult, create_backup
from gaussdb_backup.telemetry.create import CreateReporter
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> CreateDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_create(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle a batch of queue messages, or one request: the payload of a schedule or of a direct invoke."""
    if is_batch(event):
        return handle_batch(event, context, dependencies())
    return handle_request(event, context, dependencies())


def handle_batch(event: object, context: LambdaContext, deps: CreateDependencies) -> dict[str, Any]:
    """Create one backup for each message; return which messages are to be delivered again."""
    with deps.reporter.reporting_invocation(started_at=deps.now()):
        batch = deps.consumer.receive(event, context=context)
        for message, deadline in batch:
            with batch.processing(message) as reporter:
                data = parse_object(message.body, "backup request")
                _create(data, context, deps, reporter, default_time=message.scheduled_time, deadline=deadline)
        return batch.finish()


def handle_request(event: object, context: LambdaContext, deps: CreateDependencies) -> dict[str, Any]:
    """Create one backup; return its outcome. Raises the errors of `gaussdb_backup.errors`."""
    with deps.reporter.reporting_invocation(started_at=deps.now()) as reporter:
        data = require_object(event, "backup request")
        deadline = work_deadline(context)
        default_time = deps.now() if "scheduled_time" in data else deps.first_seen.at(context.aws_request_id)
        result = _create(data, context, deps, reporter, default_time=default_time, deadline=deadline)
        return result.model_dump(mode="json")


def _create(
    data: Mapping[str, Any],
    context: LambdaContext,
    deps: CreateDependencies,
    reporter: CreateReporter,
    *,
    default_time: datetime,
    deadline: Deadline,
) -> CreateResult:
    remaining_time = timedelta(milliseconds=context.get_remaining_time_in_millis())
    reporter.add(**extract_log_fields(data))
    request = parse_backup_request(data, default_time=default_time, now=deps.now())
    return create_backup(
        request,
        api=deps.api_clients.for_connection(request.connection, deadline=deadline),
        idempotency=deps.idempotency,
        tracker=deps.tracker,
        reporter=reporter,
        now=deps.now,
        maximum_per_day=deps.maximum_per_day,
        remaining_time=remaining_time,
    )
