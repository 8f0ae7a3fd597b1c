"""audit_backups: how instances are covered, what is requested for gaps, and what is reported, stored and published."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup.errors import CredentialsRefused, InvalidRequest, TryLater
from local import gaussdb_emulator
from local.aws_emulator import Context
from local.gaussdb_emulator import Effect, Fault, PastBackup
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK

NOW = datetime.now(UTC)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def past(instance_id: str, hours: float, status: str | None = "COMPLETED", **fields: Any) -> PastBackup:
    name = f"nightly-{instance_id[-6:]}-{hours:g}".replace(".", "-")
    return PastBackup(instance_id=instance_id, name=name, begin_time=hours_ago(hours), status=status, **fields)


def audit(**fields: Any) -> dict[str, Any]:
    return {"schedule": "nightly", "scheduled_time": NOW.isoformat(), **fields}


def states(response: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["instance_id"], one["state"]) for one in response["instances"]]


def cover_all(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(id_, 4) for id_ in (ORDERS, STOCK, BILLING)))


def requests(deployment: Deployment) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in deployment.messages("BACKUP_QUEUE_URL")]


def test_an_instance_with_a_recent_good_backup_is_covered(deployment: Deployment) -> None:
    cover_all(deployment)
    response = deployment.invoke("audit_backups", audit())
    assert {state for _, state in states(response)} == {"ok"}
    assert (response["audited"], response["uncovered"]) == (3, 0)
    assert response["instances"][0]["last_good_backup"]["name"].startswith("nightly-")
    assert deployment.count("InstancesAudited") == 3
    assert deployment.count("InstancesUncovered") == 0
    age = datetime.now(UTC) - hours_ago(4)  # some while after this module was imported
    assert deployment.count("OldestBackupAge") == pytest.approx(age.total_seconds(), abs=60)


def test_what_an_audit_measures_is_a_metric_of_its_schedule_too(deployment: Deployment) -> None:
    """So that an audit of one instance by hand ends no alarm of the schedule."""
    cover_all(deployment)
    deployment.invoke("audit_backups", audit())
    sets = [["service"], ["service", "connection"], ["service", "connection", "schedule"]]
    assert deployment.dimensions("InstancesUncovered") == sets
    deployment.invoke("audit_backups", {"select": {"instance_ids": [ORDERS]}})
    assert deployment.dimensions("InstancesUncovered") == [*sets, *sets[:2]]


def test_an_instance_without_any_backup_is_a_row_and_the_worst(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 4), past(STOCK, 50))
    response = deployment.invoke("audit_backups", audit())
    assert states(response) == [(BILLING, "never"), (STOCK, "late"), (ORDERS, "ok")]
    record = next(r for r in deployment.records if r["message"] == "instance uncovered")
    assert (record["instance_id"], record["state"], record["level"]) == (BILLING, "never", "ERROR")
    assert "check that a plan selects it" in record["reason"]
    assert deployment.count("InstancesUncovered") == 2


def test_no_age_is_reported_where_no_instance_has_a_good_backup(deployment: Deployment) -> None:
    response = deployment.invoke("audit_backups", audit())
    assert response["states"]["never"] == 3
    assert deployment.count("InstancesUncovered") == 3
    assert not [document for document in deployment.metrics if "OldestBackupAge" in document]


def test_a_failed_attempt_before_a_good_backup_is_forgotten(deployment: Deployment) -> None:
    cover_all(deployment)
    deployment.cloud.add_backups(past(ORDERS, 5, "FAILED"))
    assert dict(states(deployment.invoke("audit_backups", audit())))[ORDERS] == "ok"


def test_failed_attempts_since_the_last_good_backup_are_counted(deployment: Deployment) -> None:
    cover_all(deployment)
    deployment.cloud.add_backups(past(STOCK, 2, "FAILED"), past(STOCK, 1, "FAILED"))
    response = deployment.invoke("audit_backups", audit(max_age_hours=3, select={"instance_ids": [STOCK]}))
    [stock] = response["instances"]
    assert (stock["state"], stock["attempts_failed"]) == ("failing", 2)


def test_the_age_ends_with_the_next_audit_once_a_good_backup_is_there(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 90))
    only = {"select": {"instance_ids": [ORDERS]}}
    assert deployment.invoke("audit_backups", audit(**only))["uncovered"] == 1
    deployment.cloud.add_backups(past(ORDERS, 1))
    assert deployment.invoke("audit_backups", audit(**only))["uncovered"] == 0


def test_each_gap_is_requested_once_however_often_the_audit_is_repeated(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 4), past(STOCK, 50))
    template = "{schedule}-{instance_name}-{scheduled_time:%Y%m%d-%H%M}"
    event = audit(catch_up=True, name_template=template)
    first, second = (deployment.invoke("audit_backups", event) for _ in range(2))
    assert first["catch_up"] == second["catch_up"] == sorted([STOCK, BILLING])
    sent = requests(deployment)
    parsed = [parse_backup_request(body, default_time=NOW, now=NOW) for body in sent]
    assert len(parsed) == 4
    assert {(one.instance_id, one.name_template) for one in parsed} == {
        (STOCK, f"nightly-stock---bung--{NOW:%Y%m%d-%H%M}"),
        (BILLING, f"nightly-billing-{NOW:%Y%m%d-%H%M}"),
    }
    assert {one.scheduled_time for one in parsed} == {NOW}


def test_asking_twice_makes_one_backup(deployment: Deployment) -> None:
    only = {"select": {"instance_ids": [ORDERS]}}
    for _ in range(2):
        deployment.invoke("audit_backups", audit(catch_up=True, **only))
    for body in requests(deployment):
        deployment.invoke("create_backup", body)
    assert len(deployment.cloud.backups(ORDERS)) == 1


@pytest.mark.parametrize("template", ["nightly-{instance_id:.8}-{scheduled_time:%Y%m%d}", "nightly-{instance_id:.8}"])
def test_nothing_is_requested_under_a_name_that_the_days_other_backup_has(
    deployment: Deployment, template: str
) -> None:
    response = deployment.invoke("audit_backups", audit(catch_up=True, name_template=template))
    assert (response["uncovered"], response["catch_up"], requests(deployment)) == (3, [], [])
    assert response["remarks"][0].startswith("nothing is requested to catch up: name_template does not show the hour")


def test_without_catch_up_nothing_is_requested(deployment: Deployment) -> None:
    assert deployment.invoke("audit_backups", audit())["catch_up"] == []
    assert requests(deployment) == []


def test_no_backup_is_requested_while_one_is_being_made(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 50), past(ORDERS, 1, None), past(STOCK, 1, None), past(BILLING, 4))
    response = deployment.invoke("audit_backups", audit(catch_up=True))
    assert dict(states(response)) == {STOCK: "never", ORDERS: "building", BILLING: "ok"}
    assert response["catch_up"] == []


def test_a_backup_that_has_not_ended_for_a_day_is_not_being_made(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 80), past(ORDERS, 30, None))
    response = deployment.invoke("audit_backups", audit(catch_up=True, select={"instance_ids": [ORDERS]}))
    [orders] = response["instances"]
    assert orders["state"] == "late"
    assert "one has not ended for 30 h (BUILDING)" in orders["reason"]
    assert response["catch_up"] == [ORDERS]


def test_an_instance_that_cannot_be_backed_up_is_uncovered_but_not_requested(deployment: Deployment) -> None:
    deployment.cloud.change_instance(STOCK, status="FROZEN")
    response = deployment.invoke("audit_backups", audit(catch_up=True, select={"instance_ids": [STOCK]}))
    assert (response["uncovered"], response["catch_up"]) == (1, [])
    skipped = next(r for r in deployment.records if r["message"] == "instance skipped")
    assert (skipped["instance_id"], skipped["reason"]) == (STOCK, "it is frozen (status FROZEN)")


def test_a_new_instance_is_no_gap(deployment: Deployment) -> None:
    cover_all(deployment)
    new = gaussdb_emulator.Instance(id=f"{0xD4:032x}in07", name="fresh", created=hours_ago(2))
    deployment.cloud.add_instances(new)
    response = deployment.invoke("audit_backups", audit(catch_up=True))
    assert dict(states(response))[new.id] == "new"
    assert (response["uncovered"], response["catch_up"]) == (0, [])


def test_an_instance_that_the_audit_does_not_select_is_shown_and_not_counted(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 4), past(BILLING, 4))
    response = deployment.invoke("audit_backups", audit(select={"tags": {"env": "prod"}}, catch_up=True))
    assert dict(states(response)) == {ORDERS: "ok", BILLING: "ok"}
    assert [(one["instance_id"], one["state"]) for one in response["unselected"]] == [(STOCK, "never")]
    assert (response["audited"], response["uncovered"], response["catch_up"]) == (2, 0, [])


def test_an_id_that_the_project_does_not_have_is_reported_and_stops_nothing(deployment: Deployment) -> None:
    cover_all(deployment)
    gone = f"{0xEE:032x}in07"
    response = deployment.invoke("audit_backups", audit(select={"instance_ids": [gone, ORDERS]}))
    assert (response["not_found"], response["audited"]) == ([gone], 1)
    assert deployment.count("InstancesUncovered") == 1
    assert [r["instance_id"] for r in deployment.records if r["message"] == "instance not found"] == [gone]
    assert deployment.records[-1]["level"] == "WARNING"


def test_backups_of_deleted_instances_are_orphans(deployment: Deployment) -> None:
    cover_all(deployment)
    deployment.cloud.add_backups(past(STOCK, 30, size_mb=100), past(STOCK, 54, "FAILED", size_mb=0))
    deployment.cloud.remove_instance(STOCK)
    response = deployment.invoke("audit_backups", audit())
    [orphans] = response["orphans"]
    assert (orphans["instance_id"], orphans["backups"], orphans["good"]) == (STOCK, 3, 2)
    assert orphans["size_mb"] == 612.5
    assert STOCK not in dict(states(response))


def test_the_instance_of_a_drill_is_none_that_must_be_covered(deployment: Deployment) -> None:
    cover_all(deployment)
    tags = {"gaussdb-backup-drill": "drill-1", "gaussdb-backup-source": ORDERS}
    deployment.cloud.add_instances(gaussdb_emulator.Instance(id=f"{0xD5:032x}in07", name="drill-orders", tags=tags))
    response = deployment.invoke("audit_backups", audit(catch_up=True))
    assert (response["audited"], response["unselected"], response["catch_up"]) == (3, [], [])
    assert response["remarks"] == ["not audited, by the tag of a restore drill: drill-orders (1 in all)"]


def test_automatic_backups_count_only_where_the_audit_counts_them(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 4, type="auto"))
    only = {"select": {"instance_ids": [ORDERS]}}
    assert states(deployment.invoke("audit_backups", audit(**only))) == [(ORDERS, "never")]
    [orders] = deployment.invoke("audit_backups", audit(count_automatic=True, **only))["instances"]
    assert (orders["state"], orders["last_good_backup"]["type"]) == ("ok", "auto")


def test_the_next_prune_is_foreseen_with_its_reasons(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, 4 + 24 * day) for day in range(4)))
    prune = {"name_prefix": "nightly-", "keep": {"last": 2}}
    response = deployment.invoke("audit_backups", audit(prune=prune, timezone="Europe/Berlin"))
    assert response["next_prune"]["kept"] == 2
    assert [one["reason"] for one in response["next_prune"]["deleted"]] == ["no rule keeps it"] * 2
    assert len(deployment.cloud.backups(ORDERS)) == 4


def test_what_protects_the_backups_is_read_and_shown(deployment: Deployment) -> None:
    cover_all(deployment)
    deployment.cloud.change_instance(ORDERS, encryption="on", automatic_keep_days=14)
    response = deployment.invoke("audit_backups", audit())
    orders = next(one for one in response["instances"] if one["instance_id"] == ORDERS)
    assert (orders["automatic_keep_days"], orders["protection"]["encryption"]) == (14, "on")
    assert response["remarks"] == []


def test_an_audit_without_permission_to_read_one_kind_of_protection_reads_the_other(deployment: Deployment) -> None:
    cover_all(deployment)
    deployment.cloud.change_instance(ORDERS, encryption="on")
    deployment.cloud.add_fault(Fault(operation="vault_lock", status=403, code="DBS.200010"))
    response = deployment.invoke("audit_backups", audit())
    orders = next(one for one in response["instances"] if one["instance_id"] == ORDERS)
    assert orders["protection"] == {"vault_lock": None, "encryption": "on"}
    [remark] = response["remarks"]
    assert remark.startswith("vault lock of 0 of 3 instances was read: ")
    assert len(deployment.cloud.calls("vault_lock")) == 1
    assert deployment.count("ConnectionUnusable") == 0


def test_the_protection_of_a_large_project_is_read_while_there_is_time(deployment: Deployment) -> None:
    cover_all(deployment)
    response = deployment.invoke("audit_backups", audit(), milliseconds_left=4_000)
    assert response["audited"] == 3
    deployment.cloud.add_fault(Fault(operation="vault_lock", effect=Effect.SLOW, seconds=1.2))
    slow = deployment.invoke("audit_backups", audit(), milliseconds_left=4_500)
    assert slow["audited"] == 3
    assert any("instances was read: " in remark for remark in slow["remarks"])


def test_an_audit_without_read_protection_reads_none(deployment: Deployment) -> None:
    response = deployment.invoke("audit_backups", audit(read_protection=False))
    assert {one["protection"] for one in response["instances"]} == {None}
    assert not deployment.cloud.calls("vault_lock")


def test_the_page_is_stored_once_for_each_run_and_is_the_same_value(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 4))
    first = deployment.invoke("audit_backups", audit())
    assert deployment.invoke("audit_backups", audit())["report"] == first["report"]
    [stored] = boto3.client("s3").list_objects_v2(Bucket="reports")["Contents"]
    assert first["report"] == f"s3://reports/{stored['Key']}"
    assert stored["Key"] == f"audit/default/nightly/{NOW:%Y%m%dT%H%M%SZ}.html"
    page = boto3.client("s3").get_object(Bucket="reports", Key=stored["Key"])
    assert page["ContentType"] == "text/html; charset=utf-8"
    text = page["Body"].read().decode()
    assert all(one["instance_id"] in text for one in first["instances"])
    assert Coverage.model_validate(first).to_json() == first


def test_without_a_bucket_no_page_is_stored(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORT_BUCKET", "")
    assert deployment.invoke("audit_backups", audit())["report"] is None
    assert deployment.count("ReportNotDelivered") == 0


def test_a_bucket_that_refuses_costs_the_audit_nothing_else(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_BUCKET", "no-such-bucket")
    response = deployment.invoke("audit_backups", audit())
    assert (response["report"], response["audited"]) == (None, 3)
    assert deployment.count("ReportNotDelivered") == 1
    record = next(r for r in deployment.records if r["message"] == "report not delivered")
    assert "NoSuchBucket" in record["cause"]


def test_the_end_is_published_with_the_worst_ten(deployment: Deployment) -> None:
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    events = boto3.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["gaussdb-backup"]}))
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    deployment.cloud.add_backups(past(ORDERS, 4))
    more = [gaussdb_emulator.Instance(id=f"{0xF000 + i:032x}in07", name=f"more-{i}") for i in range(12)]
    deployment.cloud.add_instances(*more)
    response = deployment.invoke("audit_backups", audit(catch_up=True))
    [message] = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    event = json.loads(message["Body"])
    detail = event["detail"]
    assert event["detail-type"] == "GaussDB Backup Audit Finished"
    assert (detail["outcome"], detail["audited"], detail["uncovered"]) == ("uncovered", 15, 14)
    assert len(detail["worst"]) == len(detail["lines"]) == 10
    assert detail["report"] == response["report"]
    assert detail["service"] == "gaussdb-backup"


def test_a_project_that_lists_no_instance_is_no_covered_one(deployment: Deployment) -> None:
    for id_ in (ORDERS, STOCK, BILLING):
        deployment.cloud.remove_instance(id_)
    response = deployment.invoke("audit_backups", audit())
    assert response["audited"] == 0
    assert deployment.count("InstancesAudited") == 0
    assert deployment.records[-1]["level"] == "WARNING"


def test_an_audit_that_is_listed_no_instance_ends_no_alarm_of_the_one_before(deployment: Deployment) -> None:
    """The alarm keeps its state where there is no value; a 0 would be one of a good audit."""
    assert deployment.invoke("audit_backups", audit())["uncovered"] == 3
    deployment.cloud.add_fault(Fault(operation="instances", status=200, body='{"instances": [], "total_count": 0}'))
    assert deployment.invoke("audit_backups", audit())["audited"] == 0
    emitted = [
        sum(document["InstancesUncovered"]) for document in deployment.metrics if "InstancesUncovered" in document
    ]
    assert emitted == [3]


@pytest.mark.parametrize(("type_", "state"), [("auto", "never"), ("Manual", "ok"), ("manual ", "ok"), (None, "ok")])
def test_an_automatic_backup_in_the_list_of_manual_ones_covers_nothing(
    deployment: Deployment, type_: str | None, state: str
) -> None:
    """The API is asked for manual ones only. Should it ignore that, an instance would look covered."""
    begin = hours_ago(4).isoformat()
    backup = {"id": "b" * 36, "instance_id": ORDERS, "type": type_, "status": "COMPLETED", "begin_time": begin}
    body = json.dumps({"backups": [backup], "total_count": 1})
    deployment.cloud.add_fault(Fault(operation="list", status=200, body=body))
    only = {"select": {"instance_ids": [ORDERS]}}
    assert states(deployment.invoke("audit_backups", audit(**only))) == [(ORDERS, state)]


def test_a_list_that_fails_requests_and_reports_nothing(deployment: Deployment) -> None:
    deployment.cloud.add_fault(Fault(operation="list"))
    with pytest.raises(TryLater):
        deployment.invoke("audit_backups", audit(catch_up=True))
    assert requests(deployment) == []
    assert deployment.count("InstancesAudited") == 0
    assert deployment.count("InvocationFailed") == 1
    assert [r["message"] for r in deployment.records if r["level"] == "ERROR"] == ["audit failed"]


def test_an_inventory_of_which_a_part_is_not_listed_is_no_audit_of_the_rest(deployment: Deployment) -> None:
    """By their number there are three, of which one is listed: the others would look covered."""
    cover_all(deployment)
    body = json.dumps({"instances": [{"id": ORDERS, "name": "orders"}], "total_count": 3})
    deployment.cloud.add_fault(Fault(operation="instances", status=200, body=body))
    with pytest.raises(TryLater, match="list instances: 1 of 3 records are listed"):
        deployment.invoke("audit_backups", audit(catch_up=True))
    assert deployment.metrics[-1]["InvocationFailed"] == [1]
    assert deployment.count("InstancesAudited") == 0
    assert requests(deployment) == []


def test_an_instance_whose_id_cannot_be_read_is_remarked(deployment: Deployment) -> None:
    """It may have no backup at all, and the page shows each of the others as covered."""
    cover_all(deployment)
    listed = [{"id": ORDERS, "name": "orders"}, {"id": None, "name": "billing"}]
    body = json.dumps({"instances": listed, "total_count": 2})
    deployment.cloud.add_fault(Fault(operation="instances", status=200, body=body))
    response = deployment.invoke("audit_backups", audit(read_protection=False))
    assert response["audited"] == 1
    assert response["remarks"] == ["records of list instances that cannot be read: 1"]


def test_refused_credentials_are_reported_as_an_unusable_connection(deployment: Deployment) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("audit_backups", audit())
    assert deployment.count("ConnectionUnusable") == 1
    assert deployment.count("BackupRejected") == 0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_age_hours": 0}, "max_age_hours: expected a number of hours above 0"),
        ({"max_age_hours": "26"}, "max_age_hours"),
        ({"days": 93}, "days: expected a whole number from 1 to 92; got 93"),
        ({"catch_up": "yes"}, "catch_up: expected true or false; got 'yes'"),
        ({"select": {"tag": {}}}, "select.tag: expected no such field"),
        ({"prune": {"keep": {"daily": 7}}}, "prune.name_prefix: expected the beginning of the names"),
        ({"prune": {"name_prefix": "n", "keep": {"dayly": 7}}}, "prune.keep.dayly: expected no such field"),
        ({"catch_up": True, "name_template": "x"}, "name_template"),
        ({"version": 2}, "version"),
        ({"unknown": 1}, "unknown: expected no such field"),
    ],
)
def test_a_wrong_field_is_named(deployment: Deployment, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        deployment.invoke("audit_backups", audit(**fields))
    assert named in str(raised.value)
    assert deployment.cloud.requests == []


@pytest.mark.parametrize("event", [None, [], "audit", {"Records": []}])
def test_what_is_no_audit_is_refused(deployment: Deployment, event: Any) -> None:
    with pytest.raises(InvalidRequest):
        deployment.invoke("audit_backups", event)


def test_an_audit_without_a_time_belongs_to_when_its_invocation_was_first_seen(deployment: Deployment) -> None:
    """Lambda repeats a failed invocation with the same request id."""
    context = Context()
    with deployment.collecting_output():
        app = deployment.app("audit_backups")
        times = {app.handler({}, context)["scheduled_time"] for _ in range(2)}
    assert len(times) == 1


def test_a_dead_queue_is_reported_and_fails_the_audit_after_all_else(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_QUEUE_URL", deployment.queues["BACKUP_QUEUE_URL"] + "-none")
    with pytest.raises(TryLater, match="did not take 3 of 3 catch-up requests"):
        deployment.invoke("audit_backups", audit(catch_up=True))
    assert deployment.count("InstancesUncovered") == 3
    finished = next(r for r in deployment.records if r["message"] == "audit finished")
    assert finished["catch_up"] == 0
