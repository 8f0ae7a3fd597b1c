"""Batches of queue messages as Lambda hands them over: one bad record never blocks its neighbours."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeIs

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gaussdb_backup.domain.validation import parse_object, shorten
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest

RUN_TIME = "ScheduledTime"
"""Attribute of a message that has been a dead letter: the run it belongs to."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a queue message. `sent_at` is the same at each delivery; `attempt` counts them from 1.

    `run_at` is the time of the run that the message belongs to if its body names none: when it was first sent, even
    if it has been a dead letter since.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    run_at: datetime
    attempt: int


def is_batch(event: object) -> TypeIs[dict[str, Any]]:
    """Whether an event is a batch of queue messages and not a request by itself."""
    return isinstance(event, dict) and "Records" in event


def read_batch(event: object) -> list[Message]:
    """Read the messages of a batch. Raises `InvalidRequest` when the event is none, or has none."""
    records = event["Records"] if is_batch(event) else None
    if not isinstance(records, list) or not records or not all(_is_message(record) for record in records):
        expected = "a list of one or more queue messages"
        raise InvalidRequest("event", [FieldProblem("Records", expected, shorten(records) if records else "none")])
    return [_read(SQSRecord(record)) for record in records]


def read_bodies[T](
    batch: Iterable[Message], parse: Callable[[Mapping[str, Any]], T], subject: str
) -> tuple[dict[Message, T], dict[Message, GaussDBBackupError]]:
    """Read the body of each message; return what was read, and the errors of those that cannot be."""
    read: dict[Message, T] = {}
    unreadable: dict[Message, GaussDBBackupError] = {}
    for message in batch:
        try:
            read[message] = parse(parse_object(message.body, subject))
        except InvalidRequest as error:
            unreadable[message] = error
    return read, unreadable


def process_batch(event: Mapping[str, Any], handle: Callable[[Message], object]) -> dict[str, Any]:
    """Hand each message to `handle`; answer Lambda which ones failed and are to be delivered again.

    `handle` tells of its own errors: Powertools notes a failed record at DEBUG only. A batch in which all fail is no
    error of the function: each message has its own way on. Raises as `read_batch` does.
    """
    read_batch(event)
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(
        event=dict(event), record_handler=lambda record: handle(_read(record)), processor=processor
    )
    return dict(answer)


def answer_with_failures(failed: Iterable[Message]) -> dict[str, Any]:
    """Answer Lambda which messages are to be delivered again."""
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}


def _read_run_time(attributes: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(attributes[RUN_TIME]["stringValue"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _is_message(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("attributes"), dict):
        return False
    return all(isinstance(record.get(key), str) for key in ("messageId", "receiptHandle", "body"))


def _read(record: SQSRecord) -> Message:
    attributes = record.attributes
    sent_at = datetime.fromtimestamp(int(attributes.sent_timestamp) / 1000, tz=UTC)
    return Message(
        id=record.message_id,
        receipt_handle=record.receipt_handle,
        body=record.body,
        sent_at=sent_at,
        run_at=_read_run_time(record.raw_event.get("messageAttributes") or {}) or sent_at,
        attempt=int(attributes.approximate_receive_count),
    )
