"""dispatch_backups: what it queues, skips and refuses, and what it tells."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.errors import CredentialsRefused, InvalidRequest, TryLater
from local import gaussdb_emulator
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.sqs_event import sqs_batch

SAMPLES = Path(__file__).parents[2] / "events" / "dispatch_backups"
TEMPLATE = "{schedule}-{instance_name}-{scheduled_time:%Y%m%d}"


def plan(**fields: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"schedule": "nightly", "scheduled_time": now, "name_template": TEMPLATE, **fields}


def queued(deployment: Deployment) -> list[dict[str, Any]]:
    """Take the requests from the queue."""
    found: list[dict[str, Any]] = []
    while messages := deployment.messages("BACKUP_QUEUE_URL"):
        found.extend(json.loads(message.body) for message in messages)
    return sorted(found, key=lambda body: str(body["instance_id"]))


def names(response: dict[str, Any], action: str) -> list[str]:
    return [entry["instance_name"] for entry in response[action]]


def test_every_instance_of_the_project_gets_one_request(deployment: Deployment) -> None:
    response = deployment.invoke("dispatch_backups", plan())
    requests = queued(deployment)
    assert [body["instance_id"] for body in requests] == sorted([ORDERS, STOCK, BILLING])
    assert names(response, "queued") == ["orders", "stock (übung)", "billing"]
    assert response["skipped"] == response["rejected"] == []
    assert {body["version"] for body in requests} == {1}
    day = datetime.now(UTC).strftime("%Y%m%d")
    assert [body["name_template"] for body in requests] == [
        f"nightly-{name}-{day}" for name in ("orders", "stock---bung-", "billing")
    ]


def test_each_request_is_one_that_create_backup_takes(deployment: Deployment) -> None:
    deployment.invoke("dispatch_backups", plan(description="Nightly", timezone="Europe/Berlin"))
    for body in queued(deployment):
        request = parse_backup_request(body, default_time=datetime.now(UTC), now=datetime.now(UTC))
        assert (request.description, request.timezone, request.schedule) == ("Nightly", "Europe/Berlin", "nightly")


@pytest.mark.parametrize(
    ("select", "chosen"),
    [
        ({}, ["orders", "stock (übung)", "billing"]),
        ({"name_pattern": "*ing"}, ["billing"]),
        ({"name_pattern": "ORDERS"}, []),
        ({"tags": {"env": "prod"}}, ["orders", "billing"]),
        ({"tags": {"env": "prod", "tier": "gold"}}, ["billing"]),
        ({"instance_ids": [STOCK]}, ["stock (übung)"]),
        ({"instance_ids": [STOCK, STOCK, ORDERS]}, ["orders", "stock (übung)"]),
        ({"instance_ids": [STOCK, ORDERS], "name_pattern": "o*"}, ["orders"]),
        ({"instance_ids": []}, []),
    ],
)
def test_all_criteria_of_a_selection_must_hold(
    deployment: Deployment, select: dict[str, Any], chosen: list[str]
) -> None:
    response = deployment.invoke("dispatch_backups", plan(select=select))
    assert names(response, "queued") == chosen
    assert len(queued(deployment)) == len(chosen)


@pytest.mark.parametrize(
    ("status", "reason"), [("FROZEN", "it is frozen"), ("FAILED", "it has failed"), ("BUILD", "it is being built")]
)
def test_an_instance_that_cannot_be_backed_up_is_skipped_with_its_status(
    deployment: Deployment, status: str, reason: str
) -> None:
    deployment.cloud.change_instance(STOCK, status=status)
    response = deployment.invoke("dispatch_backups", plan())
    [skipped] = response["skipped"]
    assert (skipped["instance_id"], skipped["reason"]) == (STOCK, f"{reason} (status {status})")
    assert names(response, "queued") == ["orders", "billing"]
    [logged] = [item for item in deployment.records if item["message"] == "instance skipped"]
    assert (logged["level"], logged["instance_id"], logged["schedule"]) == ("WARNING", STOCK, "nightly")


@pytest.mark.parametrize("status", ["ACTIVE", "BACKING UP", "MODIFYING", "STORAGE FULL", "REBOOTING", "A NEW WORD"])
def test_an_instance_that_is_merely_busy_gets_its_request(deployment: Deployment, status: str) -> None:
    deployment.cloud.change_instance(STOCK, status=status)
    assert len(deployment.invoke("dispatch_backups", plan())["queued"]) == 3


def test_an_id_that_the_project_does_not_have_is_refused_and_stops_nobody_else(deployment: Deployment) -> None:
    response = deployment.invoke("dispatch_backups", plan(select={"instance_ids": ["f" * 32, ORDERS]}))
    [refused] = response["rejected"]
    assert (refused["instance_id"], refused["reason"]) == ("f" * 32, "the project has no such instance")
    assert names(response, "queued") == ["orders"]
    assert deployment.count("BackupRejected") == 1


def test_a_name_that_breaks_the_rule_refuses_its_instance_only(deployment: Deployment) -> None:
    deployment.cloud.change_instance(STOCK, name="x" * 80)
    response = deployment.invoke("dispatch_backups", plan())
    [refused] = response["rejected"]
    assert refused["instance_id"] == STOCK
    assert "it is too long" in refused["reason"]
    assert len(response["queued"]) == 2


def test_a_plan_that_was_dispatched_is_counted_and_a_dry_run_is_not(deployment: Deployment) -> None:
    """Without a count for 26 hours an alarm goes off."""
    deployment.invoke("dispatch_backups", plan(dry_run=True))
    assert deployment.count("PlanDispatched") == 0
    deployment.invoke("dispatch_backups", plan())
    assert deployment.count("PlanDispatched") == 1


def test_a_dry_run_returns_the_same_and_queues_nothing(deployment: Deployment) -> None:
    event = plan()
    dry = deployment.invoke("dispatch_backups", {**event, "dry_run": True})
    assert queued(deployment) == []
    wet = deployment.invoke("dispatch_backups", event)
    assert {**dry, "dry_run": False} == wet


def test_a_fleet_of_several_pages_is_queued_whole(deployment: Deployment) -> None:
    deployment.cloud.add_instances(
        *(gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}") for number in range(1000, 1250))
    )
    response = deployment.invoke("dispatch_backups", plan(select={"name_pattern": "db-*"}))
    assert len(response["queued"]) == 250
    assert deployment.counts("BACKUP_QUEUE_URL") == (250, 0)
    assert len(deployment.cloud.calls("instances")) == 3


def test_a_plan_that_selects_nobody_says_so(deployment: Deployment) -> None:
    response = deployment.invoke("dispatch_backups", plan(select={"name_pattern": "nobody-*"}))
    assert response["queued"] == []
    [logged] = deployment.records
    assert (logged["message"], logged["level"], logged["queued"]) == ("plan dispatched", "WARNING", 0)


def test_one_record_has_the_number_of_each_action(deployment: Deployment) -> None:
    deployment.cloud.change_instance(STOCK, status="FROZEN")
    deployment.invoke("dispatch_backups", plan(select={"instance_ids": [ORDERS, STOCK, "f" * 32]}))
    logged = deployment.records[-1]
    assert (logged["message"], logged["queued"], logged["skipped"], logged["rejected"]) == ("plan dispatched", 1, 1, 1)
    assert (logged["schedule"], logged["connection"]) == ("nightly", "default")


def test_a_queue_that_takes_nothing_fails_the_plan_so_that_it_is_dispatched_again(deployment: Deployment) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["BACKUP_QUEUE_URL"])
    with pytest.raises(TryLater, match="the queue did not take 3 of 3 requests"):
        deployment.invoke("dispatch_backups", plan())
    refused = [item for item in deployment.records if item["message"] == "backup request rejected"]
    assert {item["instance_id"] for item in refused} == {ORDERS, STOCK, BILLING}


def test_the_same_run_dispatched_twice_makes_each_backup_once(deployment: Deployment) -> None:
    event = plan()
    for _ in range(2):
        deployment.invoke("dispatch_backups", event)
    bodies = queued(deployment)
    assert len(bodies) == 6
    for number in range(0, 6, 3):
        deployment.invoke("create_backup", sqs_batch(*bodies[number : number + 3]))
    assert len(deployment.cloud.backups()) == 3


def test_a_renamed_instance_keeps_the_name_of_its_request(deployment: Deployment) -> None:
    event = plan(select={"instance_ids": [ORDERS]})
    deployment.invoke("dispatch_backups", event)
    deployment.cloud.change_instance(ORDERS, name="renamed")
    [body] = queued(deployment)
    deployment.invoke("create_backup", sqs_batch(body))
    assert [backup.name for backup in deployment.cloud.backups()] == [f"nightly-orders-{datetime.now(UTC):%Y%m%d}"]


WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([], "body: expected a JSON object"),
    "an unknown field": (plan(instances=[]), "instances: expected no such field"),
    "an unknown criterion": (plan(select={"tag": {}}), "select.tag: expected no such field|select.tag: expected"),
    "a malformed id": (plan(select={"instance_ids": ["short"]}), "select.instance_ids.0: expected"),
    "a string for ids": (plan(select={"instance_ids": ORDERS}), "select.instance_ids: expected"),
    "a number for a tag": (plan(select={"tags": {"env": 1}}), "select.tags.env: expected"),
    "a word for a switch": (plan(dry_run="yes"), "dry_run: expected true or false; got 'yes'"),
    "a time without an offset": (plan(scheduled_time="2026-11-23T01:30:00"), "scheduled_time: expected ISO 8601"),
    "a time far ahead": (plan(scheduled_time="2999-01-01T00:00:00Z"), "scheduled_time: expected ISO 8601"),
    "an unknown zone": (plan(timezone="Mars"), "timezone: expected an IANA time zone"),
}


@pytest.mark.parametrize(("event", "logged"), WRONG.values(), ids=WRONG)
def test_a_wrong_plan_is_rejected_by_its_field_without_a_call(deployment: Deployment, event: Any, logged: str) -> None:
    with pytest.raises(InvalidRequest, match=logged):
        deployment.invoke("dispatch_backups", event)
    assert deployment.cloud.requests == []
    assert queued(deployment) == []


def test_refused_credentials_fail_the_plan(deployment: Deployment) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("dispatch_backups", plan())
    assert deployment.count("ConnectionUnusable") == 1


@pytest.mark.parametrize("name", ["schedule", "dry_run"])
def test_each_sample_is_handled(deployment: Deployment, name: str) -> None:
    event = json.loads((SAMPLES / f"{name}.json").read_text())
    if ids := event["select"].get("instance_ids"):
        deployment.cloud.add_instances(*(gaussdb_emulator.Instance(id=id_, name=f"sample-{id_[:8]}") for id_ in ids))
    response = deployment.invoke("dispatch_backups", event)
    assert len(response["queued"]) == 2
    assert len(queued(deployment)) == (0 if event.get("dry_run") else 2)
