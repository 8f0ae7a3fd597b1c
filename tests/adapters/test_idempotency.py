"""Work for a key is executed once, whoever executes it, on a table of moto's."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gaussdb_backup.aws.idempotency import Idempotency
from gaussdb_backup.errors import TryLater
from tests.helpers.aws import emulated_aws
from tests.helpers.crash import Crash
from tests.helpers.deployment import make_state_table

KEY = {"connection": "default", "instance_id": "i", "name": "nightly", "scheduled_time": "2026-11-23T01:30:00+00:00"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def idempotency(monkeypatch: pytest.MonkeyPatch) -> Iterator[Idempotency]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with emulated_aws():
        make_state_table()
        yield Idempotency("state", client=boto3.client("dynamodb"))


def execute(idempotency: Idempotency, result: str, **changes: str) -> Any:
    """Return the saved result, or do the work and save this one."""
    with idempotency.run_once({**KEY, **changes}, remaining_time=MINUTE) as execution:
        if execution.result is None:
            execution.result = {"result": result}
    return execution.result["result"]


def records() -> list[Any]:
    return list(boto3.resource("dynamodb").Table("state").scan()["Items"])


def test_the_first_result_is_returned_to_every_later_execution(idempotency: Idempotency) -> None:
    assert [execute(idempotency, "first"), execute(idempotency, "second")] == ["first", "first"]


@pytest.mark.parametrize("field", KEY)
def test_another_value_of_any_field_is_another_key(idempotency: Idempotency, field: str) -> None:
    execute(idempotency, "first")
    assert execute(idempotency, "second", **{field: "another"}) == "second"


def test_nobody_else_executes_a_key_while_somebody_does(idempotency: Idempotency) -> None:
    with idempotency.run_once(KEY, remaining_time=MINUTE) as execution:
        with pytest.raises(TryLater, match="another function is creating this backup"):
            execute(idempotency, "second")
        execution.result = {"result": "first"}
    assert execute(idempotency, "third") == "first"


def test_after_an_error_the_next_execution_starts_at_once(idempotency: Idempotency) -> None:
    with pytest.raises(KeyError), idempotency.run_once(KEY, remaining_time=MINUTE):
        raise KeyError
    assert records() == []
    assert execute(idempotency, "second") == "second"


def test_after_a_crash_the_next_execution_starts_when_the_function_would_have_ended(idempotency: Idempotency) -> None:
    with pytest.raises(Crash), idempotency.run_once(KEY, remaining_time=MINUTE):
        raise Crash
    with pytest.raises(TryLater):
        execute(idempotency, "second")
    [record] = records()
    expired = int(str(record["in_progress_expiration"])) - 61_000
    boto3.resource("dynamodb").Table("state").put_item(Item={**record, "in_progress_expiration": expired})
    assert execute(idempotency, "third") == "third"


def test_the_record_of_an_execution_counts_for_as_long_as_its_function_can_run(idempotency: Idempotency) -> None:
    with idempotency.run_once(KEY, remaining_time=MINUTE) as execution:
        [record] = records()
        execution.result = {}
    assert abs(int(str(record["in_progress_expiration"])) / 1000 - time.time() - 60) < 5


class Racing:
    """DynamoDB's client, on which something happens after the first attempt to write was refused."""

    def __init__(self, inner: Any, happens: Callable[[dict[str, Any]], None]) -> None:
        self._inner = inner
        self._happens = happens
        self.exceptions = inner.exceptions

    def put_item(self, **request: Any) -> Any:
        try:
            return self._inner.put_item(**request)
        except self._inner.exceptions.ConditionalCheckFailedException as error:
            happens, self._happens = self._happens, lambda _: None
            happens(error.response)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def delete_it(response: dict[str, Any]) -> None:
    boto3.client("dynamodb").delete_item(TableName="state", Key={"id": response["Item"]["id"]})
    del response["Item"]


def expire_it(response: dict[str, Any]) -> None:
    past = {"N": str(int(time.time()) - 1)}
    response["Item"] |= {"expiration": past}
    boto3.client("dynamodb").put_item(TableName="state", Item=response["Item"])


def end_its_function(response: dict[str, Any]) -> None:
    past = {"N": str(int(time.time() * 1000) - 1)}
    response["Item"] |= {"status": {"S": "INPROGRESS"}, "in_progress_expiration": past}
    boto3.client("dynamodb").put_item(TableName="state", Item=response["Item"])


@pytest.mark.parametrize("happens", [delete_it, expire_it, end_its_function])
def test_a_record_that_stops_counting_while_it_is_read_is_written_anew(
    idempotency: Idempotency, happens: Callable[[dict[str, Any]], None]
) -> None:
    execute(idempotency, "first")
    racing: Any = Racing(boto3.client("dynamodb"), happens)
    assert execute(Idempotency("state", client=racing), "second") == "second"


def hide_it(response: dict[str, Any]) -> None:
    del response["Item"]


def test_a_refusal_without_the_record_in_it_has_the_record_read(idempotency: Idempotency) -> None:
    execute(idempotency, "first")
    racing: Any = Racing(boto3.client("dynamodb"), hide_it)
    assert execute(Idempotency("state", client=racing), "second") == "first"


@pytest.mark.parametrize(("age", "result"), [(timedelta(hours=1, minutes=59), "first"), (timedelta(hours=2), "second")])
def test_a_result_is_returned_until_two_hours_are_over(idempotency: Idempotency, age: timedelta, result: str) -> None:
    execute(idempotency, "first")
    [record] = records()
    older = int(str(record["expiration"])) - int(age.total_seconds()) - 1
    boto3.resource("dynamodb").Table("state").put_item(Item={**record, "expiration": older})
    assert execute(idempotency, "second") == result


def lose_the_table(idempotency: Idempotency, moment: str) -> None:
    table = boto3.client("dynamodb")
    if moment == "start":
        table.delete_table(TableName="state")
    with idempotency.run_once(KEY, remaining_time=MINUTE) as execution:
        table.delete_table(TableName="state")
        if moment == "error":
            raise KeyError
        execution.result = {"result": "first"}


@pytest.mark.parametrize("moment", ["start", "end", "error"])
def test_a_table_that_does_not_respond_is_worth_another_attempt(idempotency: Idempotency, moment: str) -> None:
    with pytest.raises(TryLater, match="does not respond .ResourceNotFoundException"):
        lose_the_table(idempotency, moment)


class DenyingClient:
    """Denies every call, with a text that names the role."""

    def __getattr__(self, name: str) -> Any:
        def deny(**_: Any) -> None:
            text = "User: arn:aws:sts::123456789012:assumed-role/r is not authorized"
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": text}}, name)

        return deny


def test_a_denied_call_is_named_by_the_code_of_aws_and_not_by_its_text(idempotency: Idempotency) -> None:
    client: Any = DenyingClient()
    with pytest.raises(TryLater, match="does not respond .AccessDeniedException.: repeat") as raised:
        execute(Idempotency("state", client=client), "first")
    assert "arn:" not in str(raised.value)
