"""State-change events on the event bus (docs/reference/logs_and_metrics.md)."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.batching import Refusal, send_in_batches
from gaussdb_backup.telemetry.log_fields import to_json

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "gaussdb-backup"
DETAIL_TYPE = "GaussDB Backup State Change"


class EventBus:
    """One bus of this account."""

    def __init__(self, name: str, *, client: "EventBridgeClient") -> None:
        self._name = name
        self._client = client

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        """Publish one event for each detail; return for each why the bus refused it, or `None`.

        Publishing again after a failure elsewhere repeats events: delivery is at least once. Once a call got no
        response or was refused as a whole, no further call is made: with a bus that does not respond, each would take
        as long.
        """
        calls = _Calls(self._name, self._client)
        return send_in_batches(details, calls.put)


class _Calls:
    """The calls for the events of one `publish`."""

    def __init__(self, name: str, client: "EventBridgeClient") -> None:
        self._name = name
        self._client = client
        self._failure: Refusal = None

    def put(self, details: Sequence[Mapping[str, Any]]) -> list[Refusal]:
        if self._failure:
            return [self._failure] * len(details)
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
        try:
            response = self._client.put_events(Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        except (BotoCoreError, ClientError) as error:
            self._failure = _code(error)
            return [self._failure] * len(details)
        return [entry.get("ErrorCode") for entry in response["Entries"]]


def _code(error: BotoCoreError | ClientError) -> str:
    """Return AWS's code (AccessDeniedException), or the class where there was no response (ConnectTimeoutError)."""
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return code or type(error).__name__
