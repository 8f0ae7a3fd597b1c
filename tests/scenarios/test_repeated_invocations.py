"""Lambda repeats an asynchronous invocation that failed: with the same request id, a minute and two minutes later."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup.errors import TryLater
from local import gaussdb_emulator
from local.aws_emulator import Context
from tests.helpers.crash import CRASH_POINTS, Crash, crash_at, raise_crash
from tests.helpers.gaussdb import ORDERS
from tests.helpers.scenario import Function, Scenario, start_scenario

EVENT = {"instance_id": ORDERS}
"""A request without a time: its name shows the time that it is given."""


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        yield scenario


def invoke(scenario: Scenario, request_id: str, *, crash: str | None = None, **fields: Any) -> Any:
    """Invoke the function in an execution environment of its own."""
    function = scenario.function("create_backup")
    dependencies = crash_at(crash, function.dependencies, raise_crash) if crash else function.dependencies
    return Function(function.app, dependencies, Context(aws_request_id=request_id))({**EVENT, **fields})


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_request_without_a_time_that_lambda_repeats_after_a_crash_makes_one_backup(
    scenario: Scenario, point: str
) -> None:
    with pytest.raises(Crash):
        invoke(scenario, "1", crash=point)
    scenario.move_to(scenario.clock() + timedelta(minutes=4))
    invoke(scenario, "1")
    assert len(scenario.cloud.backups(ORDERS)) == 1


@pytest.mark.parametrize("fields", [{}, {"name_template": "nightly"}], ids=["default name", "a name without a time"])
@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_crash_ends_in_one_backup_though_the_clock_of_the_api_is_wrong(
    scenario: Scenario, minutes: int, point: str, fields: dict[str, str]
) -> None:
    scenario.cloud.advance(timedelta(minutes=minutes))
    with pytest.raises(Crash):
        invoke(scenario, "1", crash=point, **fields)
    for _ in range(2):
        scenario.move_to(scenario.clock() + timedelta(minutes=4))
        invoke(scenario, "1", **fields)
    assert len(scenario.cloud.backups(ORDERS)) == 1


def test_a_request_without_a_time_that_lambda_repeats_after_an_error_is_still_of_its_first_time(
    scenario: Scenario,
) -> None:
    began = scenario.clock()
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(60))
    with pytest.raises(TryLater):
        invoke(scenario, "1")
    scenario.move_to(began + timedelta(hours=5))
    assert invoke(scenario, "1")["backup"]["name"] == began.strftime("auto-00000000-%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize(("name_template", "minutes"), [("nightly", 2), ("nightly", 14), (None, 3)])
def test_another_request_without_a_time_is_another_backup(
    scenario: Scenario, name_template: str | None, minutes: int
) -> None:
    scenario.cloud.change_instance(ORDERS, backup_seconds=30)
    fields = {"name_template": name_template} if name_template else {}
    first = invoke(scenario, "1", **fields)
    scenario.move_to(scenario.clock() + timedelta(minutes=minutes))
    second = invoke(scenario, "2", **fields)
    assert second["backup"]["id"] != first["backup"]["id"]
    assert [backup["outcome"] for backup in (first, second)] == ["created", "created"]


def test_a_request_that_gives_its_time_needs_no_record_of_when_it_was_first_seen(scenario: Scenario) -> None:
    invoke(scenario, "1", scheduled_time=scenario.clock().isoformat())
    assert [item["id"] for item in scenario.table.scan()["Items"] if "first_seen" in item["id"]] == []


def test_a_record_of_when_a_request_was_first_seen_is_kept_for_a_day(scenario: Scenario) -> None:
    invoke(scenario, "1")
    [record] = [item for item in scenario.table.scan()["Items"] if "first_seen" in item["id"]]
    kept = int(record["expiration"]) - scenario.clock().timestamp()
    assert timedelta(seconds=kept) == timedelta(days=1)


def test_a_table_that_does_not_respond_defers_a_request_without_a_time(scenario: Scenario) -> None:
    boto3.client("dynamodb").delete_table(TableName="state")
    with pytest.raises(TryLater, match=r"the state table does not respond \(ResourceNotFoundException\).* or give it"):
        invoke(scenario, "1")
    assert scenario.cloud.requests == []


def test_two_runs_of_one_name_are_two_requests_while_the_result_of_the_first_is_still_saved(scenario: Scenario) -> None:
    runs = [scenario.clock(), scenario.clock() + timedelta(hours=1)]
    results = []
    for run in runs:
        scenario.move_to(run)
        results.append(invoke(scenario, "1", scheduled_time=run.isoformat(), name_template="nightly"))
    assert [result["outcome"] for result in results] == ["created", "created"]
    assert len({result["backup"]["id"] for result in results}) == len(runs)
    assert (
        invoke(scenario, "2", scheduled_time=runs[0].isoformat(), name_template="nightly")["backup"]
        == results[0]["backup"]
    )
