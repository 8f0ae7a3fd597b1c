"""Sending dead-lettered messages again, each to the queue that it belongs to.

Each message keeps its group, and the scheduled time of its run as an attribute, so that a backup that it may have
started is found and not made twice. `aws sqs start-message-move-task` does the same for messages whose body has a
`scheduled_time`, as those of a schedule have; one without would then belong to the time at which it was moved.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetter, DeadLetterQueue

LONG_POLL = timedelta(seconds=5)
"""Any wait has SQS query all of its servers; without one it may return nothing although there are messages."""
EMPTY_RESPONSES = 3
"""After so many responses in a row that bring nothing new, a redrive ends."""
TIME_WITHOUT_SENDING = timedelta(minutes=2)
"""After this a redrive ends as well: messages that keep arriving must not keep it going."""
NEWER = "newer than this redrive"
NOT_NAMED = "not named"
ALL = ("",)
"""The beginning of every id."""


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
        """Whether a message that was to be sent is left, or may be, for any reason but that it is newer."""
        return self.stopped_by is not None or any(reason not in (NEWER, NOT_NAMED) for reason in self.left.values())

    @property
    def needs_you(self) -> bool:
        """Whether a message that was to be sent is in the queue, or may be."""
        return self.failed or bool(self.not_received) or NEWER in self.left.values()

    def __str__(self) -> str:
        reasons = [f"{count} left ({reason})" for reason, count in sorted(Counter(self.left.values()).items())]
        if self.not_received:
            reasons.append(f"about {self.not_received} not received (does another receiver hold them? Run this again)")
        if self.stopped_by:
            reasons.append(f"stopped: {self.stopped_by}")
        return "; ".join([f"{len(self.sent)} sent again", *reasons])


def redrive(
    queue: DeadLetterQueue,
    *,
    started_at: datetime,
    now: Callable[[], datetime],
    wait: timedelta = LONG_POLL,
    ids: Collection[str] = ALL,
) -> Redriven:
    """Send every message that is older than `started_at` to the queue it belongs to, then delete it.

    `ids` are the beginnings of the ids of those that are meant. A newer one may have been redriven already, and be
    back: it is left. Stopped half-way, each message was sent at least once or is still in the dead-letter queue.
    """
    redriven, receipt_handles = Redriven(), dict[str, str]()
    empty, last_sent_at = 0, now()
    try:
        while empty < EMPTY_RESPONSES and now() - last_sent_at < TIME_WITHOUT_SENDING:
            messages = queue.receive(wait)
            empty = 0 if any(message.id not in receipt_handles for message in messages) else empty + 1
            receipt_handles.update({message.id: message.receipt_handle for message in messages})
            redriven.left.update({each.id: NOT_NAMED for each in messages if not each.id.startswith(tuple(ids))})
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


def time_of_sqs(client: Any, queue_url: str, *, now: datetime) -> datetime:
    """Return the time by this machine's clock, within the second that SQS has, since it stamps the messages."""
    response = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    date = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    return min(max(now, date), date + timedelta(seconds=1))
