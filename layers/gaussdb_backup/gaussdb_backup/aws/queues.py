"""Queue messages, a batch at a time: one bad record never blocks its neighbours."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeIs

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from gaussdb_backup.errors import FieldProblem, InvalidRequest
from gaussdb_backup.validation import shorten


def is_batch(event: object) -> TypeIs[dict[str, Any]]:
    """Whether an event is a batch of queue messages and not a request by itself."""
    return isinstance(event, dict) and "Records" in event


def sent_at(record: SQSRecord) -> datetime:
    """Tell when the message was sent: the same at each delivery, which makes it fit to name a run."""
    return datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, tz=UTC)


def process_batch(event: Mapping[str, Any], handle: Callable[[SQSRecord], object]) -> dict[str, Any]:
    """Hand each message to `handle`; answer Lambda which ones failed and are to be delivered again.

    `handle` tells of its own errors: Powertools notes a failed record at DEBUG only. Raises `InvalidRequest` when
    there are no records. A batch in which all fail is no error of the function: each message has its own way on.
    """
    records = event["Records"]
    if not isinstance(records, list) or not records or not all(_is_message(record) for record in records):
        expected = "a list of one or more queue messages"
        raise InvalidRequest("event", [FieldProblem("Records", expected, shorten(records) if records else "none")])
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event=dict(event), record_handler=handle, processor=processor))


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("messageId"), str) and isinstance(record.get("body"), str)
