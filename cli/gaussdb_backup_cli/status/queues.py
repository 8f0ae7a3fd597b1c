"""How many messages wait in the queues of a stack, and how many were dead-lettered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gaussdb_backup_cli.stack import Stack

SUFFIX = "QueueUrl"
REQUESTS = ("PlanQueue", "BackupQueue")
_WAITING = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")
_DEFERRED = "ApproximateNumberOfMessagesNotVisible"


@dataclass(frozen=True, slots=True)
class Queues:
    """Messages, all of them approximate. `dead_letters` are those of each queue that nothing receives.

    `waiting` are plans and requests that are not received yet; `deferred` those that are processed now, or are tried
    again later, as when an instance is busy. `tracked` are backups that have not ended.
    """

    dead_letters: Mapping[str, int]
    waiting: int
    deferred: int
    tracked: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        dead = [{"queue": name, "messages": number} for name, number in self.dead_letters.items()]
        return {"dead_letters": dead, "waiting": self.waiting, "deferred": self.deferred, "tracked": self.tracked}


def read_queues(stack: Stack) -> Queues:
    """Return the messages of the queues that the stack's outputs name. Raises what boto3 raises."""
    names = sorted(key.removesuffix("Url") for key in stack.outputs if key.endswith(SUFFIX))
    counts = {name: _count(stack, name) for name in names}
    dead = {name: sum(counts[name]) for name in names if is_dead_letter_queue(name)}
    requests = [counts[name] for name in REQUESTS if name in counts]
    return Queues(
        dead_letters=dead,
        waiting=sum(waiting for waiting, _ in requests),
        deferred=sum(deferred for _, deferred in requests),
        tracked=sum(counts.get("TrackingQueue", (0, 0))),
    )


def is_dead_letter_queue(name: str) -> bool:
    """Return whether nothing receives the messages of a queue but a person."""
    return name.endswith("DeadLetterQueue") or name == "FailedInvocationsQueue"


def _count(stack: Stack, name: str) -> tuple[int, int]:
    """Return how many messages are visible or delayed, and how many are not visible."""
    response = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.output(f"{name}Url"), AttributeNames=[*_WAITING, _DEFERRED]
    )
    attributes = response["Attributes"]
    return sum(int(attributes[each]) for each in _WAITING), int(attributes[_DEFERRED])
