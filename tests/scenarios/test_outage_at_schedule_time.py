"""A run whose plan is due during an outage is made after it, with nothing done by hand."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local import gaussdb_emulator
from local.aws_emulator.stack import Stack, default_parameters, read_template
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import BILLING, KEY, ORDERS, STOCK
from tests.helpers.scenario import SECRET, Scenario, start_scenario

OUTAGE = timedelta(hours=2)


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        yield scenario


def run_schedule(scenario: Scenario) -> None:
    """Send the payload of the template's schedule to the queue that it targets, as EventBridge Scheduler does."""
    template = read_template()
    payload = Stack(template, default_parameters(template)).schedule_input("NightlySchedule")
    scheduled_time = RUN.isoformat().replace("+00:00", "Z")
    target = template["Resources"]["NightlySchedule"]["Properties"]["Target"]["Arn"]
    assert target == {"Fn::GetAtt": ["PlanQueue", "Arn"]}
    scenario.plans.send(payload.replace("<aws.scheduler.scheduled-time>", scheduled_time))


def stop_api(scenario: Scenario) -> Callable[[], Any]:
    scenario.cloud.add_fault(gaussdb_emulator.unavailable(OUTAGE.total_seconds()))
    return lambda: None


def refuse_credentials(scenario: Scenario) -> Callable[[], Any]:
    scenario.cloud.rotate_key(KEY.access_key, "another-secret")
    return lambda: scenario.put_secret(secret_key="another-secret")


def remove_secret(scenario: Scenario) -> Callable[[], Any]:
    client = boto3.client("secretsmanager")
    text = client.get_secret_value(SecretId=SECRET)["SecretString"]
    client.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    return lambda: client.create_secret(Name=SECRET, SecretString=text)


OUTAGES: dict[str, Callable[[Scenario], Callable[[], Any]]] = {
    "the API is unavailable": stop_api,
    "the credentials are refused": refuse_credentials,
    "the secret is missing": remove_secret,
}


@pytest.mark.parametrize("begin", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_of_two_hours_at_schedule_time_loses_no_backup_of_the_run(
    scenario: Scenario, begin: Callable[[Scenario], Callable[[], Any]]
) -> None:
    end = begin(scenario)
    run_schedule(scenario)
    scenario.run(hours=OUTAGE.total_seconds() / 3600)
    assert scenario.cloud.backups() == []
    end()
    scenario.run()
    assert sorted(backup.instance_id for backup in scenario.cloud.backups()) == sorted([ORDERS, STOCK, BILLING])
    assert {backup.name[:8] for backup in scenario.cloud.backups()} == {"nightly-"}
    assert set(scenario.final_statuses().values()) == {"COMPLETED"}
    assert scenario.plans.messages == scenario.requests.messages == scenario.tracking.messages == {}
    assert scenario.dead_plans.messages == scenario.dead_letters.messages == {}


def test_functions_that_cannot_run_for_two_hours_lose_no_backup_of_the_run(scenario: Scenario) -> None:
    run_schedule(scenario)
    scenario.move_to(RUN + OUTAGE)
    scenario.run()
    assert len(scenario.cloud.backups()) == 3
    assert scenario.dead_plans.messages == scenario.dead_letters.messages == {}


@pytest.mark.parametrize("stopped", [timedelta(hours=5), timedelta(hours=41)], ids=["a morning", "a weekend"])
def test_a_plan_and_requests_that_wait_beyond_their_start_window_are_not_started(
    scenario: Scenario, stopped: timedelta
) -> None:
    run_schedule(scenario)
    scenario.requests.send(json.dumps({"instance_id": ORDERS, "scheduled_time": RUN.isoformat()}))
    scenario.move_to(RUN + stopped)
    scenario.run()
    assert scenario.cloud.requests == []
    dead = [*scenario.dead_plans.messages.values(), *scenario.dead_letters.messages.values()]
    assert [message.reason["ErrorType"] for message in dead] == ["StartWindowMissed"] * 2


def test_a_redriven_plan_starts_anew_and_keeps_its_run(scenario: Scenario) -> None:
    run_schedule(scenario)
    scenario.move_to(RUN + timedelta(hours=41))
    scenario.run()
    [dead] = scenario.dead_plans.messages.values()
    scenario.plans.send(dead.body, attributes=dead.attributes)
    scenario.dead_plans.messages.clear()
    scenario.run()
    assert {backup.name.rpartition("-")[2] for backup in scenario.cloud.backups()} == {"20261123T013000"}
    assert len(scenario.cloud.backups()) == 3


def test_an_outage_in_the_middle_of_a_plan_makes_no_backup_twice(scenario: Scenario) -> None:
    scenario.requests.failures = 2
    run_schedule(scenario)
    scenario.run()
    assert sorted(backup.instance_id for backup in scenario.cloud.backups()) == sorted([ORDERS, STOCK, BILLING])


def test_a_plan_that_is_wrong_is_dead_lettered_with_its_reason_and_its_body(scenario: Scenario) -> None:
    scenario.plans.send("{}")
    body = json.dumps({"select": {"tag": 1}, "scheduled_time": RUN.isoformat()})
    scenario.plans.send(body)
    scenario.run()
    assert scenario.cloud.backups() == []
    reasons = [message.reason for message in scenario.dead_plans.messages.values() if message.body == body]
    assert [reason["ErrorType"] for reason in reasons] == ["InvalidRequest"]
