"""Publishing state changes: what the bus refuses, and why."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from gaussdb_backup.aws.event_bus import EventBus


class Events:
    """EventBridge's client: it refuses the entries of a status, or every call."""

    def __init__(self, *, refused: Mapping[str, str] | None = None, error: Exception | None = None) -> None:
        self._refused = refused or {}
        self._error = error
        self.calls: list[list[dict[str, Any]]] = []

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        details = [json.loads(entry["Detail"], parse_constant=pytest.fail) for entry in Entries]
        self.calls.append(details)
        if self._error:
            raise self._error
        codes = [self._refused.get(detail["status"]) for detail in details]
        return {"Entries": [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]}


def test_each_refused_event_has_the_code_of_the_bus_and_is_tried_three_times() -> None:
    events = Events(refused={"FAILED": "ThrottlingException"})
    details = [{"service": "s", "status": "COMPLETED"}, {"service": "s", "status": "FAILED"}]
    assert EventBus("b", service="s", client=events).publish(details) == [None, "ThrottlingException"]  # type: ignore[arg-type]  # a fake
    assert events.calls == [details, details[1:], details[1:]]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents"), "AccessDeniedException"),
        (ClientError({}, "PutEvents"), "ClientError"),
        (EndpointConnectionError(endpoint_url="https://events.test"), "EndpointConnectionError"),
    ],
)
def test_a_call_that_fails_as_a_whole_is_the_only_one_and_gives_every_event_its_cause(
    error: Exception, cause: str
) -> None:
    events = Events(error=error)
    bus = EventBus("b", service="s", client=events)  # type: ignore[arg-type]  # a fake
    assert bus.publish([{"status": "FAILED"}] * 25) == [cause] * 25
    assert len(events.calls) == 1
    bus.publish([{"status": "FAILED"}])
    assert len(events.calls) == 2


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_left_out_of_the_event(number: float) -> None:
    events = Events()
    EventBus("b", service="s", client=events).publish([{"status": "COMPLETED", "size_mb": number}])  # type: ignore[arg-type]  # a fake
    assert events.calls == [[{"service": "s", "status": "COMPLETED"}]]


def test_nothing_to_publish_costs_no_call() -> None:
    events = Events()
    assert EventBus("b", service="s", client=events).publish([]) == []  # type: ignore[arg-type]  # a fake
    assert events.calls == []
