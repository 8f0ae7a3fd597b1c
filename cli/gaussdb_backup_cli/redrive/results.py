"""The result of the JSON form: each dead-letter queue, and the messages that were listed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gaussdb_backup_cli.redrive.listing import Listed, to_json
from gaussdb_backup_cli.redrive.sending import Redriven


def describe_list(listed: Sequence[Listed]) -> dict[str, Any]:
    """Return the result of a listing."""
    queues = [
        _queue(
            each.queue.name,
            advice=each.queue.advice,
            count=each.count,
            not_received=each.not_received,
            stopped_by=each.stopped_by,
        )
        for each in listed
    ]
    messages = [to_json(message, each.queue.name) for each in listed for message in each.messages]
    return {"dry_run": True, "messages": messages, "queues": queues}


def describe_redriven(
    results: Mapping[str, Redriven], others: Mapping[str, int], advice: Mapping[str, str]
) -> dict[str, Any]:
    """Return the result of a redrive; `others` counts messages that cannot be sent again."""
    queues = [
        _queue(
            name,
            count=len(result.left) + result.not_received,
            sent=len(result.sent),
            left=Counter(result.left.values()),
            not_received=result.not_received,
            stopped_by=result.stopped_by,
        )
        for name, result in results.items()
    ]
    queues += [_queue(name, advice=advice[name], count=number, not_received=number) for name, number in others.items()]
    return {"dry_run": False, "messages": [], "queues": queues}


def _queue(
    name: str,
    *,
    count: int,
    advice: str | None = None,
    sent: int = 0,
    left: Mapping[str, int] | None = None,
    not_received: int = 0,
    stopped_by: str | None = None,
) -> dict[str, Any]:
    return {
        "queue": name,
        "can_be_sent_again": advice is None,
        "advice": advice,
        "count": count,
        "sent": sent,
        "left": [{"reason": reason, "count": number} for reason, number in sorted((left or {}).items())],
        "not_received": not_received,
        "stopped_by": stopped_by,
    }
