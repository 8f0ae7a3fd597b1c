"""The dead-letter queues of a stack, and what can be done about their messages."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetterQueue

if TYPE_CHECKING:
    from gaussdb_backup_cli.stack import Stack

RUNBOOK = "docs/operations.md"
DEAD_LETTER_QUEUES = {
    "PlanQueue": "PlanDeadLetterQueue",
    "BackupQueue": "BackupDeadLetterQueue",
    "TrackingQueue": "TrackingDeadLetterQueue",
}
"""The queues whose messages can be sent again, with the dead-letter queue of each."""
CHOICES = {"plans": "PlanQueue", "requests": "BackupQueue", "tracking": "TrackingQueue"}
"""What a person calls them."""
OTHERS = {
    "FailedInvocationsQueue": f"envelopes of invocations, not requests: {RUNBOOK}, section Failed invocations",
    "NotificationDeadLetterQueue": f"events, not requests: {RUNBOOK}, section Notification dead-letter queue",
}
"""The queues whose messages nothing receives again, with what to do about them."""


@dataclass(frozen=True, slots=True)
class NamedQueue:
    """One dead-letter queue. `advice` is what to do about messages that cannot be sent again."""

    name: str
    queue: DeadLetterQueue
    advice: str | None = None


def open_queues(stack: "Stack", choice: str | None) -> list[NamedQueue]:
    """Return the queues whose messages can be sent again, or the chosen one. Raises `CommandFailed`."""
    names = [CHOICES[choice]] if choice else list(DEAD_LETTER_QUEUES)
    client = stack.client("sqs")
    return [
        NamedQueue(DEAD_LETTER_QUEUES[name], _open(client, stack, DEAD_LETTER_QUEUES[name], name)) for name in names
    ]


def open_others(stack: "Stack") -> list[NamedQueue]:
    """Return the queues whose messages cannot be sent again. Raises `CommandFailed`."""
    client = stack.client("sqs")
    return [NamedQueue(name, _open(client, stack, name, None), advice) for name, advice in OTHERS.items()]


def _open(client: Any, stack: "Stack", name: str, queue: str | None) -> DeadLetterQueue:
    return DeadLetterQueue(client, stack.output(f"{name}Url"), stack.output(f"{queue}Url") if queue else "")
