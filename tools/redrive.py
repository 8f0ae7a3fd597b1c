"""Send dead-lettered messages again: `make redrive STACK=gaussdb-backup`, with your AWS credentials.

Each message keeps its group, and the scheduled time of its run as an attribute, so that a backup that it may have
started is found and not made twice. `aws sqs start-message-move-task` does the same for messages whose body has a
`scheduled_time`, as those of a schedule have; one without would then belong to the time at which it was moved.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.check_aws import SAMCONFIG, find_problem, open_session, read_saved
from tools.dead_letter_queue import DeadLetter, DeadLetterQueue
from tools.deployed_stack import list_resources

if TYPE_CHECKING:
    import boto3

DEAD_LETTER_QUEUES = {
    "BackupQueue": "BackupDeadLetterQueue",
    "PlanQueue": "PlanDeadLetterQueue",
    "TrackingQueue": "TrackingDeadLetterQueue",
}
"""The queues of a stack, by their logical ids, with the dead-letter queue of each."""

LONG_POLL = timedelta(seconds=5)
"""Any wait has SQS query all of its servers; without one it may return nothing although there are messages."""
EMPTY_RESPONSES = 3
"""After so many responses in a row that bring nothing new, a redrive ends."""
TIME_WITHOUT_SENDING = timedelta(minutes=2)
"""After this a redrive ends as well: messages that keep arriving must not keep it going."""
NEWER = "newer than this redrive"


@dataclass
class Redriven:
    """What became of the messages of one dead-letter queue.

    `sent` are the ids of those that were sent, `left` the reasons why others are still in the queue, by id.
    `not_received` is about how many were never received, as SQS counts them: another receiver may hold them.
    `stopped_by` is why the dead-letter queue could not be read on.
    """

    sent: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)
    not_received: int = 0
    stopped_by: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a message is left, or may be, for any reason but that it is newer."""
        return self.stopped_by is not None or any(reason != NEWER for reason in self.left.values())

    def __str__(self) -> str:
        reasons = [f"{count} left ({reason})" for reason, count in sorted(Counter(self.left.values()).items())]
        if self.not_received:
            reasons.append(f"about {self.not_received} not received (does another receiver hold them? Run this again)")
        if self.stopped_by:
            reasons.append(f"stopped: {self.stopped_by}")
        return "; ".join([f"{len(self.sent)} sent again", *reasons])


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def redrive(
    queue: DeadLetterQueue,
    *,
    started_at: datetime,
    wait: timedelta = LONG_POLL,
    now: Callable[[], datetime] = utc_now,
) -> Redriven:
    """Send every message that is older than `started_at` to the queue it belongs to, then delete it.

    A newer one may have been redriven already, and be back: it is left. Stopped half-way, each message was sent at
    least once or is still in the dead-letter queue.
    """
    redriven, receipt_handles = Redriven(), dict[str, str]()
    empty, last_sent_at = 0, now()
    try:
        while empty < EMPTY_RESPONSES and now() - last_sent_at < TIME_WITHOUT_SENDING:
            messages = queue.receive(wait)
            empty = 0 if any(message.id not in receipt_handles for message in messages) else empty + 1
            receipt_handles.update({message.id: message.receipt_handle for message in messages})
            if _send(queue, messages, redriven, started_at=started_at):
                last_sent_at = now()
            _delete_sent(queue, messages, redriven)
        redriven.not_received = max(0, queue.count() - len(redriven.left))
    except (BotoCoreError, ClientError) as error:
        redriven.stopped_by = str(error)
    finally:
        queue.show([receipt_handles[id_] for id_ in redriven.left])
    return redriven


def _send(queue: DeadLetterQueue, messages: Sequence[DeadLetter], redriven: Redriven, *, started_at: datetime) -> bool:
    """Send the messages that were not received before and are not newer; return whether any was sent."""
    new = [message for message in messages if message.id not in redriven.sent | redriven.left.keys()]
    redriven.left.update({message.id: NEWER for message in new if message.sent_at >= started_at})
    due = [message for message in new if message.id not in redriven.left]
    for message, refusal in zip(due, refusals := queue.send(due), strict=True):
        if refusal is None:
            redriven.sent.add(message.id)
        else:
            redriven.left[message.id] = refusal
    return None in refusals


def _delete_sent(queue: DeadLetterQueue, messages: Sequence[DeadLetter], redriven: Redriven) -> None:
    """Delete the messages that were sent, now or when they were received before."""
    sent = [message for message in messages if message.id in redriven.sent]
    for message, refusal in zip(sent, queue.delete(sent), strict=True):
        redriven.left.pop(message.id, None)
        if refusal is not None:
            redriven.left[message.id] = f"sent, but not deleted: {refusal}"


def redrive_stack(session: "boto3.Session", stack: str, *, only: str | None, wait: timedelta) -> list[Redriven]:
    """Redrive each queue of a stack, or the one named, and print what became of its messages; return it for each.

    Raises what boto3 raises.
    """
    ids, sqs, results = resource_ids(session, stack), session.client("sqs"), list[Redriven]()
    known = [name for name, dead_letter_queue in DEAD_LETTER_QUEUES.items() if {name, dead_letter_queue} <= set(ids)]
    chosen = [name for name in known if only in (None, name)]
    started_at = time_of_sqs(sqs, ids[DEAD_LETTER_QUEUES[chosen[0]]]) if chosen else utc_now()
    for name in chosen:
        queue = DeadLetterQueue(sqs, ids[DEAD_LETTER_QUEUES[name]], ids[name])
        results.append(redrive(queue, started_at=started_at, wait=wait))
        print(f"{name}: {results[-1]}", flush=True)  # noqa: T201 - for the person who typed the command
    return results


def resource_ids(session: "boto3.Session", stack: str) -> Mapping[str, str]:
    """Return the physical ids of a stack's resources by their logical ids. Raises what boto3 raises."""
    return {each.logical_id: each.physical_id for each in list_resources(session.client("cloudformation"), stack)}


def time_of_sqs(sqs: Any, queue_url: str) -> datetime:  # noqa: ANN401 - a boto3 client
    """Return the time by this machine's clock, within the second that SQS has, since it stamps the messages."""
    response = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    date = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    return min(max(utc_now(), date), date + timedelta(seconds=1))


def main(arguments: Sequence[str], *, wait: timedelta = LONG_POLL) -> None:
    """Redrive the queues of a stack; what makes that impossible is one line."""
    parser = argparse.ArgumentParser(prog="redrive", description="Send dead-lettered messages again.")
    parser.add_argument("stack")
    parser.add_argument("--queue", choices=DEAD_LETTER_QUEUES, help="only the messages of this queue")
    parser.add_argument("--region")
    parser.add_argument("--profile")
    given = parser.parse_args(arguments)
    saved = read_saved(SAMCONFIG)
    if problem := find_problem(arguments, saved):
        sys.exit(f"redrive: {problem}")
    try:
        results = redrive_stack(open_session(arguments, saved), given.stack, only=given.queue, wait=wait)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"redrive: {error}: check the stack's name, the region and your permissions.")
    if not results:
        sys.exit(f"redrive: the stack {given.stack} has no such queue: check the stack's name.")
    if any(result.failed for result in results):
        sys.exit("redrive: not all messages were sent again. Remove the cause, then run it again.")


if __name__ == "__main__":
    main(sys.argv[1:])
