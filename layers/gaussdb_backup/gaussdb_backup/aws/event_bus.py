"""State-change events on the event bus (docs/reference/logs_and_metrics.md)."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gaussdb_backup.aws.batching import Refusal, send_in_batches
from gaussdb_backup.telemetry.log_fields import to_json

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "gaussdb-backup"
STATE_CHANGE = "GaussDB Backup State Change"
AUDIT_FINISHED = "GaussDB Backup Audit Finished"
PRUNE_FINISHED = "GaussDB Backup Prune Finished"


class EventBus:
    """One bus of this account."""

    def __init__(self, name: str, *, service: str, client: "EventBridgeClient") -> None:
        """`service` is a field of each event, so that rules tell the events of two stacks apart."""
        self._name = name
        self._service = service
        self._client = client

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        """Publish one state change for each detail; return for each why the bus refused it, or `None`.

        Publishing again after a failure elsewhere repeats events: delivery is at least once.
        """
        return self._publish(STATE_CHANGE, details)

    def publish_audit(self, detail: Mapping[str, Any]) -> Refusal:
        """Publish that an audit finished; return why the bus refused the event, or `None`."""
        return self._publish(AUDIT_FINISHED, [detail])[0]

    def publish_prune(self, detail: Mapping[str, Any]) -> Refusal:
        """Publish that a prune finished; return why the bus refused the event, or `None`."""
        return self._publish(PRUNE_FINISHED, [detail])[0]

    def _publish(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        entries = [
            {
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": json.dumps(to_json({"service": self._service, **detail}), allow_nan=False),
                "EventBusName": self._name,
                "Resources": [],
            }
            for detail in details
        ]
        return send_in_batches(entries, self._put)

    def _put(self, entries: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        response = self._client.put_events(Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        return [entry.get("ErrorCode") for entry in response["Entries"]]
