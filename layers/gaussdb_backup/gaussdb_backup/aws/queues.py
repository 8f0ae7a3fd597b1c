"""SQS queues: sending messages, also to a dead-letter queue, and changing when a message is visible again.

The group of a message makes the queue fair: while one group has many messages in it, SQS delivers those of other groups
first. It orders nothing. A message without one counts as a group of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.batching import Refusal, send_in_batches
from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.aws.messages import SCHEDULED_TIME_ATTRIBUTE, Message
from gaussdb_backup.errors import GaussDBBackupError, TryLater

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageRequestTypeDef

MAX_SEND_DELAY = timedelta(minutes=15)
MAX_VISIBILITY_TIMEOUT = timedelta(hours=12)
MAX_REASON_BYTES, MAX_CODE_BYTES = 1_000, 128
"""Bytes of the reason of a dead-lettered message and of its code: body and attributes must fit into one SQS message."""
CONTENT_REFUSED = frozenset({"InvalidParameterValue", "InvalidMessageContents"})
"""SQS refuses what is in a message: it is too large, or has characters that SQS does not take."""


class Queue:
    """One SQS queue."""

    def __init__(self, url: str, *, client: "SQSClient") -> None:
        self._url = url
        self._name = url.rpartition("/")[2]
        self._client = client

    def send(
        self,
        body: str,
        *,
        group: str | None = None,
        delay: timedelta = timedelta(0),
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Send one message, visible after `delay` (at most 15 minutes). Raises `TryLater` if SQS does not take it.

        Sending again after a failure may make a second message.
        """
        seconds = int(min(delay, MAX_SEND_DELAY).total_seconds())
        if refusal := self._send(body, attributes or {}, group=group, delay_seconds=seconds):
            raise TryLater(f"the queue {self._name} took no message ({refusal}): repeat the request")

    def send_dead_letter(self, message: Message, error: Exception) -> Refusal:
        """Send a message to this dead-letter queue, body unchanged, with the error as its reason.

        Returns why the queue refused it, or `None`; refused, the message stays where it is. Doing it again makes a
        second message. It keeps the scheduled time of its run, so that a backup that it may have started is found when
        it is redriven, and the group that it came with: a malformed one names no connection that could be its group.
        Where the whole does not fit into one message, the text of the reason is left out.
        """
        known = {"ErrorType": type(error).__name__, SCHEDULED_TIME_ATTRIBUTE: message.scheduled_time.isoformat()}
        code = error.error_code if isinstance(error, GaussDBBackupError) else None
        reason = {
            "ErrorCode": _clean(code or "", MAX_CODE_BYTES) or type(error).__name__,
            "ErrorMessage": _clean(str(error), MAX_REASON_BYTES) or "no message",
        }
        refusal = self._send(message.body, {**known, **reason}, group=message.group)
        if refusal and refusal.rpartition(".")[2] in CONTENT_REFUSED:
            refusal = self._send(message.body, known, group=message.group)
        return refusal

    def _send(self, body: str, attributes: Mapping[str, str], *, group: str | None, delay_seconds: int = 0) -> Refusal:
        request: SendMessageRequestTypeDef = {
            "QueueUrl": self._url,
            "MessageBody": body,
            "DelaySeconds": delay_seconds,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        }
        if group:
            request["MessageGroupId"] = group
        try:
            self._client.send_message(**request)
        except (BotoCoreError, ClientError) as error:
            return aws_error_code(error)
        return None

    def send_all(self, bodies: Sequence[str], *, group: str | None = None) -> list[Refusal]:
        """Send messages of one group; return for each why the queue refused it, or `None`.

        Sending again may make second messages.
        """
        return send_in_batches(bodies, partial(self._send_batch, group=group))

    def _send_batch(self, bodies: Sequence[str], *, group: str | None) -> list[Refusal]:
        shared = {"MessageGroupId": group} if group else {}
        entries = [{"Id": str(index), "MessageBody": body, **shared} for index, body in enumerate(bodies)]
        response = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        sent = {int(entry["Id"]) for entry in response.get("Successful", [])}
        failed = {int(entry["Id"]): entry.get("Code", "refused") for entry in response.get("Failed", [])}
        return [None if index in sent else failed.get(index, "no answer") for index in range(len(bodies))]

    def change_visibility(self, delays: Mapping[str, timedelta]) -> int:
        """Make messages, named by their receipt handles, visible again after a delay; return how many SQS refused.

        A refused one is visible again after the visibility timeout of the queue, so nothing is lost by it.
        """
        return len(delays) - send_in_batches(list(delays.items()), self._change_visibility_batch).count(None)

    def _change_visibility_batch(self, delays: Sequence[tuple[str, timedelta]]) -> list[Refusal]:
        entries = [
            {
                "Id": str(index),
                "ReceiptHandle": receipt_handle,
                "VisibilityTimeout": int(min(delay, MAX_VISIBILITY_TIMEOUT).total_seconds()),
            }
            for index, (receipt_handle, delay) in enumerate(delays)
        ]
        response = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        failed = {int(entry["Id"]): entry.get("Code", "refused") for entry in response.get("Failed", [])}
        return [failed.get(index) for index in range(len(delays))]


def _clean(text: str, maximum: int) -> str:
    """Return what SQS takes of a text, at most so many bytes: it refuses most control characters."""
    printable = "".join(character if character.isprintable() else " " for character in text[:maximum])
    return printable.encode()[:maximum].decode(errors="ignore").strip()
