"""The event source mapping of a queue: receives messages, invokes the function, deletes what succeeded."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_RECEIVED = 10
"""Messages that one receive call of SQS gives."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one batch: ids of the messages that were deleted, and of those that stay in the queue."""

    deleted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    error: Exception | None = None

    def __bool__(self) -> bool:
        return bool(self.deleted or self.failed)


class EventSourceMapping:
    """One queue and the function that consumes it."""

    def __init__(
        self,
        queue_url: str,
        invoke: Callable[[dict[str, Any]], Any],
        *,
        sqs: Any,  # noqa: ANN401 - boto3's clients have no common type
        batch_size: int,
    ) -> None:
        """`invoke` takes an event and returns the function's response, or raises as the function does."""
        self._queue_url = queue_url
        self._invoke = invoke
        self._sqs = sqs
        self._batch_size = batch_size
        self._origin = _origin_fields(sqs, queue_url)

    def run_once(self) -> Delivery:
        """Deliver one batch of what is visible now; false if there is nothing.

        As in Lambda, an error, or a response that is malformed or names an unknown message, leaves the whole batch in
        the queue; otherwise the named messages stay, until their visibility timeout, and the others are deleted.
        """
        messages = self._receive()
        if not messages:
            return Delivery()
        ids = [message["MessageId"] for message in messages]
        try:
            failed = _parse_failures(
                self._invoke({"Records": [_as_record(message) | self._origin for message in messages]}), ids
            )
        except Exception as error:  # noqa: BLE001 - whatever the function raises, the batch stays
            return Delivery(failed=tuple(ids), error=error)
        done = [message for message in messages if message["MessageId"] not in failed]
        for message in done:
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return Delivery(tuple(message["MessageId"] for message in done), tuple(id_ for id_ in ids if id_ in failed))

    def run_until_empty(self, *, at_most: int = 10_000) -> list[Delivery]:
        """Deliver batches until nothing is visible any more."""
        batches: list[Delivery] = []
        while len(batches) < at_most and (batch := self.run_once()):
            batches.append(batch)
        return batches

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while len(messages) < self._batch_size:
            response = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(MAX_RECEIVED, self._batch_size - len(messages)),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            if not (received := response.get("Messages", [])):
                break
            messages.extend(received)
        return messages


def _origin_fields(sqs: Any, queue_url: str) -> dict[str, str]:  # noqa: ANN401 - boto3's clients have no common type
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return {"eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": arn.split(":")[3]}


def _as_record(message: Mapping[str, Any]) -> dict[str, Any]:
    """Render a message as Lambda passes it on, with names in lower camel case."""
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
    """Render a message attribute as Lambda does: both lists are always there, bytes are in base64."""
    if "BinaryValue" in value:
        known = {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
    else:
        known = {"stringValue": value["StringValue"]}
    return {**known, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def _parse_failures(response: object, ids: Sequence[str]) -> set[str]:
    """Return the ids that the response names as failed. Raises `ValueError` for what is a total failure to Lambda."""
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    if response is None or (isinstance(response, dict) and failures is None):
        return set()  # a response without the key is a success
    if not isinstance(failures, list):
        raise ValueError(f"not a response of a batch: {response!r}")  # noqa: TRY004 - the response's value is wrong
    named = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures}
    if not named <= set(ids):
        raise ValueError(f"the response names messages that were not in the batch: {response!r}")
    return {str(name) for name in named}
