"""Queue messages as Lambda passes them to a function."""

import json
import time
from collections.abc import Mapping
from typing import Any


def sqs_record(
    body: Any, number: int = 1, *, message_attributes: Mapping[str, str] | None = None, **attributes: str
) -> dict[str, Any]:
    """One message, received for the first time and sent just now unless `attributes` say otherwise."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000)), **attributes},
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"} for name, value in (message_attributes or {}).items()
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:requests",
        "awsRegion": "eu-central-1",
    }


def sqs_batch(*bodies: Any) -> dict[str, Any]:
    """A batch of messages, numbered from 1."""
    return {"Records": [sqs_record(body, number) for number, body in enumerate(bodies, 1)]}


def sent_now(event: dict[str, Any]) -> dict[str, Any]:
    """A batch whose messages were sent just now: a sample's are older than any start window."""
    now = {"SentTimestamp": str(int(time.time() * 1000))}
    return {"Records": [{**record, "attributes": record["attributes"] | now} for record in event["Records"]]}
