"""Batches of queue messages, as Lambda passes them to a function, and the response to it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeIs

from gaussdb_backup.domain.validation import parse_object, shorten
from gaussdb_backup.domain.vendor_values import EARLIEST, LATEST
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest

SCHEDULED_TIME_ATTRIBUTE = "ScheduledTime"
"""Attribute of a message that has been in a dead-letter queue: the scheduled time of the run that it belongs to."""
GROUP = re.compile(r"[!-~]{1,128}")
"""What SQS takes as the group of a message: letters, digits and punctuation (Amazon SQS API, SendMessage)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a queue message. `sent_at` is the same at each delivery; `attempt` counts them from 1.

    `scheduled_time` is that of the run which the message belongs to if its body names none: when it was first sent,
    even if it has been in a dead-letter queue since, and so never later than `sent_at`. `group` is whose messages it
    shares the queue with, `None` where its sender named none. `problem` is what is wrong with the message as SQS passed
    it on.
    """

    id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    scheduled_time: datetime
    attempt: int
    group: str | None = None
    problem: InvalidRequest | None = None


def is_batch(event: object) -> TypeIs[dict[str, Any]]:
    """Return whether an event is a batch of queue messages, not a direct request."""
    return isinstance(event, dict) and "Records" in event


def parse_batch(event: object) -> list[Message]:
    """Return the messages of a batch; a malformed one has a `problem`, and costs no other anything.

    Raises `InvalidRequest` when the event is no batch: when none of its records could be named to Lambda.
    """
    records = event["Records"] if is_batch(event) else None
    named = [record for record in records if _has_id(record)] if isinstance(records, list) else []
    if not named:
        expected = "a list of one or more queue messages"
        raise InvalidRequest("event", [FieldProblem("Records", expected, shorten(records) if records else "none")])
    return [_parse_message(record) for record in named]


def parse_bodies[T](
    batch: Iterable[Message], parse: Callable[[Mapping[str, Any]], T], subject: str
) -> tuple[dict[Message, T], dict[Message, GaussDBBackupError]]:
    """Parse the body of each message; return what was parsed, and the errors of the malformed ones."""
    parsed: dict[Message, T] = {}
    malformed: dict[Message, GaussDBBackupError] = {}
    for message in batch:
        try:
            if message.problem:
                raise message.problem
            parsed[message] = parse(parse_object(message.body, subject))
        except InvalidRequest as error:
            malformed[message] = error
    return parsed, malformed


def batch_response(failed: Iterable[Message]) -> dict[str, Any]:
    """Return the response that names to Lambda the messages to be delivered again."""
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}


def _has_id(record: object) -> TypeIs[dict[str, Any]]:
    return isinstance(record, dict) and isinstance(record.get("messageId"), str)


def _parse_message(record: Mapping[str, Any]) -> Message:
    attributes = _get(record, "attributes", dict, {})
    sent_at = _parse_milliseconds(attributes.get("SentTimestamp"))
    texts = {key: _get(record, key, str, None) for key in ("receiptHandle", "body")}
    problems = [FieldProblem(key, "a text", shorten(record.get(key))) for key, text in texts.items() if text is None]
    if sent_at is None:
        given = shorten(attributes.get("SentTimestamp"))
        problems.append(FieldProblem("SentTimestamp", "milliseconds of a time from 2000 to 2099", given))
    return Message(
        id=record["messageId"],
        receipt_handle=texts["receiptHandle"] or "",
        body=texts["body"] or "",
        sent_at=sent_at or EARLIEST,
        scheduled_time=_first_sent_at(_get(record, "messageAttributes", dict, {}), sent_at or EARLIEST),
        attempt=_parse_count(attributes.get("ApproximateReceiveCount")),
        group=_parse_group(attributes.get("MessageGroupId")),
        problem=InvalidRequest("message", problems) if problems else None,
    )


def _get[T, D](record: Mapping[str, Any], key: str, kind: type[T], default: D) -> T | D:
    value = record.get(key)
    return value if isinstance(value, kind) else default


def _parse_milliseconds(value: object) -> datetime | None:
    try:
        return _in_bounds(datetime.fromtimestamp(int(str(value)) / 1000, tz=UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _parse_count(value: object) -> int:
    try:
        return max(int(str(value)), 1)
    except ValueError:
        return 1


def _parse_group(value: object) -> str | None:
    """Return the group of a message; one that SQS would refuse is none, so that it keeps no message from a queue."""
    return value if isinstance(value, str) and GROUP.fullmatch(value) else None


def _first_sent_at(attributes: Mapping[str, Any], sent_at: datetime) -> datetime:
    """Return the time of the attribute; one that lies ahead would exclude a backup that began when it was sent."""
    return min(_parse_scheduled_time(attributes) or sent_at, sent_at)


def _parse_scheduled_time(attributes: Mapping[str, Any]) -> datetime | None:
    """Return the time that the attribute has. Whoever sends a message may set it: what is no time is ignored."""
    try:
        parsed = datetime.fromisoformat(attributes[SCHEDULED_TIME_ATTRIBUTE]["stringValue"])
        return _in_bounds(parsed.astimezone(UTC)) if parsed.tzinfo else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _in_bounds(when: datetime) -> datetime | None:
    return when if EARLIEST <= when < LATEST else None
