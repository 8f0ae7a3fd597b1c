"""Several execution environments at a time."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup.errors import TryLater
from local import gaussdb_emulator
from local.aws_emulator.functions import Context
from tests.scenarios.night import Night, begin
from tests.support import KEY, ORDERS, RUN

MAXIMUM_CONCURRENCY = 5
"""The template's default."""


@pytest.fixture
def night() -> Iterator[Night]:
    with begin() as night:
        yield night


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in threads that begin together; return what each returned or raised."""
    results: list[Any] = [None] * number
    start = threading.Barrier(number)

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001 - it is a result
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_same_request_eight_times_at_once_makes_one_backup(night: Night) -> None:
    event = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
    workers = [night.worker("create_backup") for _ in range(8)]
    results = at_once(8, lambda index: workers[index].app.answer(event, workers[index].services, Context()))
    answers = [result for result in results if isinstance(result, dict)]
    waiting = [result for result in results if isinstance(result, TryLater)]
    assert len(answers) + len(waiting) == 8
    assert len({answer["backup"]["id"] for answer in answers}) == 1
    assert len(night.cloud.backups(ORDERS)) == len(night.cloud.calls("create")) == 1


def test_a_wrong_key_does_not_lock_itself_and_all_is_made_once_it_is_right(night: Night) -> None:
    instances = [
        gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=1)
        for number in range(1000, 1050)
    ]
    night.cloud.add_instances(*instances)
    night.cloud.rotate_key(KEY.access_key, "another-secret")
    for instance in instances:
        body = {"instance_id": instance.id, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
        night.requests.send(json.dumps(body))
    workers = [night.worker("create_backup") for _ in range(MAXIMUM_CONCURRENCY)]
    batches = [[night.requests.receive(5) for _ in range(2)] for _ in workers]

    def work(index: int) -> None:
        for records in batches[index]:
            workers[index]({"Records": records})

    at_once(MAXIMUM_CONCURRENCY, work)
    refused = [request for request in night.cloud.requests if request.status == 401]
    assert len(refused) == len(night.cloud.requests)
    assert 1 <= len(refused) <= 5
    assert len(night.requests.items) == 50
    assert night.letters.items == {}
    _correct_the_secret()
    night.move_to(night.clock() + timedelta(minutes=5, seconds=1))
    night.run()
    assert len(night.cloud.backups()) == 50
    assert night.requests.items == night.letters.items == {}


def _correct_the_secret() -> None:
    client = boto3.client("secretsmanager")
    secret = json.loads(client.get_secret_value(SecretId="gaussdb-backup/default")["SecretString"])
    text = json.dumps({**secret, "secret_key": "another-secret"})
    client.put_secret_value(SecretId="gaussdb-backup/default", SecretString=text)


def test_while_the_key_stays_wrong_one_call_in_five_minutes_tries_it(night: Night) -> None:
    night.cloud.rotate_key(KEY.access_key, "another-secret")
    for number in range(20):
        night.requests.send(json.dumps({"instance_id": f"{number:032x}in07", "scheduled_time": RUN.isoformat()}))
    for _ in range(6):
        worker = night.worker("create_backup")  # a new environment has seen nothing yet
        while night.deliver(night.requests, worker, 5):
            pass
        night.move_to(night.clock() + timedelta(minutes=5, seconds=1))
    assert len(night.cloud.requests) == 6
    assert len(night.requests.items) == 20
