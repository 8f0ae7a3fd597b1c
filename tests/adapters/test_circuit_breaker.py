"""The circuit breaker's state on a table of moto's, shared by execution environments."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gaussdb_backup.aws.circuit_breaker import MAX_WAIT, CircuitBreaker
from gaussdb_backup.domain.circuit_breaker import MAX_REFUSALS, CallResult
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.errors import CircuitBreakerOpen
from tests.helpers.aws import emulated_aws
from tests.helpers.clock import Clock
from tests.helpers.deployment import make_state_table

LEASE = timedelta(seconds=15)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Callable[..., CircuitBreaker]]:
    """Make the circuit breaker of one execution environment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with emulated_aws():
        make_state_table()

        def make(connection: str = "default", **changes: Any) -> CircuitBreaker:
            given: dict[str, Any] = {
                "table": "state",
                "client": boto3.client("dynamodb"),
                "now": clock,
                "sleep": lambda _: None,
            }
            return CircuitBreaker(connection, **(given | changes))

        yield make


class Failing:
    """DynamoDB's client, which takes no write while it is failing."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.get_item = client.get_item
        self.is_failing = False

    def put_item(self, **arguments: Any) -> Any:
        if self.is_failing:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")
        return self._client.put_item(**arguments)


def acquire(breaker: CircuitBreaker, version: str = "v1", *, key: str = "key", within: timedelta = HOUR) -> Any:
    deadline = Deadline.after(within)
    return breaker.acquire(version, credentials_id=key, refusals=1, lease=LEASE, deadline=deadline)


def call(breaker: CircuitBreaker, result: CallResult, version: str = "v1") -> None:
    breaker.release(acquire(breaker, version), result)


def item() -> dict[str, Any]:
    key = {"id": "circuit_breaker#key"}
    return dict(boto3.resource("dynamodb").Table("state").get_item(Key=key).get("Item", {}))


def test_a_refusal_in_one_environment_stops_the_calls_of_another(make: Callable[..., CircuitBreaker]) -> None:
    one, other = make(), make()
    call(other, CallResult.ACCEPTED)
    call(one, CallResult.REFUSED)
    with pytest.raises(CircuitBreakerOpen, match="connection 'default': its credentials were refused") as raised:
        acquire(other)
    assert (raised.value.retry_after, raised.value.is_refused) == (timedelta(minutes=5), True)


def test_connections_that_use_one_key_share_its_state(make: Callable[..., CircuitBreaker]) -> None:
    for number in range(MAX_REFUSALS):
        call(make(f"connection-{number}"), CallResult.REFUSED, f"v{number}")
    with pytest.raises(CircuitBreakerOpen, match="connection 'another': calls were refused"):
        acquire(make("another"), "v9")


def test_another_key_has_a_state_of_its_own(make: Callable[..., CircuitBreaker]) -> None:
    breaker = make()
    call(breaker, CallResult.REFUSED)
    assert acquire(breaker, key="another").is_probe
    with pytest.raises(CircuitBreakerOpen):
        acquire(breaker)


def test_a_call_waits_for_the_one_that_tries_the_credentials(make: Callable[..., CircuitBreaker]) -> None:
    trying = make()
    permit = acquire(trying)
    steps: list[float] = []

    def sleep(seconds: float) -> None:
        steps.append(seconds)
        if len(steps) == 3:
            trying.release(permit, CallResult.ACCEPTED)

    assert not acquire(make(sleep=sleep)).is_probe
    assert steps == [0.05, 0.1, 0.1]


def test_a_call_waits_no_longer_than_twenty_seconds(make: Callable[..., CircuitBreaker]) -> None:
    acquire(make())
    steps: list[float] = []
    with pytest.raises(CircuitBreakerOpen, match="being tried by one call") as raised:
        acquire(make(sleep=steps.append))
    assert MAX_WAIT <= timedelta(seconds=sum(steps)) < MAX_WAIT + timedelta(seconds=1)
    assert raised.value.retry_after == timedelta(seconds=5)


def test_a_call_does_not_wait_beyond_its_deadline(make: Callable[..., CircuitBreaker]) -> None:
    acquire(make())
    steps: list[float] = []
    with pytest.raises(CircuitBreakerOpen):
        acquire(make(sleep=steps.append), within=timedelta(milliseconds=40))
    assert steps == []


def test_the_permit_of_a_killed_function_lapses(make: Callable[..., CircuitBreaker], clock: Clock) -> None:
    acquire(make())
    clock.move(seconds=LEASE.total_seconds())
    assert acquire(make()).is_probe


def test_an_environment_that_knows_an_older_state_decides_on_the_newer(make: Callable[..., CircuitBreaker]) -> None:
    one, other = make(), make()
    call(one, CallResult.ACCEPTED)
    call(other, CallResult.ACCEPTED)
    call(one, CallResult.REFUSED)
    call(other, CallResult.REFUSED, "v2")
    with pytest.raises(CircuitBreakerOpen):
        acquire(one, "v2")
    with pytest.raises(CircuitBreakerOpen):
        acquire(other)


def test_without_the_table_no_call_is_made_and_the_cause_is_named(make: Callable[..., CircuitBreaker]) -> None:
    with pytest.raises(CircuitBreakerOpen, match=r"does not respond \(ResourceNotFoundException\)"):
        acquire(make(table="no-such-table"))


def test_a_refusal_that_the_table_did_not_take_is_written_before_the_next_call(
    make: Callable[..., CircuitBreaker],
) -> None:
    client = Failing(boto3.client("dynamodb"))
    breaker = make(client=client)
    permit = acquire(breaker)
    client.is_failing = True
    breaker.release(permit, CallResult.REFUSED)
    with pytest.raises(CircuitBreakerOpen, match="ThrottlingException"):
        acquire(breaker, "v2")
    client.is_failing = False
    acquire(breaker, "v2")
    with pytest.raises(CircuitBreakerOpen, match="were refused"):
        acquire(make())


def test_a_write_whose_response_was_lost_took_effect(make: Callable[..., CircuitBreaker]) -> None:
    client = boto3.client("dynamodb")

    class Repeating:
        """Each write is sent twice, as boto3 does after a lost response."""

        exceptions = client.exceptions
        get_item = client.get_item

        def put_item(self, **arguments: Any) -> Any:
            client.put_item(**arguments)
            return client.put_item(**arguments)

    call(make(client=Repeating()), CallResult.ACCEPTED)
    assert not acquire(make()).is_probe


def test_an_item_of_another_version_of_the_code_has_no_state(make: Callable[..., CircuitBreaker]) -> None:
    table = boto3.resource("dynamodb").Table("state")
    table.put_item(Item={"id": "circuit_breaker#key", "revision": "1", "state": '{"slots": 4}'})
    assert acquire(make()).is_probe


def test_under_writes_without_end_a_call_is_denied_and_not_hung(make: Callable[..., CircuitBreaker]) -> None:
    client = boto3.client("dynamodb")

    class Contended:
        """Somebody else always writes first."""

        exceptions = client.exceptions
        get_item = client.get_item

        def put_item(self, **arguments: Any) -> Any:
            response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": {"revision": {"S": "x"}}}
            raise client.exceptions.ConditionalCheckFailedException(response, "PutItem")

    with pytest.raises(CircuitBreakerOpen, match="repeat it later"):
        acquire(make(client=Contended()))


def test_the_item_is_deleted_after_a_day_without_calls(make: Callable[..., CircuitBreaker], clock: Clock) -> None:
    call(make(), CallResult.ACCEPTED)
    assert int(item()["expiration"]) == int((clock() + timedelta(days=1)).timestamp())
