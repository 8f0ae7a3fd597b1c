"""dispatch_backups: what it queues, skips and refuses, and what it tells."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.errors import CredentialsRefused, InvalidRequest, TryLater
from local import gaussdb_emulator
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.sqs_event import sent_now, sqs_batch, sqs_record

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


def test_an_id_that_lacks_the_plans_tag_is_simply_not_selected(deployment: Deployment) -> None:
    select = {"instance_ids": [ORDERS, STOCK, "f" * 32], "tags": {"env": "prod"}}
    response = deployment.invoke("dispatch_backups", plan(select=select))
    assert names(response, "queued") == ["orders"]
    assert [entry["instance_id"] for entry in response["rejected"]] == ["f" * 32]
    assert deployment.count("BackupRejected") == 1


@pytest.mark.parametrize("tag", [("owner", "a,b"), ("owner", "a=b"), ("a,b", "x"), ("a=b", "x"), ("owner", "ü b")])
def test_a_tag_that_the_apis_filter_cannot_express_selects_its_instances(
    deployment: Deployment, tag: tuple[str, str]
) -> None:
    key, value = tag
    deployment.cloud.change_instance(STOCK, tags={key: value, "env": "prod"})
    response = deployment.invoke("dispatch_backups", plan(select={"tags": {key: value, "env": "prod"}}))
    assert names(response, "queued") == ["stock (übung)"]


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
    assert dry.pop("api")
    assert {**dry, "dry_run": False} == wet


def test_a_dry_run_shows_which_path_responded_how_fast_and_by_which_clock(deployment: Deployment) -> None:
    deployment.cloud.advance(timedelta(seconds=90))
    api = deployment.invoke("dispatch_backups", plan(dry_run=True))["api"]
    assert api["path"] == "v3"
    assert 85 < api["clock_skew_seconds"] < 95
    assert 0 < api["milliseconds"] < 10_000


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
    assert deployment.count("PlanSelectedNothing") == 1


def test_a_dry_run_counts_neither_a_rejection_nor_an_empty_selection(deployment: Deployment) -> None:
    for select in ({"name_pattern": "nobody-*"}, {"instance_ids": ["f" * 32]}):
        deployment.invoke("dispatch_backups", plan(select=select, dry_run=True))
    assert deployment.metrics == []


def test_a_plan_whose_instances_are_all_skipped_makes_no_backup_and_says_so(deployment: Deployment) -> None:
    for instance in deployment.cloud.instances():
        deployment.cloud.change_instance(instance.id, status="FROZEN")
    assert deployment.invoke("dispatch_backups", plan())["queued"] == []
    [logged] = [record for record in deployment.records if record["message"] == "plan dispatched"]
    assert (logged["level"], logged["queued"], logged["skipped"]) == ("WARNING", 0, 3)
    assert deployment.count("PlanSelectedNothing") == 1


def test_a_plan_that_selects_somebody_counts_no_empty_selection(deployment: Deployment) -> None:
    deployment.cloud.change_instance(STOCK, status="FROZEN")
    deployment.invoke("dispatch_backups", plan(select={"instance_ids": [STOCK, ORDERS]}))
    assert deployment.count("PlanSelectedNothing") == 0


def test_one_record_has_the_number_of_each_action(deployment: Deployment) -> None:
    deployment.cloud.change_instance(STOCK, status="FROZEN")
    deployment.invoke("dispatch_backups", plan(select={"instance_ids": [ORDERS, STOCK, "f" * 32]}))
    logged = deployment.records[-1]
    assert (logged["message"], logged["queued"], logged["skipped"], logged["rejected"]) == ("plan dispatched", 1, 1, 1)
    assert (logged["schedule"], logged["connection"]) == ("nightly", "default")


def test_a_queue_that_takes_nothing_fails_the_plan_so_that_it_is_dispatched_again(deployment: Deployment) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=deployment.queues["BACKUP_QUEUE_URL"])
    cause = "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(TryLater, match=rf"the queue did not take 3 of 3 requests \({cause}\)"):
        deployment.invoke("dispatch_backups", plan())
    deferred = [item for item in deployment.records if item["message"] == "backup request deferred"]
    assert {item["instance_id"] for item in deferred if item.get("cause") == cause} == {ORDERS, STOCK, BILLING}
    assert (deployment.count("BackupRejected"), deployment.count("BackupDeferred")) == (0, 1)
    assert deployment.count("PlanDispatched") == 0


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
    "an unknown criterion": (
        plan(select={"tag": {}}),
        r"select.tag: expected no such field \(there are instance_ids, name_pattern, tags\)",
    ),
    "a long tag": (plan(select={"tags": {"env": "x" * 256}}), "select.tags.env: expected an object of at most 20 tags"),
    "half of a character": (plan(select={"tags": {"env": "\ud800"}}), "select.tags.env: expected an object of at most"),
    "a tag of 100 kB": (plan(select={"tags": {"x" * 100_000: "a"}}), "select.tags.x.*: expected an object of at most"),
    "an unknown field of the template": (plan(name_template="{nam}"), "name_template: expected only the fields"),
    "a directive that not every system has": (
        plan(name_template="n-{scheduled_time:%s}"),
        "name_template: expected strftime directives",
    ),
    "a name too long whatever the instance": (
        plan(name_template="n" * 61 + "-{instance_name}{schedule}"),
        "name_template: expected .*: it is too long",
    ),
    "a name too short whatever the instance": (
        plan(name_template="n-{instance_id:.1}"),
        "name_template: expected .*: it is too short",
    ),
    "a character that no name may have": (
        plan(name_template="n {instance_name}"),
        "name_template: expected .*: character ' ' at position 2",
    ),
    "a schedule in the template but not in the plan": (
        plan(schedule=None),
        "name_template: expected a value for '{schedule}'",
    ),
    "a template beside other wrong fields": (
        {"select": {"tag": 1}, "timezone": "Mars", "name_template": "{nam}"},
        "timezone: .*select.tag: .*name_template: .*scheduled_time: ",
    ),
    "a template whose names begin with a digit beside an unknown criterion": (
        plan(select={"tag": {}}, name_template="1{instance_name}"),
        "select.tag: expected no such field .*name_template: expected .*: it begins with '1'",
    ),
    "a wrong schedule that the template has": (
        plan(schedule="ü", name_template="{schedule}-{instance_name}"),
        r"^invalid plan: schedule: expected [^|]*$",
    ),
    "a wrong schedule that is the whole name": (
        plan(schedule="ü", name_template="{schedule}"),
        r"^invalid plan: schedule: expected [^|]*$",
    ),
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


def test_a_plan_without_a_time_is_rejected_since_its_repetition_would_be_another_run(deployment: Deployment) -> None:
    with pytest.raises(InvalidRequest, match=r"scheduled_time: expected the time of the run, unless dry_run .* twice"):
        deployment.invoke("dispatch_backups", {"schedule": "nightly"})
    assert deployment.cloud.requests == []


def test_a_dry_run_needs_no_time(deployment: Deployment) -> None:
    assert len(deployment.invoke("dispatch_backups", {"dry_run": True})["queued"]) == 3


def test_a_plan_from_the_queue_is_dispatched(deployment: Deployment) -> None:
    assert deployment.invoke("dispatch_backups", sqs_batch(plan())) == {"batchItemFailures": []}
    assert len(queued(deployment)) == 3


def test_a_plan_from_the_queue_that_cannot_be_dispatched_now_is_received_again(deployment: Deployment) -> None:
    deployment.cloud.add_fault(gaussdb_emulator.unavailable(3600))
    response = deployment.invoke("dispatch_backups", sqs_batch(plan()))
    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert deployment.messages("PLAN_DLQ_URL") == []


def test_a_wrong_plan_from_the_queue_is_dead_lettered_with_its_reason(deployment: Deployment) -> None:
    body = plan(timezone="Mars")
    assert deployment.invoke("dispatch_backups", sqs_batch(body)) == {"batchItemFailures": []}
    [message] = deployment.messages("PLAN_DLQ_URL")
    assert json.loads(message.body) == body
    assert message.message_attributes["ErrorType"]["StringValue"] == "InvalidRequest"
    assert [item["message"] for item in deployment.records] == [
        "backup request rejected",
        "backup request dead-lettered",
    ]
    assert deployment.count("BackupRejected") == 1


def test_the_sample_of_a_queue_message_is_handled(deployment: Deployment) -> None:
    event = sent_now(json.loads((SAMPLES / "queue_message.json").read_text()))
    assert deployment.invoke("dispatch_backups", event) == {"batchItemFailures": []}
    assert [body["name_template"] for body in queued(deployment)] == [
        "nightly-orders-20261123-0230",
        "nightly-billing-20261123-0230",
    ]


def test_an_absurd_attribute_of_a_plan_costs_its_neighbour_nothing(deployment: Deployment) -> None:
    absurd = sqs_record(plan(), 1, message_attributes={"ScheduledTime": "0001-01-01T00:00:00+23:59"})
    event = {"Records": [absurd, sqs_record(plan(), 2, SentTimestamp="-1"), sqs_record(plan(), 3)]}
    assert deployment.invoke("dispatch_backups", event) == {"batchItemFailures": []}
    assert len(queued(deployment)) == 6
    assert len(deployment.messages("PLAN_DLQ_URL")) == 1


@pytest.mark.parametrize("name", ["schedule", "dry_run"])
def test_each_sample_is_handled(deployment: Deployment, name: str) -> None:
    event = json.loads((SAMPLES / f"{name}.json").read_text())
    if ids := event["select"].get("instance_ids"):
        deployment.cloud.add_instances(*(gaussdb_emulator.Instance(id=id_, name=f"sample-{id_[:8]}") for id_ in ids))
    response = deployment.invoke("dispatch_backups", event)
    assert len(response["queued"]) == 2
    assert len(queued(deployment)) == (0 if event.get("dry_run") else 2)


def test_a_listed_record_without_an_id_is_a_warning_and_the_others_are_backed_up(deployment: Deployment) -> None:
    body = json.dumps({"instances": [{"id": ORDERS, "name": "orders"}, {"id": None}, 5], "total_count": 3})
    deployment.cloud.add_fault(gaussdb_emulator.Fault(operation="instances", status=200, body=body))
    response = deployment.invoke("dispatch_backups", plan())
    assert [entry["instance_id"] for entry in response["queued"]] == [ORDERS]
    [record] = [record for record in deployment.records if record["message"] == "malformed records"]
    assert (record["level"], record["connection"], record["operation"]) == ("WARNING", "default", "list instances")
    assert (record["records"], record["problem"]) == (2, "an id of type NoneType")
