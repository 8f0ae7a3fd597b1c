"""Refused calls that no function can count by itself, or that were never made."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import boto3
import httpx
import pytest

from gaussdb_backup.errors import CircuitBreakerOpen, CredentialsRefused, GaussDBBackupError, TryLater
from local import gaussdb_emulator
from tests.helpers.at_once import at_once
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import KEY, ORDERS, STOCK, USER
from tests.helpers.scenario import SECRET, Scenario, start_scenario

LIMIT = 5
REQUEST = {"instance_id": ORDERS, "scheduled_time": RUN.isoformat()}


class Transport(httpx.BaseTransport):
    """The network to the emulator, in which something is wrong."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.unreachable = ""
        self.loses_responses = False
        self.seconds = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == self.unreachable:
            raise httpx.ConnectError("no such host", request=request)
        time.sleep(self.seconds)
        response = self._inner.handle_request(request)
        if self.loses_responses:
            raise httpx.ReadTimeout("lost", request=request)
        return response


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        yield scenario


def refused(scenario: Scenario) -> int:
    """The refused calls, by the request log of the emulator; the clock of these tests stands still."""
    return len([request for request in scenario.cloud.requests if request.status == 401])


def test_a_key_that_several_connections_use_is_refused_as_often_as_one(scenario: Scenario) -> None:
    client = boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId=SECRET)["SecretString"]
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    for number in range(7):
        client.create_secret(Name=f"gaussdb-backup/project-{number}", SecretString=text)
        scenario.requests.send(json.dumps({**REQUEST, "connection": f"project-{number}"}))
    function = scenario.function("create_backup")
    while scenario.deliver_requests(function):
        pass
    assert refused(scenario) == LIMIT


def test_connections_that_use_one_good_key_hold_up_each_other_in_nothing(scenario: Scenario) -> None:
    client = boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId=SECRET)["SecretString"]
    function = scenario.function("create_backup")
    for number in range(7):
        client.create_secret(Name=f"gaussdb-backup/project-{number}", SecretString=text)
        name = f"name-{number}"
        scenario.cloud.change_instance(ORDERS, backup_seconds=0)
        function({**REQUEST, "connection": f"project-{number}", "name_template": name})
    assert len(scenario.cloud.backups(ORDERS)) == 7


def test_a_proven_key_that_is_revoked_is_refused_five_times_although_no_response_arrives(scenario: Scenario) -> None:
    transport = Transport(scenario.transport)
    function = scenario.function("create_backup", transport=transport)
    function({**REQUEST, "instance_id": STOCK})
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    transport.loses_responses = True
    for number in range(10):
        scenario.requests.send(json.dumps({**REQUEST, "name_template": f"name{number}"}))
    scenario.deliver_requests(function)
    scenario.deliver_requests(function)
    assert 1 <= refused(scenario) <= LIMIT


@pytest.mark.parametrize("is_password_changed", [True, False], ids=["password changed", "tokens of no use"])
def test_four_functions_with_tokens_of_a_user_are_refused_five_times_at_most(
    scenario: Scenario, is_password_changed: bool
) -> None:
    user = {"iam_endpoint": "https://gaussdb.test", "domain_name": USER.domain_name, "user_name": USER.user_name}
    scenario.put_secret(access_key="", secret_key="", password=USER.password, **user)
    transport = Transport(scenario.transport)
    functions = [scenario.function("create_backup", transport=transport, sleep=time.sleep) for _ in range(4)]
    for number, function in enumerate(functions):
        with suppress(TryLater):  # the instance is busy; the token is there
            function({**REQUEST, "instance_id": STOCK, "name_template": f"warm{number}"})
    scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=401, code="APIGW.0301"))
    if is_password_changed:
        scenario.cloud.add_fault(gaussdb_emulator.Fault(operation="token", status=401, code="IAM.0101"))
    transport.seconds = 0.2

    def work(index: int) -> None:
        with suppress(GaussDBBackupError):
            functions[index]({**REQUEST, "name_template": f"name{index}"})

    at_once(4, work)
    assert 1 <= refused(scenario) <= LIMIT


def test_an_endpoint_that_cannot_be_reached_stops_no_call_once_it_is_corrected(scenario: Scenario) -> None:
    transport = Transport(scenario.transport)
    transport.unreachable = "misspelt.test"
    scenario.put_secret(endpoint="https://misspelt.test")
    function = scenario.function("create_backup", transport=transport)
    for _ in range(3):
        with pytest.raises(TryLater, match="no connection to misspelt.test"):
            function(REQUEST)
    scenario.put_secret(endpoint="https://gaussdb.test")
    scenario.move_to(scenario.clock() + timedelta(seconds=30))
    scenario.function("create_backup", transport=transport)(REQUEST)
    assert len(scenario.cloud.backups(ORDERS)) == 1


def test_a_network_that_fails_for_a_moment_stops_no_call_after_it(scenario: Scenario) -> None:
    transport = Transport(scenario.transport)
    transport.unreachable = "gaussdb.test"
    function = scenario.function("create_backup", transport=transport)
    for _ in range(3):
        with pytest.raises(TryLater, match=r"no connection to gaussdb\.test"):
            function(REQUEST)
    transport.unreachable = ""
    function(REQUEST)
    assert len(scenario.cloud.backups(ORDERS)) == 1


def test_a_corrected_secret_is_used_seconds_later_by_the_function_that_was_refused(scenario: Scenario) -> None:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    function = scenario.function("create_backup")
    with pytest.raises(CredentialsRefused):
        function(REQUEST)
    scenario.put_secret(secret_key="another-secret")
    scenario.move_to(scenario.clock() + timedelta(seconds=16))
    function(REQUEST)
    assert (len(scenario.cloud.backups(ORDERS)), refused(scenario)) == (1, 1)


def test_while_the_circuit_breaker_is_open_the_secret_is_read_every_fifteen_seconds_at_most(scenario: Scenario) -> None:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    function = scenario.function("create_backup")
    with pytest.raises(CredentialsRefused):
        function(REQUEST)
    scenario.put_secret(secret_key="another-secret")
    with pytest.raises(CircuitBreakerOpen):
        function(REQUEST)
    assert len(scenario.cloud.requests) == 1
