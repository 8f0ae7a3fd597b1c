"""Batches of queue messages, as Lambda passes them to a function, and the response to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeIs

from gaussdb_backup.domain.validation import parse_object, shorten
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest

SCHEDULED_TIME_ATTRIBUTE = "ScheduledTime"
"""Attribute of a message that has been in a dead-letter queue: the scheduled time of the run that it belongs to."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a queue message. `sent_at` is the same at each delivery; `attempt` counts them from 1.

    `scheduled_time` is that of the run which the message belongs to if its body names none: when it was first sent,
    even if it has been in a dead-letter queue since.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    scheduled_time: datetime
    attempt: int


def is_batch(event: object) -> TypeIs[dict[str, Any]]:
    """Return whether an event is a batch of queue messages, not a direct request."""
    return isinstance(event, dict) and "Records" in event


def parse_batch(event: object) -> list[Message]:
    """Return the messages of a batch. Raises `InvalidRequest` when the event is none, or has none."""
    records = event["Records"] if is_batch(event) else None
    if not isinstance(records, list) or not records or not all(_is_message(record) for record in records):
        expected = "a list of one or more queue messages"
        raise InvalidRequest("event", [FieldProblem("Records", expected, shorten(records) if records else "none")])
    return [_parse_message(record) for record in records]


def parse_bodies[T](
    batch: Iterable[Message], parse: Callable[[Mapping[str, Any]], T], subject: str
) -> tuple[dict[Message, T], dict[Message, GaussDBBackupError]]:
    """Parse the body of each message; return what was parsed, and the errors of the malformed ones."""
    parsed: dict[Message, T] = {}
    malformed: dict[Message, GaussDBBackupError] = {}
    for message in batch:
        try:
            parsed[message] = parse(parse_object(message.body, subject))
        except InvalidRequest as error:
            malformed[message] = error
    return parsed, malformed


def batch_response(failed: Iterable[Message]) -> dict[str, Any]:
    """Return the response that names to Lambda the messages to be delivered again."""
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}


def _is_message(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("attributes"), dict):
        return False
    return all(isinstance(record.get(key), str) for key in ("messageId", "receiptHandle", "body"))


def _parse_message(record: Mapping[str, Any]) -> Message:
    attributes = record["attributes"]
    sent_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, tz=UTC)
    return Message(
        id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        body=record["body"],
        sent_at=sent_at,
        scheduled_time=_parse_scheduled_time(record.get("messageAttributes") or {}) or sent_at,
        attempt=int(attributes["ApproximateReceiveCount"]),
    )


def _parse_scheduled_time(attributes: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(attributes[SCHEDULED_TIME_ATTRIBUTE]["stringValue"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None
