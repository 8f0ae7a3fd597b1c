"""Messages that can never succeed go to a dead-letter queue at once, with their reason (design, section 3.8)."""

from gaussdb_backup.aws.messages import RUN_TIME, Message
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.errors import GaussDBBackupError, TryLater

LONGEST_REASON = 1_000
"""Characters of the reason; body and attributes together must fit into one SQS message."""


def bury(message: Message, error: Exception, *, queue: Queue) -> bool:
    """Send a message to a dead-letter queue, body unchanged; tell whether it was taken.

    One that was not stays where it is and is tried again. Doing it again makes a second letter. The letter keeps the
    run it belongs to, so that a backup it may have begun is found when it is sent again.
    """
    try:
        queue.send(message.body, attributes={**_reason(error), RUN_TIME: message.run_at.isoformat()})
    except TryLater:
        return False
    return True


def _reason(error: Exception) -> dict[str, str]:
    text = "".join(character if character.isprintable() else " " for character in str(error)).strip()
    reason = {"ErrorType": type(error).__name__, "ErrorMessage": text[:LONGEST_REASON] or "no message"}
    code = error.error_code if isinstance(error, GaussDBBackupError) else None
    return {**reason, "ErrorCode": code} if code else reason
