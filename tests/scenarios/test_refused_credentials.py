"""All functions at their default concurrency meet credentials that are refused: the access key is not locked."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import boto3
import httpx
import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import make_tracking_message
from local import gaussdb_emulator
from tests.helpers.at_once import at_once
from tests.helpers.aws_faults import fail
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import KEY, ORDERS
from tests.helpers.scenario import Scenario, start_scenario

CREATE, DISPATCH, TRACK = 5, 2, 2
"""Execution environments at a time."""
REQUESTS = 30
LIMIT, WINDOW = 5, timedelta(minutes=5)
"""More refused calls in this time lock the key."""


class SlowTransport(httpx.BaseTransport):
    """Each response takes 0.2 seconds."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        time.sleep(0.1)
        response = self._inner.handle_request(request)
        time.sleep(0.1)
        return response


class LossyTransport(httpx.BaseTransport):
    """Each request arrives, and no response does."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.refused = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.refused += self._inner.handle_request(request).status_code == 401
        raise httpx.ReadTimeout("lost", request=request)


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        instances = [
            gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=1)
            for number in range(1000, 1000 + REQUESTS)
        ]
        scenario.cloud.add_instances(*instances)
        for instance in instances:
            send_request(scenario, instance.id)
        for number in range(8):
            send_tracking_message(scenario, number)
        yield scenario


def send_request(scenario: Scenario, instance_id: str) -> None:
    body = {"instance_id": instance_id, "name_template": "nightly", "scheduled_time": RUN.isoformat()}
    scenario.requests.send(json.dumps(body))


def send_tracking_message(scenario: Scenario, number: int) -> None:
    past = gaussdb_emulator.PastBackup(instance_id=ORDERS, name=f"old-{number}", begin_time=RUN, seconds=1)
    [backup_id] = scenario.cloud.add_backups(past)
    request = parse_backup_request({"instance_id": ORDERS}, default_time=RUN, now=RUN)
    backup = Backup(id=backup_id, name=past.name, begin_time=RUN)
    message = make_tracking_message(request, backup, now=RUN, time_limit=timedelta(hours=6))
    scenario.tracking.send(message.model_dump_json(exclude_none=True))


def start_environments(scenario: Scenario) -> list[Callable[[], Any]]:
    """Every function in its execution environments; each call is one invocation of one of them."""
    runtime: dict[str, Any] = {"transport": SlowTransport(scenario.transport), "sleep": time.sleep}

    def creating() -> Callable[[], Any]:
        function = scenario.function("create_backup", **runtime)
        return lambda: scenario.deliver_requests(function)

    def dispatching() -> Callable[[], Any]:
        function = scenario.function("dispatch_backups", **runtime)
        return lambda: function({"dry_run": True, "select": {"instance_ids": [ORDERS]}})

    def tracking() -> Callable[[], Any]:
        function = scenario.function("track_backups", **runtime)
        return lambda: scenario.deliver_tracking(function, batch_size=2)

    return [
        *(creating() for _ in range(CREATE)),
        *(dispatching() for _ in range(DISPATCH)),
        *(tracking() for _ in range(TRACK)),
    ]


def invoke_all(environments: list[Callable[[], Any]], times: int = 2) -> list[Any]:
    """Invoke each so many times, all of them at once."""

    def work(index: int) -> Any:
        for _ in range(times - 1):
            with suppress(Exception):  # Lambda invokes it again whatever it raised
                environments[index]()
        return environments[index]()

    return at_once(len(environments), work)


def refused(scenario: Scenario) -> int:
    """The most refused calls within the window, by the request log of the emulator."""
    times = [request.at for request in scenario.cloud.requests if request.status == 401]
    return max((sum(1 for other in times if at <= other <= at + WINDOW) for at in times), default=0)


def finish(scenario: Scenario) -> None:
    """Let the clock go on: everything has to be made by redelivery alone."""
    scenario.move_to(scenario.clock() + timedelta(seconds=1))
    scenario.run()
    assert len([backup for backup in scenario.cloud.backups() if backup.name == "nightly"]) == REQUESTS
    assert scenario.requests.messages == scenario.tracking.messages == scenario.dead_letters.messages == {}
    assert 1 <= refused(scenario) <= LIMIT


def test_a_secret_that_is_wrong_from_the_start_does_not_lock_the_key(scenario: Scenario) -> None:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    invoke_all(start_environments(scenario))
    assert {request.status for request in scenario.cloud.requests} == {401}
    assert 1 <= refused(scenario) <= LIMIT
    scenario.put_secret(secret_key="another-secret")
    finish(scenario)


@pytest.mark.parametrize("revoked", [True, False], ids=["old key revoked", "old key valid"])
def test_a_mistyped_rotation_does_not_lock_the_key(scenario: Scenario, revoked: bool) -> None:
    environments = start_environments(scenario)
    invoke_all(environments, times=1)
    assert refused(scenario) == 0
    if revoked:
        scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    scenario.put_secret(secret_key="mistyped")
    invoke_all([*environments[1:], *start_environments(scenario)[:1]])
    invoke_all(environments, times=1)
    assert 1 <= refused(scenario) <= LIMIT
    scenario.put_secret(secret_key="another-secret" if revoked else KEY.secret_key)
    finish(scenario)


def test_a_revoked_key_does_not_lock_itself_and_its_successor_is_used(scenario: Scenario) -> None:
    environments = start_environments(scenario)
    invoke_all(environments, times=1)
    scenario.cloud.remove_key(KEY.access_key)
    invoke_all(environments)
    assert 1 <= refused(scenario) <= LIMIT
    scenario.cloud.add_key(gaussdb_emulator.AccessKey(access_key="SUCCESSOR", secret_key="another-secret"))
    scenario.put_secret(access_key="SUCCESSOR", secret_key="another-secret")
    finish(scenario)


def test_a_right_rotation_is_picked_up_while_all_functions_call(scenario: Scenario) -> None:
    environments = start_environments(scenario)
    invoke_all(environments, times=1)
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    scenario.put_secret(secret_key="another-secret")
    results = invoke_all(environments, times=1)
    assert not [result for result in results if isinstance(result, Exception)]
    finish(scenario)


@pytest.mark.parametrize(("status", "code"), [(409, "DBS.200019"), (429, "APIGW.0308"), (503, "APIGW.0613")])
def test_a_call_that_fails_for_another_reason_proves_the_credentials_for_all(
    scenario: Scenario, status: int, code: str
) -> None:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    function = scenario.function("create_backup")
    scenario.deliver_requests(function)
    scenario.put_secret(secret_key="another-secret")
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=status, code=code, times=None))
    scenario.move_to(scenario.clock() + timedelta(minutes=6))
    scenario.deliver_requests(function)
    scenario.cloud.remove_fault()
    before = len(scenario.cloud.requests)
    function({"instance_id": ORDERS, "scheduled_time": scenario.clock().isoformat()})
    assert [request.status for request in scenario.cloud.requests[before:]] == [200, 200]


def test_a_refusal_counts_although_the_secret_cannot_be_read_again(scenario: Scenario) -> None:
    environments = start_environments(scenario)
    invoke_all(environments, times=1)
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    with fail(boto3.DEFAULT_SESSION, "secretsmanager", "GetSecretValue", 3):
        invoke_all(start_environments(scenario)[:1], times=1)
    invoke_all(environments)
    assert 1 <= refused(scenario) <= LIMIT
    scenario.put_secret(secret_key="another-secret")
    finish(scenario)


@pytest.mark.parametrize("authentication", ["key", "password"])
def test_refusals_that_are_never_heard_of_are_bounded_too(scenario: Scenario, authentication: str) -> None:
    """The API refuses each call, and each response is lost: nobody but the API knows."""
    if authentication == "password":
        user = {"iam_endpoint": "https://gaussdb.test", "domain_name": "domain", "user_name": "backup"}
        scenario.put_secret(access_key="", secret_key="", password="wrong", **user)
    else:
        scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    lossy = LossyTransport(scenario.transport)
    functions = [scenario.function("create_backup", transport=lossy) for _ in range(CREATE)]
    invoke_all([partial(scenario.deliver_requests, function) for function in functions], times=3)
    assert 1 <= lossy.refused <= LIMIT
