"""Whatever fails, each request ends in exactly one backup and no message is lost."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.aws_faults import fail
from tests.helpers.clock import RUN
from tests.helpers.crash import CRASH_POINTS, Crash, crash_at, raise_crash
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.in_memory_sqs import MAX_MESSAGE_BYTES
from tests.helpers.scenario import Scenario, start_scenario

FLEET = (ORDERS, STOCK, BILLING)


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        yield scenario


def send_requests(scenario: Scenario, *instances: str, **fields: Any) -> None:
    for instance_id in instances or FLEET:
        request = {"instance_id": instance_id, "name_template": "nightly", "scheduled_time": RUN.isoformat(), **fields}
        scenario.requests.send(json.dumps(request))


def manual(scenario: Scenario) -> list[str]:
    return sorted(backup.instance_id for backup in scenario.cloud.backups() if backup.type == "manual")


def all_is_well(scenario: Scenario, *instances: str) -> None:
    """Exactly one backup per request, each tracked to its end, nothing left and nothing dead_lettered."""
    assert manual(scenario) == sorted(instances or FLEET)
    assert set(scenario.final_statuses().values()) == {"COMPLETED"}
    assert len(scenario.final_statuses()) == len(instances or FLEET)
    assert scenario.requests.messages == scenario.tracking.messages == scenario.dead_letters.messages == {}


CREATE_FAULTS: dict[str, dict[str, Any]] = {
    **{
        f"{status} {when} commit": {"status": status, "code": code, "after_commit": when == "after"}
        for status, code in [(500, "DBS.108000"), (502, "APIGW.0201"), (503, "APIGW.0613"), (504, "APIGW.0201")]
        for when in ("before", "after")
    },
    "response lost after commit": {"effect": gaussdb_emulator.Effect.DROP, "after_commit": True},
    "dropped before commit": {"effect": gaussdb_emulator.Effect.DROP},
    "reset after commit": {"effect": gaussdb_emulator.Effect.RESET, "after_commit": True},
    "reset before commit": {"effect": gaussdb_emulator.Effect.RESET},
    "read timeout": {"effect": gaussdb_emulator.Effect.SLOW, "seconds": 60},
    "429 without Retry-After": {"status": 429, "code": "APIGW.0308"},
    "429 with Retry-After": {"status": 429, "code": "APIGW.0308", "retry_after": "240"},
    "success without backup.id": {"effect": gaussdb_emulator.Effect.NO_BACKUP_ID},
    "list lagging behind create": {"effect": gaussdb_emulator.Effect.LAG, "seconds": 45},
}


ALIKE = ("500", "502", "504")
"""Statuses that are handled as 503 is."""


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=name, marks=pytest.mark.slow if name.startswith(ALIKE) else ())
        for name, fault in CREATE_FAULTS.items()
    ],
)
def test_a_failing_create_call_ends_in_one_backup(scenario: Scenario, fault: dict[str, Any], times: int) -> None:
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=times, **fault))
    send_requests(scenario)
    scenario.run()
    all_is_well(scenario)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "code": "APIGW.0308", "retry_after": "120"},
        {"effect": gaussdb_emulator.Effect.RESET},
    ],
)
def test_a_failing_list_call_makes_nothing_twice(scenario: Scenario, fault: dict[str, Any]) -> None:
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="list", times=10, **fault))
    send_requests(scenario)
    scenario.run()
    all_is_well(scenario)


@pytest.mark.parametrize("seconds", [14, 45, 119])
def test_a_lost_response_and_a_lagging_list_together_make_one_backup(scenario: Scenario, seconds: float) -> None:
    """Each backup ends within seconds, so that no busy instance keeps another from being made."""
    for instance_id in FLEET:
        scenario.cloud.change_instance(instance_id, backup_seconds=10)
    scenario.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=seconds, times=3)
    )
    scenario.cloud.add_fault(gaussdb_emulator.lost_response(times=3))
    send_requests(scenario)
    scenario.run()
    all_is_well(scenario)


def test_a_name_taken_by_the_own_backup_whose_response_was_lost_and_that_is_not_listed_yet_is_adopted(
    scenario: Scenario,
) -> None:
    scenario.cloud.set_rules(replace(scenario.cloud.rules, unique_names=True))
    scenario.cloud.change_instance(ORDERS, backup_seconds=10)
    scenario.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=200, times=1)
    )
    scenario.cloud.add_fault(gaussdb_emulator.lost_response())
    send_requests(scenario, ORDERS)
    scenario.run()
    all_is_well(scenario, ORDERS)


def test_an_instance_that_is_busy_for_an_hour_gets_its_backup_after_it(scenario: Scenario) -> None:
    scenario.cloud.change_instance(ORDERS, backup_seconds=3600)
    scenario.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="auto", type="auto", begin_time=RUN, seconds=3600)
    )
    send_requests(scenario, ORDERS)
    scenario.run()
    all_is_well(scenario, ORDERS)
    [backup] = [item for item in scenario.cloud.backups(ORDERS) if item.type == "manual"]
    assert timedelta(hours=1) <= backup.begin_at - RUN <= timedelta(hours=1, minutes=6)
    assert len(scenario.cloud.calls("create")) < 30


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"), [(429, None, 22.0), (429, "240", 240.0), (503, None, 120.0)]
)
def test_a_deferred_message_is_visible_again_after_its_delay(
    scenario: Scenario, status: int, retry_after: str | None, seconds: float
) -> None:
    scenario.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", status=status, code="APIGW.0308", retry_after=retry_after)
    )
    send_requests(scenario, ORDERS)
    scenario.deliver_requests(scenario.function("create_backup"))
    [item] = scenario.requests.messages.values()
    assert item.visible_at - scenario.clock() == timedelta(seconds=seconds)


def test_an_api_that_stays_down_ends_in_dead_lettered_messages_with_their_reason(scenario: Scenario) -> None:
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(86_400))
    send_requests(scenario)
    scenario.run()
    assert manual(scenario) == []
    assert scenario.requests.messages == {}
    dead = list(scenario.dead_letters.messages.values())
    assert sorted(json.loads(message.body)["instance_id"] for message in dead) == sorted(FLEET)
    assert {message.reason["ErrorCode"] for message in dead} == {"APIGW.0613"}
    assert scenario.clock() - RUN < timedelta(hours=4, minutes=10)


def test_redriven_messages_make_their_backups_once(scenario: Scenario) -> None:
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(86_400))
    send_requests(scenario, ORDERS)
    scenario.run()
    scenario.cloud.remove_fault()
    for _ in range(2):  # twice, as by two people
        for message in list(scenario.dead_letters.messages.values()):
            scenario.requests.send(message.body, attributes=message.attributes)
    scenario.dead_letters.messages.clear()
    scenario.run()
    all_is_well(scenario, ORDERS)


def test_a_message_without_a_time_keeps_its_run_when_it_is_dead_lettered(scenario: Scenario) -> None:
    """Its backup is made while every response is lost; redriven after the start window, it is found."""
    scenario.cloud.add_fault(gaussdb_emulator.lost_response(times=None))
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=503, times=None))
    scenario.requests.send(json.dumps({"instance_id": ORDERS, "name_template": "nightly-{scheduled_time}"}))
    scenario.run()
    [dead] = scenario.dead_letters.messages.values()
    assert datetime.fromisoformat(dead.reason["ScheduledTime"]) == RUN
    scenario.cloud.remove_fault()
    scenario.move_to(scenario.clock() + timedelta(hours=10))
    scenario.requests.send(dead.body, attributes=dead.attributes)
    scenario.dead_letters.messages.clear()
    scenario.run()
    [backup] = scenario.cloud.backups(ORDERS)
    assert backup.name == "nightly-20261123T013000Z"
    assert list(scenario.final_statuses()) == [backup.id]
    assert scenario.requests.messages == scenario.dead_letters.messages == {}


def test_a_message_whose_attribute_lies_ahead_belongs_to_when_it_was_sent_and_makes_one_backup(
    scenario: Scenario,
) -> None:
    """Its function is killed after the backup was created, which begins before the time that the attribute has."""
    scenario.cloud.change_instance(ORDERS, backup_seconds=30)
    ahead = {"DataType": "String", "StringValue": (RUN + timedelta(minutes=4)).isoformat()}
    body = json.dumps({"instance_id": ORDERS, "name_template": "nightly"})
    scenario.requests.send(body, attributes={"ScheduledTime": ahead})
    function = scenario.function("create_backup")
    with pytest.raises(Crash):
        scenario.deliver_requests(
            replace(function, dependencies=crash_at("after the POST", function.dependencies, raise_crash))
        )
    scenario.run()
    all_is_well(scenario, ORDERS)


def test_the_same_message_delivered_twice_makes_one_backup(scenario: Scenario) -> None:
    send_requests(scenario)
    send_requests(scenario)
    scenario.run()
    assert manual(scenario) == sorted(FLEET)
    assert set(scenario.final_statuses().values()) == {"COMPLETED"}


@pytest.mark.parametrize("queue", ["requests", "tracking"])
def test_a_queue_that_fails_now_and_then_loses_nothing(scenario: Scenario, queue: str) -> None:
    send_requests(scenario)
    scenario.tracking.failures = 2 if queue == "tracking" else 0
    scenario.run()
    all_is_well(scenario)


AWS_CALLS = [
    ("secretsmanager", "GetSecretValue"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "GetItem"),
]


@pytest.mark.parametrize("attempts", [1, 3], ids=["one attempt", "the whole call"])
@pytest.mark.parametrize(("service", "operation"), AWS_CALLS)
def test_a_failing_call_of_aws_ends_in_one_backup(
    scenario: Scenario, service: str, operation: str, attempts: int
) -> None:
    with fail(boto3.DEFAULT_SESSION, service, operation, attempts):
        send_requests(scenario)
        scenario.run()
    all_is_well(scenario)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_function_that_ends_at_once_leaves_one_backup(scenario: Scenario, point: str) -> None:
    send_requests(scenario, ORDERS)
    function = scenario.function("create_backup")
    crashing = replace(function, dependencies=crash_at(point, function.dependencies, raise_crash))
    with pytest.raises(Crash):
        scenario.deliver_requests(crashing)
    assert len(scenario.requests.messages) == 1
    scenario.run()
    assert manual(scenario) == [ORDERS]
    assert set(scenario.final_statuses().values()) == {"COMPLETED"}
    assert scenario.requests.messages == scenario.tracking.messages == scenario.dead_letters.messages == {}


def test_a_message_that_the_dead_letter_queue_does_not_take_is_retried_after_a_growing_delay(
    scenario: Scenario,
) -> None:
    scenario.requests.send("no JSON")
    scenario.dead_letters.failures = 2
    create = scenario.function("create_backup")
    for seconds in (22, 45):
        scenario.deliver_requests(create)
        [message] = scenario.requests.messages.values()
        assert message.visible_at - scenario.clock() == timedelta(seconds=seconds)
        scenario.move_to(message.visible_at)
    scenario.deliver_requests(create)
    assert (scenario.requests.messages, len(scenario.dead_letters.messages)) == ({}, 1)


@pytest.mark.parametrize("error_code", ["x" * 1_200_000, "DBS.\x00\x1f1"], ids=["1.2 MB", "control characters"])
def test_a_request_refused_with_an_odd_code_is_dead_lettered_at_once(scenario: Scenario, error_code: str) -> None:
    body = json.dumps({"error_code": error_code, "error_msg": "\x00no"})
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=400, body=body))
    send_requests(scenario, ORDERS)
    scenario.deliver_requests(scenario.function("create_backup"))
    assert (scenario.requests.messages, len(scenario.dead_letters.messages)) == ({}, 1)


def test_a_message_of_a_mebibyte_is_dead_lettered(scenario: Scenario) -> None:
    scenario.requests.send("x" * (MAX_MESSAGE_BYTES - 500))
    scenario.deliver_requests(scenario.function("create_backup"))
    assert (scenario.requests.messages, len(scenario.dead_letters.messages)) == ({}, 1)


def test_a_message_that_ends_its_function_each_time_is_dead_lettered_when_its_start_window_is_over(
    scenario: Scenario,
) -> None:
    send_requests(scenario, ORDERS)
    function = scenario.function("create_backup")
    crashing = replace(function, dependencies=crash_at(CRASH_POINTS[0], function.dependencies, raise_crash))
    while not scenario.dead_letters.messages:
        with suppress(Crash):
            scenario.deliver_requests(crashing)
        scenario.move_to(scenario.requests.next_visible() or scenario.clock())
    [dead] = scenario.dead_letters.messages.values()
    assert dead.reason["ErrorType"] == dead.reason["ErrorCode"] == "PoisonMessage"
    assert timedelta(hours=4) < scenario.clock() - RUN < timedelta(hours=4, minutes=30)
    assert scenario.requests.messages == {}


def test_with_its_time_nearly_over_a_function_leaves_its_messages_for_the_next_soon(scenario: Scenario) -> None:
    send_requests(scenario, ORDERS)
    create = scenario.function("create_backup")
    scenario.deliver_requests(replace(create, context=Context(milliseconds_left=1_400)))
    [message] = scenario.requests.messages.values()
    assert message.visible_at - scenario.clock() == timedelta(seconds=5)
    assert scenario.cloud.requests == []


def test_a_defect_in_the_handling_of_one_failed_message_holds_up_no_other(scenario: Scenario) -> None:
    scenario.requests.send("no JSON")
    send_requests(scenario, ORDERS)
    create = scenario.function("create_backup")
    consumer: Any = replace(create.dependencies.consumer, dead_letter_queue=None)  # any defect
    scenario.deliver_requests(replace(create, dependencies=replace(create.dependencies, consumer=consumer)))
    assert manual(scenario) == [ORDERS]
    [message] = scenario.requests.messages.values()
    assert (message.body, message.visible_at - scenario.clock()) == ("no JSON", timedelta(seconds=22))
