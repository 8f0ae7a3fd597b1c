"""Messages that can never succeed go to a dead-letter queue at once, with their reason (design, section 3.8)."""

from collections.abc import Mapping
from typing import Protocol

from gaussdb_backup.aws.messages import Message
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.errors import GaussDBBackupError, TryLater

LONGEST_REASON = 1_000
"""Characters of the reason; body and attributes together must fit into one SQS message."""


class Report(Protocol):
    """Who is told."""

    def message_unreadable(self, error: GaussDBBackupError, *, message_id: str) -> None:
        """Tell that a message cannot be read."""


def bury(letters: Mapping[Message, GaussDBBackupError], *, queue: Queue, report: Report) -> set[Message]:
    """Send messages to a dead-letter queue, bodies unchanged; return those it took.

    The others stay where they are and are tried again. Doing it again for the same message makes a second letter.
    """
    buried = set()
    for message, error in letters.items():
        report.message_unreadable(error, message_id=message.id)
        try:
            queue.send(message.body, attributes=_reason(error))
        except TryLater:
            continue
        buried.add(message)
    return buried


def _reason(error: GaussDBBackupError) -> dict[str, str]:
    text = "".join(character if character.isprintable() else " " for character in str(error))
    reason = {"ErrorType": type(error).__name__, "ErrorMessage": text[:LONGEST_REASON]}
    return {**reason, "ErrorCode": error.error_code} if error.error_code else reason
