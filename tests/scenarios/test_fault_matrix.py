"""Whatever fails, each request ends in exactly one backup and no message is lost."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local import gaussdb_emulator
from tests.scenarios.aws_faults import fail
from tests.scenarios.night import Killed, Night, begin
from tests.support import BILLING, ORDERS, RUN, STOCK

FLEET = (ORDERS, STOCK, BILLING)


@pytest.fixture
def night() -> Iterator[Night]:
    with begin() as night:
        yield night


def ask(night: Night, *instances: str, **fields: Any) -> None:
    for instance_id in instances or FLEET:
        request = {"instance_id": instance_id, "name_template": "nightly", "scheduled_time": RUN.isoformat(), **fields}
        night.requests.send(json.dumps(request))


def manual(night: Night) -> list[str]:
    return sorted(backup.instance_id for backup in night.cloud.backups() if backup.type == "manual")


def all_is_well(night: Night, *instances: str) -> None:
    """Exactly one backup per request, each followed to its end, nothing left and nothing buried."""
    assert manual(night) == sorted(instances or FLEET)
    assert set(night.ends().values()) == {"COMPLETED"}
    assert len(night.ends()) == len(instances or FLEET)
    assert night.requests.items == night.tracking.items == night.letters.items == {}


CREATE_FAULTS: dict[str, dict[str, Any]] = {
    **{
        f"{status} {when} commit": {"status": status, "code": code, "after_commit": when == "after"}
        for status, code in [(500, "DBS.108000"), (502, "APIGW.0201"), (503, "APIGW.0613"), (504, "APIGW.0201")]
        for when in ("before", "after")
    },
    "answer lost after commit": {"effect": gaussdb_emulator.Effect.DROP, "after_commit": True},
    "dropped before commit": {"effect": gaussdb_emulator.Effect.DROP},
    "reset after commit": {"effect": gaussdb_emulator.Effect.RESET, "after_commit": True},
    "reset before commit": {"effect": gaussdb_emulator.Effect.RESET},
    "read timeout": {"effect": gaussdb_emulator.Effect.SLOW, "seconds": 60},
    "429 without Retry-After": {"status": 429, "code": "APIGW.0308"},
    "429 with Retry-After": {"status": 429, "code": "APIGW.0308", "retry_after": "240"},
    "success without backup.id": {"effect": gaussdb_emulator.Effect.NO_BACKUP_ID},
    "list lagging behind create": {"effect": gaussdb_emulator.Effect.LAG, "seconds": 45},
}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", CREATE_FAULTS.values(), ids=CREATE_FAULTS)
def test_a_failing_create_call_ends_in_one_backup(night: Night, fault: dict[str, Any], times: int) -> None:
    night.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=times, **fault))
    ask(night)
    night.run()
    all_is_well(night)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "code": "APIGW.0308", "retry_after": "120"},
        {"effect": gaussdb_emulator.Effect.RESET},
    ],
)
def test_a_failing_list_call_makes_nothing_twice(night: Night, fault: dict[str, Any]) -> None:
    night.cloud.add_fault(gaussdb_emulator.Fault(operation="list", times=10, **fault))
    ask(night)
    night.run()
    all_is_well(night)


def test_a_lost_answer_and_a_lagging_list_together_make_one_backup(night: Night) -> None:
    night.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=14, times=3)
    )
    night.cloud.add_fault(gaussdb_emulator.lost_answer(times=3))
    ask(night)
    night.run()
    all_is_well(night)


def test_an_instance_that_is_busy_for_an_hour_gets_its_backup_after_it(night: Night) -> None:
    night.cloud.change_instance(ORDERS, backup_seconds=3600)
    night.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="auto", type="auto", begin_time=RUN, seconds=3600)
    )
    ask(night, ORDERS)
    night.run()
    all_is_well(night, ORDERS)
    [backup] = [item for item in night.cloud.backups(ORDERS) if item.type == "manual"]
    assert timedelta(hours=1) <= backup.begin_at - RUN <= timedelta(hours=1, minutes=6)
    assert len(night.cloud.calls("create")) < 30


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 22.5), ("240", 240.0)])
def test_what_is_put_off_is_visible_again_after_its_delay(
    night: Night, retry_after: str | None, seconds: float
) -> None:
    night.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", status=429, code="APIGW.0308", retry_after=retry_after)
    )
    ask(night, ORDERS)
    night.deliver(night.requests, night.worker("create_backup"), 5)
    [item] = night.requests.items.values()
    assert item.visible_at - night.clock() == timedelta(seconds=seconds)


def test_an_api_that_is_down_until_the_deadline_ends_in_dead_letters_with_their_reason(night: Night) -> None:
    night.cloud.add_fault(gaussdb_emulator.unavailable(86_400))
    ask(night)
    night.run()
    assert manual(night) == []
    assert night.requests.items == {}
    letters = list(night.letters.items.values())
    assert sorted(json.loads(letter.body)["instance_id"] for letter in letters) == sorted(FLEET)
    assert {letter.attributes["ErrorCode"] for letter in letters} == {"APIGW.0613"}
    assert night.clock() - RUN < timedelta(hours=4, minutes=10)


def test_dead_letters_that_are_sent_again_make_their_backups_once(night: Night) -> None:
    night.cloud.add_fault(gaussdb_emulator.unavailable(86_400))
    ask(night)
    night.run()
    night.cloud.remove_fault()
    for _ in range(2):  # twice, as by two people
        for letter in list(night.letters.items.values()):
            night.requests.send(letter.body, attributes=letter.attributes)
    night.letters.items.clear()
    night.run()
    all_is_well(night)


def test_a_message_without_a_time_keeps_its_run_as_a_dead_letter(night: Night) -> None:
    night.cloud.add_fault(gaussdb_emulator.lost_answer(times=None))
    night.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=503))
    night.requests.send(json.dumps({"instance_id": ORDERS, "name_template": "nightly"}))
    night.cloud.remove_fault()
    night.cloud.add_fault(gaussdb_emulator.lost_answer(times=1))
    create = night.worker("create_backup")
    night.deliver(night.requests, create, 5)
    [item] = night.tracking.items.values()
    assert json.loads(item.body)["scheduled_time"] == "2026-11-23T01:30:00Z"


def test_the_same_message_delivered_twice_makes_one_backup(night: Night) -> None:
    ask(night)
    ask(night)
    night.run()
    assert manual(night) == sorted(FLEET)
    assert set(night.ends().values()) == {"COMPLETED"}


@pytest.mark.parametrize("queue", ["requests", "tracking"])
def test_a_queue_that_fails_now_and_then_loses_nothing(night: Night, queue: str) -> None:
    ask(night)
    night.tracking.failures = 2 if queue == "tracking" else 0
    night.letters.failures = 2
    night.run()
    all_is_well(night)


AWS_CALLS = [
    ("secretsmanager", "GetSecretValue"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "GetItem"),
]


@pytest.mark.parametrize("attempts", [1, 3], ids=["one attempt", "the whole call"])
@pytest.mark.parametrize(("service", "operation"), AWS_CALLS)
def test_a_failing_call_of_aws_ends_in_one_backup(night: Night, service: str, operation: str, attempts: int) -> None:
    with fail(boto3.DEFAULT_SESSION, service, operation, attempts):
        ask(night)
        night.run()
    all_is_well(night)


@pytest.mark.parametrize(
    "point", ["after the claim", "after the POST", "after the tracking message", "before the answer"]
)
def test_a_function_that_ends_at_once_leaves_one_backup(night: Night, point: str) -> None:
    ask(night, ORDERS)
    worker = night.worker("create_backup")
    _end_at(worker.services, point)
    assert night.deliver(night.requests, worker, 5)
    assert len(night.requests.items) == 1
    night.run()
    assert manual(night) == [ORDERS]
    assert set(night.ends().values()) == {"COMPLETED"}
    assert night.requests.items == night.tracking.items == night.letters.items == {}


def _end_at(services: Any, point: str) -> None:
    def end(*_: Any, **__: Any) -> None:
        raise Killed

    once = services.claims.once

    def once_and_end(*arguments: Any, **options: Any) -> None:
        once(*arguments, **options)
        raise Killed

    if point == "before the answer":
        services.claims.once = once_and_end
    elif point == "after the POST":
        services.telemetry.backup_begun = end
    elif point == "after the tracking message":
        follow = services.follow

        def follow_and_end(message: Any) -> None:
            follow(message)
            raise Killed

        services.follow = follow_and_end
    else:
        services.claims.once = lambda claim, _work, *, context: once(claim, end, context=context)
