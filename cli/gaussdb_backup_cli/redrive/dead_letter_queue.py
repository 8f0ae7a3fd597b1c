"""A dead-letter queue and the queue that its messages belong to: receive from the one, send to the other, delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.redrive.batches import Refusal, send_in_batches

SCHEDULED_TIME_ATTRIBUTE = "ScheduledTime"
"""Attribute of a dead-lettered message: the scheduled time of the run that it belongs to."""
VISIBILITY_TIMEOUT = timedelta(minutes=5)
"""How long a received message is hidden from other receivers."""

type Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One delivery of a dead-lettered message.

    `scheduled_time` is that of the run which it belongs to. One that SQS itself moved, after too many deliveries, has
    none; it keeps the time at which it was first sent, which is then that of its run. `group` is that of the message,
    where it has one. `attributes` are texts, the reason among them.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    scheduled_time: str
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A dead-letter queue, and where its messages belong. `client` is one of boto3's."""

    client: Any
    url: str
    queue_url: str

    def receive(self, wait: timedelta, *, hidden_for: timedelta = VISIBILITY_TIMEOUT) -> list[DeadLetter]:
        """Return up to ten messages, hidden from others for a while. Raises what boto3 raises."""
        response = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=int(wait.total_seconds()),
            VisibilityTimeout=int(hidden_for.total_seconds()),
            MessageSystemAttributeNames=["SentTimestamp", "MessageGroupId"],
            MessageAttributeNames=["All"],
        )
        return [_parse(message) for message in response.get("Messages", [])]

    def send(self, messages: Sequence[DeadLetter]) -> list[Refusal]:
        """Send messages to the queue that they belong to; return for each why it was refused, or `None`."""
        return send_in_batches(messages, self._send_batch)

    def delete(self, messages: Sequence[DeadLetter]) -> list[Refusal]:
        """Delete messages; return for each why that was refused, or `None`."""
        return send_in_batches(messages, self._delete_batch)

    def show(self, receipt_handles: Sequence[str]) -> None:
        """Make received messages visible again; one for which that is refused is visible after the timeout."""
        send_in_batches(receipt_handles, self._show_batch)

    def count(self) -> int:
        """Return about how many messages there are, hidden ones included."""
        response = self.client.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(number) for number in response["Attributes"].values())

    def _send_batch(self, messages: Sequence[DeadLetter]) -> list[Refusal]:
        entries = [
            {
                "Id": str(index),
                "MessageBody": message.body,
                "MessageAttributes": {
                    SCHEDULED_TIME_ATTRIBUTE: {"DataType": "String", "StringValue": message.scheduled_time}
                },
                **({"MessageGroupId": message.group} if message.group else {}),
            }
            for index, message in enumerate(messages)
        ]
        refusals = _refusals(self.client.send_message_batch, self.queue_url, entries)
        if len(messages) > 1 and None not in refusals:  # they may be too long together, or one of them malformed
            return [self._send_batch([message])[0] for message in messages]
        return refusals

    def _show_batch(self, receipt_handles: Sequence[str]) -> list[Refusal]:
        entries = [
            {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for index, handle in enumerate(receipt_handles)
        ]
        return _refusals(self.client.change_message_visibility_batch, self.url, entries)

    def _delete_batch(self, messages: Sequence[DeadLetter]) -> list[Refusal]:
        handles = [message.receipt_handle for message in messages]
        entries = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(handles)]
        return _refusals(self.client.delete_message_batch, self.url, entries)


def _refusals(call: Callable[..., Any], url: str, entries: Sequence[Entry]) -> list[Refusal]:
    """Make one call with a batch; return for each entry why it was refused, or `None`."""
    try:
        response = call(QueueUrl=url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        return [str(error)] * len(entries)
    failed = {entry["Id"]: str(entry.get("Code", "refused")) for entry in response.get("Failed", [])}
    return [failed.get(entry["Id"]) for entry in entries]


def _parse(message: Mapping[str, Any]) -> DeadLetter:
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, tz=UTC)
    given = message.get("MessageAttributes", {})
    attributes = {name: str(each["StringValue"]) for name, each in given.items() if "StringValue" in each}
    return DeadLetter(
        id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        sent_at=sent_at,
        scheduled_time=attributes.get(SCHEDULED_TIME_ATTRIBUTE, sent_at.isoformat()),
        group=message["Attributes"].get("MessageGroupId"),
        attributes=attributes,
    )
