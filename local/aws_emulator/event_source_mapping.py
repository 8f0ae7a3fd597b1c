"""Plays the event source mapping of a queue: receives, invokes the function, deletes what succeeded."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RECEIVE_MOST = 10
"""Messages that one receive call of SQS gives."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one batch: ids of the messages that are done with, and of those that stay in the queue."""

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    error: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self.done or self.failed)


class Pump:
    """One queue and the function it feeds."""

    def __init__(
        self,
        queue_url: str,
        invoke: Callable[[dict[str, Any]], Any],
        *,
        sqs: Any,  # noqa: ANN401 - boto3's clients have no common type
        batch_size: int,
    ) -> None:
        """`invoke` takes an event and returns the function's answer, or raises as the function does."""
        self._queue_url = queue_url
        self._invoke = invoke
        self._sqs = sqs
        self._batch_size = batch_size
        self._origin = _describe_origin(sqs, queue_url)

    def run_once(self) -> Delivered:
        """Deliver one batch of what is visible now; false if there is nothing.

        As Lambda does it: an error, an answer that is malformed or names an unknown message leaves the whole batch
        in the queue; otherwise the named messages stay, until their visibility timeout, and the others are deleted.
        """
        messages = self._receive()
        if not messages:
            return Delivered()
        ids = [message["MessageId"] for message in messages]
        try:
            failed = _read_failures(
                self._invoke({"Records": [_as_record(message) | self._origin for message in messages]}), ids
            )
        except Exception as error:  # noqa: BLE001 - whatever the function raises, the batch stays
            return Delivered(failed=tuple(ids), error=error)
        done = [message for message in messages if message["MessageId"] not in failed]
        for message in done:
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return Delivered(tuple(message["MessageId"] for message in done), tuple(id_ for id_ in ids if id_ in failed))

    def run_until_empty(self, *, at_most: int = 10_000) -> list[Delivered]:
        """Deliver batches until nothing is visible any more."""
        batches: list[Delivered] = []
        while len(batches) < at_most and (batch := self.run_once()):
            batches.append(batch)
        return batches

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while len(messages) < self._batch_size:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(RECEIVE_MOST, self._batch_size - len(messages)),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            if not (received := answer.get("Messages", [])):
                break
            messages.extend(received)
        return messages


def _describe_origin(sqs: Any, queue_url: str) -> dict[str, str]:  # noqa: ANN401 - boto3's clients have no common type
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return {"eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": arn.split(":")[3]}


def _as_record(message: Mapping[str, Any]) -> dict[str, Any]:
    """Write a message as Lambda hands it over, with names in lower camel case."""
    attributes = message.get("MessageAttributes", {})
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {name: _as_attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
    }
    return record | ({"md5OfMessageAttributes": message["MD5OfMessageAttributes"]} if attributes else {})


def _as_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Write a message attribute as Lambda does: both lists are always there, bytes are in base64."""
    if "BinaryValue" in value:
        known = {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
    else:
        known = {"stringValue": value["StringValue"]}
    return {**known, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def _read_failures(answer: object, ids: Sequence[str]) -> set[str]:
    """Return the ids that the answer names as failed. Raises `ValueError` for what Lambda takes as a total failure."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if answer is None or (isinstance(answer, dict) and failures is None):
        return set()  # an answer without the key is a success
    if not isinstance(failures, list):
        raise ValueError(f"not an answer of a batch: {answer!r}")  # noqa: TRY004 - the answer's value is wrong
    named = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures}
    if not named <= set(ids):
        raise ValueError(f"the answer names messages that were not in the batch: {answer!r}")
    return {str(name) for name in named}
