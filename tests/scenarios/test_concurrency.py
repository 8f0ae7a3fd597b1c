"""Several execution environments at a time."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gaussdb_backup.errors import TryLater
from local import gaussdb_emulator
from tests.helpers.at_once import at_once
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import KEY, ORDERS
from tests.helpers.scenario import Scenario, start_scenario

MAXIMUM_CONCURRENCY = 5
"""The template's default."""


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        yield scenario


def test_the_same_request_eight_times_at_once_makes_one_backup(scenario: Scenario) -> None:
    event = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
    workers = [scenario.function("create_backup") for _ in range(8)]
    results = at_once(8, lambda index: workers[index](event))
    responses = [result for result in results if isinstance(result, dict)]
    waiting = [result for result in results if isinstance(result, TryLater)]
    assert len(responses) + len(waiting) == 8
    assert len({response["backup"]["id"] for response in responses}) == 1
    assert len(scenario.cloud.backups(ORDERS)) == len(scenario.cloud.calls("create")) == 1


def test_a_wrong_key_does_not_lock_itself_and_all_is_made_once_it_is_right(scenario: Scenario) -> None:
    instances = [
        gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=1)
        for number in range(1000, 1050)
    ]
    scenario.cloud.add_instances(*instances)
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    for instance in instances:
        body = {"instance_id": instance.id, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
        scenario.requests.send(json.dumps(body))
    workers = [scenario.function("create_backup") for _ in range(MAXIMUM_CONCURRENCY)]

    def work(index: int) -> None:
        for _ in range(2):
            scenario.deliver_requests(workers[index])

    at_once(MAXIMUM_CONCURRENCY, work)
    refused = [request for request in scenario.cloud.requests if request.status == 401]
    assert len(refused) == len(scenario.cloud.requests)
    assert 1 <= len(refused) <= 5
    assert len(scenario.requests.messages) == 50
    assert scenario.dead_letters.messages == {}
    scenario.put_secret(secret_key="another-secret")
    scenario.move_to(scenario.clock() + timedelta(minutes=5, seconds=1))
    scenario.run()
    assert len(scenario.cloud.backups()) == 50
    assert scenario.requests.messages == scenario.dead_letters.messages == {}


def test_while_the_key_stays_wrong_one_call_in_five_minutes_tries_it(scenario: Scenario) -> None:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    for number in range(20):
        scenario.requests.send(json.dumps({"instance_id": f"{number:032x}in07", "scheduled_time": RUN.isoformat()}))
    for _ in range(6):
        worker = scenario.function("create_backup")  # a new environment has seen nothing yet
        while scenario.deliver_requests(worker):
            pass
        scenario.move_to(scenario.clock() + timedelta(minutes=5, seconds=1))
    assert len(scenario.cloud.requests) == 6
    assert len(scenario.requests.messages) == 20
