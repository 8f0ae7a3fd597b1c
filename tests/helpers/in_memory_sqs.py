"""SQS in memory, on any clock: the calls of boto3's client that functions and event source mappings make.

Held to the behaviour of moto's SQS by `tests/adapters/test_in_memory_sqs.py`.
"""

import hashlib
import heapq
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from threading import RLock
from typing import Any

from botocore.exceptions import ClientError

MAX_MESSAGE_BYTES = 1_048_576
"""Of the body and the names, types and values of the attributes together (Amazon SQS, "Message quotas")."""
NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that neither a body nor an attribute may have (Amazon SQS API, SendMessage)."""
GROUP = re.compile(r"[!-~]{1,128}")
"""The group of a message: letters, digits and punctuation (Amazon SQS API, SendMessage)."""
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/"


@dataclass
class StoredMessage:
    body: str
    sent_at: datetime
    visible_at: datetime
    attributes: dict[str, Any]
    number: int
    group: str | None = None
    receives: int = 0

    @property
    def reason(self) -> dict[str, str]:
        """The values of the message attributes."""
        return {name: value["StringValue"] for name, value in self.attributes.items()}


@dataclass
class InMemoryQueue:
    """The messages of one queue, by number. `received` counts deliveries; `failures` is how many sends still fail."""

    url: str
    clock: Callable[[], datetime]
    visibility_timeout: timedelta
    messages: dict[int, StoredMessage] = field(default_factory=dict)
    received: int = 0
    failures: int = 0
    _sent: int = 0
    _due: list[tuple[datetime, int]] = field(default_factory=list)
    """When a message becomes visible; entries of messages that are gone or were moved since are skipped."""

    def send(
        self,
        body: str,
        *,
        group: str | None = None,
        delay: timedelta = timedelta(0),
        attributes: Mapping[str, Any] | None = None,
    ) -> int:
        if self.failures:
            self.failures -= 1
            raise _error("InternalFailure", "SendMessage")
        _check_content(body, attributes or {}, group)
        self._sent += 1
        now = self.clock()
        self.messages[self._sent] = StoredMessage(body, now, now + delay, dict(attributes or {}), self._sent, group)
        self._schedule(self._sent, now + delay)
        return self._sent

    def receive(self, at_most: int, *, hidden: timedelta | None = None) -> list[StoredMessage]:
        """`hidden` takes the place of the queue's visibility timeout."""
        now = self.clock()
        found: list[StoredMessage] = []
        while self._due and self._due[0][0] <= now and len(found) < at_most:
            due, number = heapq.heappop(self._due)
            message = self.messages.get(number)
            if message is None or message.visible_at != due:
                continue
            message.receives += 1
            found.append(message)
        for message in found:
            self.change_visibility(message.number, self.visibility_timeout if hidden is None else hidden)
        self.received += len(found)
        return found

    def change_visibility(self, number: int, delay: timedelta) -> None:
        self.messages[number].visible_at = self.clock() + delay
        self._schedule(number, self.messages[number].visible_at)

    def next_visible(self) -> datetime | None:
        return min((message.visible_at for message in self.messages.values()), default=None)

    def _schedule(self, number: int, when: datetime) -> None:
        heapq.heappush(self._due, (when, number))


def one_at_a_time[**P, T](method: Callable[P, T]) -> Callable[P, T]:
    """Let one thread at a time into the methods of a client."""

    @wraps(method)
    def locked(*args: P.args, **kwargs: P.kwargs) -> T:
        client: Any = args[0]
        with client._lock:
            return method(*args, **kwargs)

    return locked


class InMemorySqs:
    """A client of boto3's shape. Unknown queues, receipt handles and entries are refused as SQS refuses them."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._queues: dict[str, InMemoryQueue] = {}
        self._lock = RLock()

    @one_at_a_time
    def create_queue(self, *, QueueName: str, Attributes: Mapping[str, str] | None = None) -> dict[str, str]:
        seconds = int((Attributes or {}).get("VisibilityTimeout", "30"))
        url = URL + QueueName
        self._queues.setdefault(url, InMemoryQueue(url, self._clock, timedelta(seconds=seconds)))
        return {"QueueUrl": url}

    def queue(self, url: str) -> InMemoryQueue:
        if url not in self._queues:
            raise _error("AWS.SimpleQueueService.NonExistentQueue", "GetQueueUrl")
        return self._queues[url]

    @one_at_a_time
    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        DelaySeconds: int = 0,
        MessageAttributes: Mapping[str, Any] | None = None,
        MessageGroupId: str | None = None,
    ) -> dict[str, str]:
        if not 0 <= DelaySeconds <= 900:
            raise _error("InvalidParameterValue", "SendMessage")
        number = self.queue(QueueUrl).send(
            MessageBody, group=MessageGroupId, delay=timedelta(seconds=DelaySeconds), attributes=MessageAttributes
        )
        return {"MessageId": f"message-{number}"}

    @one_at_a_time
    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        queue = self.queue(QueueUrl)
        _check_batch(Entries, "SendMessageBatch")
        numbers = [
            queue.send(
                entry["MessageBody"], group=entry.get("MessageGroupId"), attributes=entry.get("MessageAttributes")
            )
            for entry in Entries
        ]
        sent = zip(Entries, numbers, strict=True)
        return {"Successful": [{"Id": entry["Id"], "MessageId": f"message-{number}"} for entry, number in sent]}

    @one_at_a_time
    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int = 1, VisibilityTimeout: int | None = None, **_: Any
    ) -> dict[str, Any]:
        if not 1 <= MaxNumberOfMessages <= 10:
            raise _error("InvalidParameterValue", "ReceiveMessage")
        hidden = None if VisibilityTimeout is None else timedelta(seconds=VisibilityTimeout)
        found = self.queue(QueueUrl).receive(MaxNumberOfMessages, hidden=hidden)
        return {"Messages": [_render(message) for message in found]} if found else {}

    @one_at_a_time
    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        self.queue(QueueUrl).messages.pop(_number(ReceiptHandle, "DeleteMessage"), None)
        return {}

    @one_at_a_time
    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        queue = self.queue(QueueUrl)
        _check_batch(Entries, "DeleteMessageBatch")
        for entry in Entries:
            queue.messages.pop(_number(entry["ReceiptHandle"], "DeleteMessage"), None)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    @one_at_a_time
    def change_message_visibility_batch(
        self,
        *,
        QueueUrl: str,
        Entries: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        queue = self.queue(QueueUrl)
        _check_batch(Entries, "ChangeMessageVisibilityBatch")
        result: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        for entry in Entries:
            number = _number(entry["ReceiptHandle"], "ChangeMessageVisibility", default=0)
            if number in queue.messages and 0 <= entry["VisibilityTimeout"] <= 43_200:
                queue.change_visibility(number, timedelta(seconds=entry["VisibilityTimeout"]))
                result["Successful"].append({"Id": entry["Id"]})
            else:
                result["Failed"].append({"Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True})
        return result

    @one_at_a_time
    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:
        now, queue = self._clock(), self.queue(QueueUrl)
        visible = sum(1 for message in queue.messages.values() if message.visible_at <= now)
        delayed = sum(1 for message in queue.messages.values() if message.visible_at > now and not message.receives)
        known = {
            "QueueArn": f"arn:aws:sqs:eu-central-1:123456789012:{QueueUrl.rsplit('/', 1)[-1]}",
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesDelayed": str(delayed),
            "ApproximateNumberOfMessagesNotVisible": str(len(queue.messages) - visible - delayed),
        }
        return {
            "Attributes": {name: known[name] for name in known if name in AttributeNames or "All" in AttributeNames}
        }


def _render(message: StoredMessage) -> dict[str, Any]:
    return {
        "MessageId": f"message-{message.number}",
        "ReceiptHandle": f"handle-{message.number}-{message.receives}",
        "Body": message.body,
        "MD5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "Attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
            **({"MessageGroupId": message.group} if message.group else {}),
        },
        **({"MessageAttributes": message.attributes, "MD5OfMessageAttributes": ""} if message.attributes else {}),
    }


def _number(receipt_handle: str, operation: str, default: int | None = None) -> int:
    parts = receipt_handle.split("-")
    if len(parts) == 3 and parts[0] == "handle":
        return int(parts[1])
    if default is None:
        raise _error("ReceiptHandleIsInvalid", operation)
    return default


def _check_content(body: str, attributes: Mapping[str, Any], group: str | None) -> None:
    values = [value["StringValue"] for value in attributes.values()]
    types = [value["DataType"] for value in attributes.values()]
    if sum(len(text.encode()) for text in (body, *attributes, *types, *values)) > MAX_MESSAGE_BYTES or "" in values:
        raise _error("InvalidParameterValue", "SendMessage")
    if group is not None and not GROUP.fullmatch(group):
        raise _error("InvalidParameterValue", "SendMessage")
    if any(NOT_ALLOWED.search(text) for text in (body, *values)):
        raise _error("InvalidMessageContents", "SendMessage")


def _check_batch(entries: Sequence[Mapping[str, Any]], operation: str) -> None:
    if not entries or len({entry["Id"] for entry in entries}) != len(entries):
        raise _error("AWS.SimpleQueueService.EmptyBatchRequest", operation)
    if len(entries) > 10:
        raise _error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", operation)


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)
