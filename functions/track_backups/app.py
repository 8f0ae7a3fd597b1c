"""Follow each backup to its end and report every status: from TrackingQueue."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup import bootstrap
from gaussdb_backup.aws import messages
from gaussdb_backup.aws.dead_letters import bury
from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.errors import GaussDBBackupError
from gaussdb_backup.operations.track import track_backups
from gaussdb_backup.telemetry.reporter import make_logger

logger = make_logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's signature
    """Answer one event."""
    return answer(event, bootstrap.services(logger))


def answer(event: object, services: bootstrap.Services) -> dict[str, Any]:
    """Look once at each followed backup of a batch, and put back those that have not ended."""
    with services.telemetry.reporting({}):
        batch = messages.read_batch(event)
    followed, unreadable = messages.read_bodies(batch, parse_tracking_message, "tracking message")
    buried = {message for message, error in unreadable.items() if _bury(message, error, services)}
    ended = track_backups(
        followed,
        recent=services.recent,
        publish=services.bus.publish,
        report=services.telemetry,
        now=services.now,
    )
    unfinished = [message for message in batch if message not in buried | ended]
    services.tracking_queue.put_back(
        {message.receipt_handle: services.tracking_delay(message.attempt) for message in unfinished}
    )
    return messages.answer_with_failures(unfinished)


def _bury(message: messages.Message, error: GaussDBBackupError, services: bootstrap.Services) -> bool:
    services.telemetry.message_unreadable(error, message_id=message.id)
    return bury(message, error, queue=services.tracking_dead_letters)
