"""Queues: sending, and putting back what is not finished."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.errors import TryLater

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

ENTRIES = 10
"""Entries of one batch call of SQS."""
LONGEST_DELAY = timedelta(seconds=900)
LONGEST_INVISIBLE = timedelta(hours=12)
TRIES = 3


class Queue:
    """One SQS queue."""

    def __init__(self, url: str, *, client: "SQSClient") -> None:
        """`url` is the queue's address."""
        self._url = url
        self._client = client

    def send(self, body: str, *, delay: timedelta = timedelta(0), attributes: Mapping[str, str] | None = None) -> None:
        """Send one message, to be seen after `delay` (at most 15 minutes). Raises `TryLater` if SQS does not take it.

        Sending again after a failure may make a second message.
        """
        seconds = int(min(delay, LONGEST_DELAY).total_seconds())
        typed: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
        }
        try:
            self._client.send_message(
                QueueUrl=self._url, MessageBody=body, DelaySeconds=seconds, MessageAttributes=typed
            )
        except (BotoCoreError, ClientError) as error:
            raise TryLater(f"the queue {self._url} took no message ({error}): repeat the request") from error

    def send_all(self, bodies: Sequence[str]) -> list[bool]:
        """Send messages, ten at a time; tell for each whether the queue has it. What SQS refuses is offered again.

        Sending again after a failure may make second messages.
        """
        taken = [False] * len(bodies)
        for _ in range(TRIES):
            refused = [index for index, done in enumerate(taken) if not done]
            for indexes in batched(refused, ENTRIES, strict=False):
                for index in self._send_ten({index: bodies[index] for index in indexes}):
                    taken[index] = True
        return taken

    def _send_ten(self, bodies: Mapping[int, str]) -> list[int]:
        """Return which were taken."""
        entries = [{"Id": str(index), "MessageBody": body} for index, body in bodies.items()]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        except (BotoCoreError, ClientError):
            return []
        return [int(entry["Id"]) for entry in answer.get("Successful", [])]

    def put_back(self, delays: Mapping[str, timedelta]) -> int:
        """Let messages, named by their receipt handles, be seen again after a delay; return how many SQS refused.

        What SQS refuses is offered again; after that such a message comes back after the queue's own visibility
        timeout, so nothing is lost by it.
        """
        seconds = {handle: int(min(delay, LONGEST_INVISIBLE).total_seconds()) for handle, delay in delays.items()}
        for _ in range(TRIES):
            seconds = {
                handle: wait
                for entries in batched(seconds.items(), ENTRIES, strict=False)
                for handle, wait in self._change_visibility(dict(entries)).items()
            }
        return len(seconds)

    def _change_visibility(self, seconds: Mapping[str, int]) -> Mapping[str, int]:
        """Return what was refused."""
        handles = list(seconds)
        try:
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": seconds[handle]}
                    for index, handle in enumerate(handles)
                ],
            )
        except (BotoCoreError, ClientError):
            return seconds
        return {handles[int(entry["Id"])]: seconds[handles[int(entry["Id"])]] for entry in answer.get("Failed", [])}
