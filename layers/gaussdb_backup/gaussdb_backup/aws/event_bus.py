"""State-change events on the event bus (design, section 3.7)."""

import json
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

SOURCE = "gaussdb-backup"
DETAIL_TYPE = "GaussDB Backup State Change"
ENTRIES = 10
"""Entries of one PutEvents call."""
TRIES = 3


class EventBus:
    """Puts state changes on a bus, ten at a time."""

    def __init__(self, name: str, *, client: "EventBridgeClient") -> None:
        """`name` is a bus of this account, or `default`."""
        self._name = name
        self._client = client

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Put one event for each detail; tell for each whether the bus took it.

        What the bus refuses is offered again, three times in all. Publishing again after a failure elsewhere repeats
        events: delivery is at least once.
        """
        taken = [False] * len(details)
        for _ in range(TRIES):
            refused = [index for index, done in enumerate(taken) if not done]
            for indexes in batched(refused, ENTRIES, strict=False):
                for index, done in zip(indexes, self._put([details[index] for index in indexes]), strict=True):
                    taken[index] = done
        return taken

    def _put(self, details: Sequence[Mapping[str, Any]]) -> list[bool]:
        entries = [
            {
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(detail),
                "EventBusName": self._name,
                "Resources": [],
            }
            for detail in details
        ]
        try:
            answer = self._client.put_events(Entries=entries)  # type: ignore[arg-type]  # the stubs want a TypedDict
        except (BotoCoreError, ClientError):
            return [False] * len(details)
        return ["ErrorCode" not in entry for entry in answer["Entries"]]
