"""Track each backup to its end and report every status: from TrackingQueue."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.aws.invocation import work_deadline
from gaussdb_backup.aws.messages import batch_response, parse_batch, parse_bodies
from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.track import TrackDependencies, for_track
from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.operations.track import track_backups
from gaussdb_backup.telemetry.logger import make_logger

logger = make_logger()


@cache
def dependencies() -> TrackDependencies:
    """Return the dependencies of this execution environment, made at its first invocation."""
    return for_track(os.environ, logger=logger, runtime=Runtime())


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - Lambda's signature
    """Handle a batch of queue messages."""
    return handle_batch(event, context, dependencies())


def handle_batch(event: object, context: LambdaContext, deps: TrackDependencies) -> dict[str, Any]:
    """Poll each tracked backup of a batch once; return which messages are to be delivered again."""
    with deps.reporter.reporting_invocation(started_at=deps.now()):
        batch = parse_batch(event)
    tracked, malformed = parse_bodies(batch, parse_tracking_message, "tracking message")
    result = track_backups(
        tracked,
        backups=deps.recent_backups,
        event_bus=deps.event_bus,
        reporter=deps.reporter,
        unpublished=deps.unpublished,
        now=deps.now,
        deadline=work_deadline(context),
    )
    dead_lettered = set()
    for message, error in {**malformed, **result.expired}.items():
        deps.reporter.message_failed(error, message_id=message.id)
        if cause := deps.dead_letter_queue.send_dead_letter(message, error):
            deps.reporter.message_not_dead_lettered(error, message_id=message.id, body=message.body, cause=cause)
        else:
            dead_lettered.add(message)
    remaining = [message for message in batch if message not in result.done | dead_lettered]
    attempts = {message: 1 if message in result.waiting else message.attempt for message in remaining}
    deps.tracking_queue.change_visibility(
        {message.receipt_handle: deps.polling.delay(attempt) for message, attempt in attempts.items()}
    )
    return batch_response(remaining)
