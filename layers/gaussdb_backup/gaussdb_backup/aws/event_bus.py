"""State-change events on the event bus (docs/reference/logs_and_metrics.md)."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gaussdb_backup.aws.batching import Refusal, send_in_batches
from gaussdb_backup.telemetry.log_fields import to_json

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "gaussdb-backup"
DETAIL_TYPE = "GaussDB Backup State Change"


class EventBus:
    """One bus of this account."""

    def __init__(self, name: str, *, service: str, client: "EventBridgeClient") -> None:
        """`service` is a field of each event, so that rules tell the events of two stacks apart."""
        self._name = name
        self._service = service
        self._client = client

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        """Publish one event for each detail; return for each why the bus refused it, or `None`.

        Publishing again after a failure elsewhere repeats events: delivery is at least once.
        """
        return send_in_batches([{"service": self._service, **detail} for detail in details], self._put)

    def _put(self, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        entries = [
            {
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(to_json(detail), allow_nan=False),
                "EventBusName": self._name,
                "Resources": [],
            }
            for detail in details
        ]
        response = self._client.put_events(Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        return [entry.get("ErrorCode") for entry in response["Entries"]]
