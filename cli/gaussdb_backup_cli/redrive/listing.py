"""Listing dead letters without disturbing them: each is hidden for a moment, then visible again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetter
from gaussdb_backup_cli.redrive.stack_queues import NamedQueue

HIDDEN_FOR = timedelta(seconds=30)
"""How long a message is hidden at most, should the command be ended before it has shown them again."""
WAIT = timedelta(seconds=1)
"""Any wait has SQS query all of its servers."""
MOST = 1_000
"""Messages that are listed of one queue."""
EMPTY_RESPONSES = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """The messages of one queue, the oldest first; `count` is about how many it has, hidden ones included.

    `stopped_by` is why it could not be read, or read on.
    """

    queue: NamedQueue
    messages: Sequence[DeadLetter]
    count: int
    stopped_by: str | None = None

    @property
    def not_received(self) -> int:
        """About how many messages are not listed: another receiver holds them, or there are too many."""
        return max(0, self.count - len(self.messages))

    def only(self, ids: tuple[str, ...]) -> "Listed":
        """Return the messages whose ids begin with one of these; with no ids all."""
        if not ids:
            return self
        meant = [each for each in self.messages if each.id.startswith(ids)]
        return replace(self, messages=meant, count=len(meant))


def list_messages(queue: NamedQueue, *, wait: timedelta = WAIT) -> Listed:
    """List the messages of a queue, and make them visible again."""
    found: dict[str, DeadLetter] = {}
    empty, count, stopped_by = 0, 0, None
    try:
        count = queue.queue.count()
        while len(found) < MOST and empty < EMPTY_RESPONSES and (empty == 0 or len(found) < count):
            messages = queue.queue.receive(wait, hidden_for=HIDDEN_FOR)
            empty = 0 if any(each.id not in found for each in messages) else empty + 1
            found |= {each.id: each for each in messages}
    except (BotoCoreError, ClientError) as error:
        stopped_by = str(error)
    finally:
        queue.queue.show([each.receipt_handle for each in found.values()])
    messages = sorted(found.values(), key=lambda each: (each.sent_at, each.id))
    return Listed(queue, messages, max(count, len(messages)), stopped_by)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about, as far as its body has it, and why it is there."""

    instance_id: str | None
    backup_id: str | None
    schedule: str | None
    connection: str | None
    scheduled_time: str
    error_type: str | None
    error_code: str | None
    error_message: str | None


def describe(message: DeadLetter) -> Subject:
    """Return what a message is about: a request, a plan, a followed backup, an event or the envelope of one of them."""
    body = _parse(message.body)
    content = next((body[key] for key in ("requestPayload", "detail") if isinstance(body.get(key), dict)), body)
    response = body.get("responsePayload")
    error = response if isinstance(response, dict) else {}
    named, given = message.attributes, _text(content, "scheduled_time")
    return Subject(
        instance_id=_text(content, "instance_id"),
        backup_id=_text(content, "backup_id"),
        schedule=_text(content, "schedule"),
        connection=_text(content, "connection"),
        scheduled_time=given if given and _is_time(given) else message.scheduled_time,
        error_type=named.get("ErrorType") or _text(error, "errorType"),
        error_code=named.get("ErrorCode") or named.get("ERROR_CODE"),
        error_message=named.get("ErrorMessage") or named.get("ERROR_MESSAGE") or _text(error, "errorMessage"),
    )


def to_json(message: DeadLetter, queue: str) -> dict[str, Any]:
    """Return a message as the JSON form has it."""
    subject = describe(message)
    return {
        "queue": queue,
        "message_id": message.id,
        "sent_at": message.sent_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **{name: getattr(subject, name) for name in Subject.__dataclass_fields__},
    }


def _parse(body: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None


def _is_time(text: str) -> bool:
    """Return whether a text is a time; `<aws.scheduler.scheduled-time>` is none."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
