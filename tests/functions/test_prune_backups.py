"""prune_backups: what it deletes, what it never touches, and what it reports."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.errors import CredentialsRefused, InvalidRequest, TryLater
from local import gaussdb_emulator
from local.aws_emulator import Context
from local.gaussdb_emulator import Fault, PastBackup
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK

NOW = datetime.now(UTC)
DRILL_TAGS = {"gaussdb-backup-drill": "drill-1", "gaussdb-backup-source": ORDERS}


def past(instance_id: str, days: float, status: str | None = "COMPLETED", **fields: Any) -> PastBackup:
    name = f"nightly-{instance_id[-6:]}-{days:g}".replace(".", "-")
    begin = NOW - timedelta(days=days, minutes=5)
    return PastBackup(**{"instance_id": instance_id, "name": name, "begin_time": begin, "status": status, **fields})


def prune(**fields: Any) -> dict[str, Any]:
    return {"schedule": "nightly", "name_prefix": "nightly-", "keep": {"last": 2}, "dry_run": False, **fields}


def names(deployment: Deployment, instance_id: str | None = None) -> list[str]:
    """The names of the backups that the cloud has, one of which was deleted a moment ago no more."""
    deployment.cloud.advance(timedelta(minutes=1))
    return sorted(backup.name for backup in deployment.cloud.backups(instance_id))


def reasons(response: dict[str, Any], part: str = "kept") -> dict[str, list[str]]:
    return {one["backup_name"]: one["reasons"] for one in response[part]}


def test_what_no_rule_keeps_is_deleted(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    response = deployment.invoke("prune_backups", prune())
    assert names(deployment) == sorted(reasons(response))
    assert reasons(response) == {past(ORDERS, day).name: ["last"] for day in (0, 1)}
    assert [one["backup_name"] for one in response["deleted"]] == [past(ORDERS, day).name for day in (4, 3, 2)]
    assert response["failed"] == []
    assert (deployment.count("BackupsKept"), deployment.count("BackupsDeleted")) == (2, 3)
    assert Counter(r["message"] for r in deployment.records)["backup pruned"] == 3


def test_a_dry_run_is_the_default_and_deletes_nothing(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    event = prune()
    del event["dry_run"]
    response = deployment.invoke("prune_backups", event)
    assert response["dry_run"] is True
    assert len(response["deleted"]) == 3
    assert len(names(deployment)) == 5
    assert not deployment.cloud.calls("batch_delete")
    assert deployment.metrics == []


def test_a_dry_run_shows_what_the_prune_then_does(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day, "FAILED" if day == 9 else "COMPLETED") for day in range(12)))
    foreseen = deployment.invoke("prune_backups", prune(dry_run=True))
    done = deployment.invoke("prune_backups", prune())
    assert foreseen["deleted"] == done["deleted"]
    assert foreseen["kept"] == done["kept"]


def test_each_backup_has_its_status_and_its_times(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 0.001, None), past(ORDERS, 1, seconds=90), past(ORDERS, 2, "FAILED"))
    response = deployment.invoke(
        "prune_backups", prune(dry_run=True, all_names=True, name_prefix="", keep={"last": -1})
    )
    assert response["deleted"] == []
    described = [(one["status"], one["begin_time"], one["end_time"]) for one in response["kept"]]
    begins = [past(ORDERS, days).begin_time.replace(microsecond=0) for days in (0.001, 1, 2)]
    ends = [None, (begins[1] + timedelta(seconds=90)).isoformat(), (begins[2] + timedelta(seconds=60)).isoformat()]
    states = ["BUILDING", "COMPLETED", "FAILED"]
    assert described == list(zip(states, [begin.isoformat() for begin in begins], ends, strict=True))


def test_the_newest_good_backup_of_an_instance_stays_however_old(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 900), past(ORDERS, 950), past(ORDERS, 1, "FAILED"))
    response = deployment.invoke("prune_backups", prune(keep={"within": "7d"}))
    assert past(ORDERS, 900).name in names(deployment)
    assert past(ORDERS, 950).name not in names(deployment)
    assert reasons(response)[past(ORDERS, 1).name] == ["failed recently"]


def test_what_is_not_ours_is_never_touched(deployment: Deployment) -> None:
    by_person = past(ORDERS, 400, name="before-upgrade")
    deployment.cloud.add_backups(by_person, *(past(ORDERS, day) for day in range(3)))
    response = deployment.invoke("prune_backups", prune(keep={"last": 1}))
    assert names(deployment) == sorted(["before-upgrade", past(ORDERS, 0).name])
    assert reasons(response)["before-upgrade"] == ["not ours"]


def test_every_name_counts_only_where_that_is_said_twice(deployment: Deployment) -> None:
    deployment.cloud.add_backups(past(ORDERS, 1), past(ORDERS, 2, name="before-upgrade"), past(ORDERS, 3))
    with pytest.raises(InvalidRequest, match='only with "all_names": true'):
        deployment.invoke("prune_backups", prune(name_prefix=""))
    deployment.invoke("prune_backups", prune(name_prefix="", all_names=True, keep={"last": 1}))
    assert names(deployment) == [past(ORDERS, 1).name]


def test_automatic_backups_are_never_touched(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(3)), past(ORDERS, 8, type="auto"))
    deployment.invoke("prune_backups", prune(keep={"last": 1}))
    assert past(ORDERS, 8).name in names(deployment)


def test_building_and_recently_failed_ones_stay_and_old_failed_ones_go(deployment: Deployment) -> None:
    deployment.cloud.add_backups(
        past(ORDERS, 0.01, None), past(ORDERS, 6, "FAILED"), past(ORDERS, 8, "FAILED"), past(ORDERS, 9)
    )
    response = deployment.invoke("prune_backups", prune(keep={"last": 1}))
    assert reasons(response) == {
        past(ORDERS, 0.01).name: ["building"],
        past(ORDERS, 6).name: ["failed recently"],
        past(ORDERS, 9).name: ["last"],
    }
    assert reasons(response, "deleted") == {past(ORDERS, 8).name: ["failed"]}


def test_only_selected_instances_are_pruned(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(id_, day) for id_ in (ORDERS, STOCK) for day in range(3)))
    response = deployment.invoke("prune_backups", prune(keep={"last": 1}, select={"tags": {"env": "prod"}}))
    assert len(names(deployment, ORDERS)) == 1
    assert len(names(deployment, STOCK)) == 3
    assert {one["instance_id"] for one in (*response["kept"], *response["deleted"])} == {ORDERS}


def test_an_id_that_the_project_does_not_have_is_reported_and_stops_nothing(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(3)))
    gone = f"{0xEE:032x}in07"
    response = deployment.invoke("prune_backups", prune(keep={"last": 1}, select={"instance_ids": [gone, ORDERS]}))
    assert (response["not_found"], len(response["deleted"])) == ([gone], 2)
    assert [r["instance_id"] for r in deployment.records if r["message"] == "instance not found"] == [gone]


def test_backups_of_a_deleted_instance_stay_unless_orphans_are_included(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(STOCK, day) for day in range(3)))
    deployment.cloud.remove_instance(STOCK)
    assert deployment.invoke("prune_backups", prune(keep={"last": 1}))["deleted"] == []
    deployment.invoke("prune_backups", prune(keep={"last": 1}, include_orphans=True))
    assert names(deployment, STOCK) == [past(STOCK, 0).name]


def test_an_orphan_is_selected_by_the_name_that_its_backups_have(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(id_, day) for id_ in (STOCK, BILLING) for day in range(2)))
    deployment.cloud.remove_instance(STOCK)
    deployment.cloud.remove_instance(BILLING)
    fields = {"keep": {"last": 1}, "include_orphans": True}
    response = deployment.invoke("prune_backups", prune(select={"name_pattern": "bill*"}, **fields))
    assert {one["instance_id"] for one in response["deleted"]} == {BILLING}
    tagged = deployment.invoke("prune_backups", prune(select={"tags": {"tier": "gold"}}, **fields))
    assert tagged["deleted"] == []


def test_while_a_drill_restores_from_an_instance_none_of_its_backups_goes(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(id_, day) for id_ in (ORDERS, STOCK) for day in range(3)))
    drill = gaussdb_emulator.Instance(id=f"{0xD5:032x}in07", name="drill-orders", tags=DRILL_TAGS)
    deployment.cloud.add_instances(drill)
    response = deployment.invoke("prune_backups", prune(keep={"last": 1}))
    assert len(names(deployment, ORDERS)) == 3
    assert len(names(deployment, STOCK)) == 1
    assert reasons(response)[past(ORDERS, 2).name] == ["drill"]


def test_more_deletions_than_are_allowed_delete_nothing_and_alarm(deployment: Deployment) -> None:
    hours = [past(ORDERS, hour / 24, name=f"nightly-{hour}") for hour in range(602)]
    deployment.cloud.add_backups(*hours)
    response = deployment.invoke("prune_backups", prune())
    assert response["refused"].startswith("600 backups would be deleted, of at most 500: ")
    assert response["deleted"] == []
    assert len(names(deployment)) == 602
    assert deployment.count("PruneRefused") == 1
    assert not deployment.cloud.calls("batch_delete")
    assert len(deployment.invoke("prune_backups", prune(max_deletions=600))["deleted"]) == 600
    assert len(names(deployment)) == 2
    assert len(deployment.cloud.calls("batch_delete")) == 12


def test_a_project_that_suddenly_lists_no_instance_deletes_nothing_and_alarms(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    empty = Fault(operation="instances", status=200, body='{"instances": [], "total_count": 0}')
    deployment.cloud.add_fault(empty)
    response = deployment.invoke("prune_backups", prune(include_orphans=True))
    assert response["refused"].startswith("the project lists no instance at all, yet backups of 1: ")
    assert deployment.count("PruneRefused") == 1
    assert len(names(deployment)) == 5


def test_an_inventory_of_which_a_part_is_not_listed_deletes_nothing(deployment: Deployment) -> None:
    """The others would be pruned as instances that are gone, by the name that they once had, and without their tags."""
    deployment.cloud.add_backups(*(past(id_, day) for id_ in (ORDERS, STOCK) for day in range(5)))
    body = json.dumps({"instances": [{"id": ORDERS, "name": "orders"}], "total_count": 3})
    deployment.cloud.add_fault(Fault(operation="instances", status=200, body=body))
    with pytest.raises(TryLater, match="list instances: 1 of 3 records are listed"):
        deployment.invoke("prune_backups", prune(include_orphans=True))
    assert len(names(deployment)) == 10


@pytest.mark.parametrize("pages_read", [0, 1, 2])
def test_a_backup_list_that_fails_before_its_end_deletes_nothing(deployment: Deployment, pages_read: int) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day / 10, name=f"nightly-{day}") for day in range(250)))
    deployment.cloud.add_fault(Fault(operation="list", after=pages_read))
    with pytest.raises(TryLater):
        deployment.invoke("prune_backups", prune())
    assert deployment.cloud.calls("list")
    assert not deployment.cloud.calls("batch_delete")
    assert len(names(deployment)) == 250


def test_one_backup_that_is_restored_from_keeps_no_other(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day, held=day == 3) for day in range(6)))
    response = deployment.invoke("prune_backups", prune())
    assert names(deployment) == sorted(past(ORDERS, day).name for day in (0, 1, 3))
    [deferred] = response["deferred"]
    assert (deferred["backup_name"], deferred["error_code"]) == (past(ORDERS, 3).name, "DBS.201208")
    assert response["failed"] == []
    record = next(r for r in deployment.records if r["message"] == "backup not pruned")
    assert (record["level"], record["instance_id"], record["error_code"]) == ("WARNING", ORDERS, "DBS.201208")


def test_one_backup_that_the_api_refuses_keeps_no_other_and_alarms(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(6)))
    refused = deployment.cloud.backups(ORDERS)[3]
    items = [{"backup_id": refused.id, "error_code": "DBS.201204", "error_msg": "The backup type is not allowed."}]
    body = {"success_count": 3, "failed_count": 1, "failed_results": items}
    deployment.cloud.add_fault(Fault(operation="batch_delete", status=200, body=json.dumps(body)))
    response = deployment.invoke("prune_backups", prune())
    [failed] = response["failed"]
    assert (failed["backup_name"], failed["error_code"]) == (refused.name, "DBS.201204")
    assert len(response["deleted"]) == 3
    assert deployment.count("DeletionsFailed") == 1
    record = next(r for r in deployment.records if r["message"] == "backup not pruned")
    assert (record["level"], record["instance_id"], record["error_code"]) == ("ERROR", ORDERS, "DBS.201204")


@pytest.mark.parametrize(("status", "code"), [(400, "DBS.280001"), (409, "DBS.201205")])
def test_a_batch_that_is_refused_as_a_whole_is_divided(deployment: Deployment, status: int, code: str) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(12)))
    deployment.cloud.add_fault(Fault(operation="batch_delete", status=status, code=code, times=4))
    response = deployment.invoke("prune_backups", prune())
    refused = [*response["failed"], *response["deferred"]]
    assert len(response["deleted"]) == 9
    assert [(one["error_code"], len(names(deployment))) for one in refused] == [(code, 3)]


def test_what_was_deleted_of_a_divided_batch_before_an_outage_is_reported_as_deleted(deployment: Deployment) -> None:
    """Nobody can restore it any more, so a record has to name it."""
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(12)))
    deployment.cloud.add_fault(Fault(operation="batch_delete", status=400, code="DBS.280001", times=1))
    deployment.cloud.add_fault(Fault(operation="batch_delete", after=1))
    response = deployment.invoke("prune_backups", prune())
    gone = sorted(past(ORDERS, day).name for day in range(7, 12))
    assert sorted(one["backup_name"] for one in response["deleted"]) == gone
    assert sorted(r["backup_name"] for r in deployment.records if r["message"] == "backup pruned") == gone
    assert names(deployment) == sorted(past(ORDERS, day).name for day in range(7))
    assert (response["counts"]["failed"], deployment.count("BackupsDeleted")) == (5, 5)


def test_an_outage_stops_the_deletions_and_the_next_prune_does_the_rest(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day / 10, name=f"nightly-{day}") for day in range(122)))
    deployment.cloud.add_fault(Fault(operation="batch_delete", times=1))
    response = deployment.invoke("prune_backups", prune())
    codes = Counter(one["error_code"] for one in response["failed"])
    assert codes == {"APIGW.0613": 50, "NotAttempted": 70}
    assert deployment.count("DeletionsFailed") == 120
    assert len(deployment.invoke("prune_backups", prune())["deleted"]) == 120
    assert names(deployment) == ["nightly-0", "nightly-1"]


def test_a_deletion_whose_response_is_lost_is_found_done_by_the_next_prune(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    deployment.cloud.add_fault(gaussdb_emulator.lost_response("batch_delete"))
    response = deployment.invoke("prune_backups", prune())
    assert len(response["failed"]) == 3
    assert len(names(deployment)) == 2
    again = deployment.invoke("prune_backups", prune())
    assert (again["deleted"], again["failed"]) == ([], [])


def test_what_is_being_deleted_already_is_no_failure(deployment: Deployment) -> None:
    """A deleted backup stays in the list for a while; its deletion is refused then."""
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    deployment.invoke("prune_backups", prune())
    again = deployment.invoke("prune_backups", prune())
    assert (len(again["deferred"]), again["failed"], again["deleted"]) == (3, [], [])
    assert deployment.count("DeletionsFailed") == 0
    deployment.cloud.advance(timedelta(minutes=10))
    assert deployment.invoke("prune_backups", prune())["counts"]["deferred"] == 0


def test_two_prunes_at_once_delete_what_one_does(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day / 10, name=f"nightly-{day}") for day in range(122)))
    with deployment.collecting_output():
        app = deployment.app("prune_backups")
        app.dependencies()
        with ThreadPoolExecutor(2) as pool:
            responses = list(pool.map(lambda _: app.handler(prune(), Context()), range(2)))
    ids = [one["backup_id"] for response in responses for one in response["deleted"]]
    assert (len(ids), len(set(ids))) == (120, 120)
    assert [len(response["failed"]) for response in responses] == [0, 0]
    assert sum(len(response["deferred"]) for response in responses) == 120
    assert names(deployment) == ["nightly-0", "nightly-1"]


def test_what_is_gone_already_counts_as_deleted(deployment: Deployment) -> None:
    """It was listed, and then somebody deleted it."""
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    body = {"success_count": 0, "failed_count": 3, "failed_results": []}
    body["failed_results"] = [
        {"backup_id": backup.id, "error_code": "DBS.201203", "error_msg": "The backup file does not exist."}
        for backup in deployment.cloud.backups(ORDERS)[2:]
    ]
    deployment.cloud.add_fault(Fault(operation="batch_delete", status=200, body=json.dumps(body)))
    response = deployment.invoke("prune_backups", prune())
    assert (len(response["deleted"]), response["failed"]) == (3, [])
    assert deployment.count("DeletionsFailed") == 0


def test_refused_credentials_delete_nothing_and_are_an_unusable_connection(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    deployment.put_secret(secret_key="hush-hush-wrong")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("prune_backups", prune())
    assert len(names(deployment)) == 5
    assert deployment.count("ConnectionUnusable") == 1


def test_a_user_who_may_not_delete_is_reported_as_an_unusable_connection(deployment: Deployment) -> None:
    deployment.cloud.add_backups(*(past(ORDERS, day) for day in range(5)))
    deployment.cloud.add_fault(Fault(operation="batch_delete", status=403, code="DBS.200010"))
    response = deployment.invoke("prune_backups", prune())
    assert len(response["failed"]) == 3
    assert deployment.count("ConnectionUnusable") == 1
    assert deployment.count("DeletionsFailed") == 3


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"keep": {}}, "keep: expected an object with at least one rule"),
        ({"keep": {"daily": 0, "last": 0}}, "keep: expected an object with at least one rule"),
        ({"keep": {"daily": -2}}, "keep.daily"),
        ({"keep": {"daily": True}}, "keep.daily"),
        ({"keep": {"within": "2w"}}, "keep.within"),
        ({"keep": {"dayly": 7}}, "keep.dayly: expected no such field (there are last, hourly"),
        ({"keep": None}, "keep"),
        ({"name_prefix": None}, "name_prefix"),
        ({"minimum_good": 0}, "minimum_good: expected a whole number from 1 to 10000; got 0"),
        ({"max_deletions": 10_001}, "max_deletions"),
        ({"timezone": "Mars/Phobos"}, "timezone: expected an IANA time zone"),
        ({"dry_run": "no"}, "dry_run: expected true or false; got 'no'"),
        ({"select": {"instance_ids": ["x"]}}, "select.instance_ids.0"),
        ({"keep_daily": 7}, "keep_daily: expected no such field"),
    ],
)
def test_a_wrong_field_is_named_and_deletes_nothing(deployment: Deployment, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        deployment.invoke("prune_backups", prune(**fields))
    assert named in str(raised.value)
    assert deployment.cloud.requests == []
    assert deployment.count("PruneRefused") == 1


def test_the_name_prefix_is_required(deployment: Deployment) -> None:
    with pytest.raises(InvalidRequest, match=r"name_prefix: expected the beginning of the names .* got nothing"):
        deployment.invoke("prune_backups", {"keep": {"last": 1}})


def test_the_days_of_a_policy_are_those_of_its_zone(deployment: Deployment) -> None:
    """Both began on the 1st in UTC, and on different days in Shanghai."""
    month = datetime(2026, 3, 1, tzinfo=UTC)
    for hour in (10, 20):
        begin = month + timedelta(hours=hour)
        deployment.cloud.add_backups(past(ORDERS, 0, name=f"nightly-{hour}", begin_time=begin))
    for zone, deleted in (("Asia/Shanghai", []), ("UTC", ["nightly-10"])):
        keep = {"last": 1, "daily": 2} if zone != "UTC" else {"last": 1}
        response = deployment.invoke("prune_backups", prune(keep=keep, timezone=zone, dry_run=True))
        assert [one["backup_name"] for one in response["deleted"]] == deleted
