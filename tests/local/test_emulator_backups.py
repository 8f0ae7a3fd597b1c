"""Create, list, delete and track backups in the emulator, with a clock that the tests move."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from local.gaussdb_emulator import Cloud, EmulatorTransport, Fleet, Instance, PastBackup, Rules, VaultLock, create_app
from tests.helpers.clock import Clock
from tests.helpers.gaussdb import PROJECT

ORDERS, BILLING = f"{1:032x}in07", f"{2:032x}in07"
MYSQL_V3, V3 = f"/mysql/v3/{PROJECT}", f"/v3/{PROJECT}"


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 2, 0, 0, 250_000, tzinfo=UTC))


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    instances = (Instance(id=ORDERS, name="orders"), Instance(id=BILLING, name="billing"))
    return Cloud(Fleet(instances=instances), clock=clock)


@pytest.fixture
def client(cloud: Cloud) -> httpx.Client:
    transport = EmulatorTransport(create_app(cloud))
    return httpx.Client(
        transport=transport, base_url="https://gaussdb.test", headers={"X-Auth-Token": cloud.issue_token()}
    )


def create(client: httpx.Client, api_prefix: str = V3, **fields: Any) -> httpx.Response:
    return client.post(f"{api_prefix}/backups/create", json={"instance_id": ORDERS, "name": "nightly"} | fields)


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


def names(response: httpx.Response) -> list[str]:
    return [backup["name"] for backup in response.json()["backups"]]


def past(name: str, day: int, **fields: Any) -> PastBackup:
    return PastBackup(instance_id=ORDERS, name=name, begin_time=datetime(2026, 2, day, 3, tzinfo=UTC), **fields)


def test_mysql_v3_returns_200_without_a_job(client: httpx.Client) -> None:
    response = create(client, MYSQL_V3)
    assert (response.status_code, response.json().keys()) == (200, {"backup"})


def test_v3_returns_201_with_a_job(client: httpx.Client) -> None:
    response = create(client, V3)
    assert (response.status_code, response.json().keys()) == (201, {"backup", "job_id"})


def test_a_created_backup_is_returned_with_its_begin_in_the_clouds_offset(client: httpx.Client) -> None:
    backup = create(client, description="why").json()["backup"]
    assert {**backup, "id": ""} == {
        "id": "",
        "name": "nightly",
        "description": "why",
        "begin_time": "2026-03-01T10:00:00+0800",
        "status": "BUILDING",
        "type": "manual",
        "instance_id": ORDERS,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"name": "abc"}, (400, "DBS.280277"), id="name too short"),
        pytest.param({"name": "a" * 65}, (400, "DBS.280277"), id="name too long"),
        pytest.param({"name": "1abc"}, (400, "DBS.280277"), id="name begins with a digit"),
        pytest.param({"name": "ab.cd"}, (400, "DBS.280277"), id="dot in the name"),
        pytest.param({"name": "abcd\n"}, (400, "DBS.280277"), id="line break after the name"),
        pytest.param({"name": None}, (400, "DBS.200001"), id="no name"),
        pytest.param({"name": 12345}, (400, "DBS.200001"), id="name not text"),
        pytest.param({"description": "a" * 257}, (400, "DBS.280127"), id="description too long"),
        pytest.param({"description": "a=b"}, (400, "DBS.280127"), id="equals sign in the description"),
        pytest.param({"description": "it's"}, (400, "DBS.280127"), id="quote in the description"),
        pytest.param({"description": "a\nb"}, (400, "DBS.280127"), id="line break in the description"),
        pytest.param({"instance_id": "orders"}, (400, "DBS.280404"), id="malformed instance id"),
        pytest.param({"instance_id": None}, (400, "DBS.200001"), id="no instance id"),
        pytest.param({"instance_id": f"{9:032x}in07"}, (404, "DBS.200045"), id="unknown instance"),
    ],
)
def test_a_create_request_that_breaks_a_rule_is_rejected_with_its_code(
    client: httpx.Client, cloud: Cloud, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert error_of(create(client, **fields)) == expected
    assert cloud.backups() == []


@pytest.mark.parametrize("name", ["abcd", "a" * 64, "A-b_9"])
def test_a_name_at_the_edge_of_the_rule_is_accepted(client: httpx.Client, name: str) -> None:
    assert create(client, name=name).status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "DBS.200006"), (b"{", "DBS.200001"), (b"[]", "DBS.200001")],
    ids=["empty", "not JSON", "not an object"],
)
def test_a_body_that_is_no_object_is_rejected(client: httpx.Client, body: bytes, code: str) -> None:
    assert error_of(client.post(f"{V3}/backups/create", content=body)) == (400, code)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("FROZEN", (400, "DBS.280449")),
        ("MODIFYING", (409, "DBS.200019")),
        ("REBOOTING", (409, "DBS.200019")),
        ("BACKING UP", (409, "DBS.201205")),
        ("STORAGE FULL", (409, "DBS.200316")),
        ("FAILED", (409, "DBS.280406")),
    ],
)
def test_an_instance_that_cannot_be_backed_up_now_has_a_code_for_the_reason(
    client: httpx.Client, cloud: Cloud, status: str, expected: tuple[int, str]
) -> None:
    cloud.change_instance(ORDERS, status=status)
    assert error_of(create(client)) == expected


def test_the_code_for_an_unknown_instance_can_be_chosen(client: httpx.Client, cloud: Cloud) -> None:
    cloud.set_rules(Rules(unknown_instance=(403, "DBS.200010")))
    assert error_of(create(client, instance_id=f"{9:032x}in07")) == (403, "DBS.200010")


def test_an_instance_makes_one_backup_at_a_time(client: httpx.Client, clock: Clock) -> None:
    create(client)
    assert error_of(create(client, name="second")) == (409, "DBS.201205")
    assert create(client, instance_id=BILLING).status_code == 201
    clock.move(seconds=60)
    assert create(client, name="second").status_code == 201


def test_a_running_automatic_backup_makes_an_instance_busy_too(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_backups(past("automatic", 28, type="auto", status=None))
    assert error_of(create(client)) == (409, "DBS.201205")


def test_names_may_repeat_by_default(client: httpx.Client, clock: Clock) -> None:
    create(client)
    clock.move(seconds=60)
    assert create(client).status_code == 201


def test_names_can_be_unique_per_instance(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.set_rules(Rules(unique_names=True))
    create(client)
    clock.move(seconds=60)
    assert error_of(create(client)) == (409, "DBS.201209")
    assert create(client, instance_id=BILLING).status_code == 201


@pytest.mark.parametrize("end_status", ["COMPLETED", "FAILED", "AVAILABLE", "ARCHIVED"])
def test_a_backup_ends_with_the_status_that_its_instance_sets(
    client: httpx.Client, cloud: Cloud, clock: Clock, end_status: str
) -> None:
    cloud.change_instance(ORDERS, backup_ends=end_status, backup_seconds=300)
    backup_id = create(client).json()["backup"]["id"]
    clock.move(seconds=299)
    assert cloud.status_of(backup_id) == "BUILDING"
    clock.move(seconds=1)
    assert cloud.status_of(backup_id) == end_status


def test_a_backup_may_never_end(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.change_instance(ORDERS, backup_ends=None)
    backup_id = create(client).json()["backup"]["id"]
    clock.move(days=30)
    assert cloud.status_of(backup_id) == "BUILDING"


def test_an_ended_backup_has_its_end_size_and_minutes(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.change_instance(ORDERS, backup_seconds=600, size_mb=1024.75)
    create(client)
    clock.move(seconds=601)
    (backup,) = client.get(f"{MYSQL_V3}/backups").json()["backups"]
    assert (backup["end_time"], backup["take_up_time"], backup["size"]) == ("2026-03-01T10:10:00+0800", 10, 1024.75)


def test_a_building_backup_has_an_empty_end_in_v3_and_none_in_mysql_v3(client: httpx.Client) -> None:
    create(client)
    (old,) = client.get(f"{MYSQL_V3}/backups").json()["backups"]
    (new,) = client.get(f"{V3}/backups").json()["backups"]
    assert "end_time" not in old
    assert new["end_time"] == ""


def test_only_v3_returns_the_name_of_the_instance(client: httpx.Client) -> None:
    create(client)
    (old,) = client.get(f"{MYSQL_V3}/backups").json()["backups"]
    (new,) = client.get(f"{V3}/backups").json()["backups"]
    assert "instance_name" not in old
    assert new["instance_name"] == "orders"


@pytest.mark.parametrize("query", ["name=new", "instance_name=billing"])
def test_mysql_v3_ignores_filters_that_it_does_not_know(client: httpx.Client, cloud: Cloud, query: str) -> None:
    cloud.add_backups(past("older", 1), past("newer", 2))
    assert names(client.get(f"{MYSQL_V3}/backups?{query}")) == ["newer", "older"]


def test_the_name_filter_can_be_exact(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_backups(past("nightly-1", 1), past("nightly-10", 2))
    cloud.set_rules(Rules(name_filter="exact"))
    assert names(client.get(f"{V3}/backups?name=nightly-1")) == ["nightly-1"]


def test_the_newest_is_listed_first_in_whatever_order_they_were_added(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_backups(past("second", 2), past("third", 3), past("first", 1))
    assert names(client.get(f"{V3}/backups")) == ["third", "second", "first"]


def test_the_bound_on_the_begin_is_inclusive(client: httpx.Client) -> None:
    begin = create(client).json()["backup"]["begin_time"]
    assert names(client.get(f"{V3}/backups", params={"begin_time": begin})) == ["nightly"]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("limit=0", id="limit 0"),
        pytest.param("limit=101", id="limit 101"),
        pytest.param("limit=-1", id="limit negative"),
        pytest.param("limit=ten", id="limit not a number"),
        pytest.param("limit=1.5", id="limit with a fraction"),
    ],
)
def test_a_limit_outside_its_bounds_is_rejected(client: httpx.Client, query: str) -> None:
    assert error_of(client.get(f"{V3}/backups?{query}")) == (400, "DBS.280439")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("offset=-1", id="offset negative"),
        pytest.param("backup_type=weekly", id="unknown type"),
        pytest.param("begin_time=2026-02-01", id="date without a time"),
        pytest.param("begin_time=2026-02-01T00:00:00", id="time without an offset"),
        pytest.param("begin_time=2026-02-01T00:00:00+0800", id="raw plus, which became a space"),
        pytest.param("begin_time=2026-03-01T02:00:01Z", id="in the future"),
        pytest.param("end_time=2026-03-01T02:00:01Z", id="end in the future"),
        pytest.param("begin_time=2026-02-02T00:00:00Z&end_time=2026-02-02T00:00:00Z", id="end not after begin"),
    ],
)
def test_an_invalid_filter_is_rejected(client: httpx.Client, query: str) -> None:
    assert error_of(client.get(f"{V3}/backups?{query}")) == (400, "DBS.200001")


def test_a_raw_plus_can_remain_a_plus(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_backups(past("newer", 2))
    cloud.set_rules(Rules(raw_plus="plus"))
    assert names(client.get(f"{V3}/backups?begin_time=2026-02-01T00:00:00+0800")) == ["newer"]


def test_a_filter_in_the_future_can_be_allowed(client: httpx.Client, cloud: Cloud) -> None:
    cloud.set_rules(Rules(reject_future_times=False))
    assert client.get(f"{V3}/backups?begin_time=2027-01-01T00:00:00Z").status_code == 200


def test_a_project_does_not_see_the_backups_of_another(cloud: Cloud) -> None:
    (backup_id,) = cloud.add_backups(past("ours", 1))
    other = "1" * 32
    transport = EmulatorTransport(create_app(cloud))
    headers = {"X-Auth-Token": cloud.issue_token(other)}
    with httpx.Client(transport=transport, base_url="https://gaussdb.test", headers=headers) as client:
        for query in ("", f"?backup_id={backup_id}", f"?instance_id={ORDERS}"):
            assert names(client.get(f"/v3/{other}/backups{query}")) == []
        assert error_of(client.delete(f"/v3/{other}/backups/{backup_id}")) == (404, "DBS.201010")


def test_a_deleted_backup_stays_listed_for_a_while(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    (backup_id,) = cloud.add_backups(past("old", 1))
    response = client.request("DELETE", f"{V3}/backups/{backup_id}", json={"databases": []})
    assert (response.status_code, response.json()) == (200, {"backup_id": backup_id, "backup_name": "old"})
    assert names(client.get(f"{V3}/backups")) == ["old"]
    clock.move(seconds=15)
    assert names(client.get(f"{V3}/backups")) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"type": "auto"}, (400, "DBS.201204"), id="automatic"),
        pytest.param({"status": None}, (400, "DBS.201208"), id="being built"),
        pytest.param({"held": True}, (400, "DBS.201208"), id="held"),
    ],
)
def test_a_backup_that_may_not_be_deleted_is_kept(
    client: httpx.Client, cloud: Cloud, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    (backup_id,) = cloud.add_backups(past("old", 1, **fields))
    assert error_of(client.delete(f"{V3}/backups/{backup_id}")) == expected
    (kept,) = cloud.backups(ORDERS)
    assert kept.deleted_at is None


def test_an_unknown_backup_cannot_be_deleted(client: httpx.Client) -> None:
    assert error_of(client.delete(f"{V3}/backups/nosuch")) == (404, "DBS.201010")


def test_mysql_v3_has_no_deletion(client: httpx.Client, cloud: Cloud) -> None:
    (backup_id,) = cloud.add_backups(past("old", 1))
    assert error_of(client.delete(f"{MYSQL_V3}/backups/{backup_id}")) == (404, "APIGW.0101")


@pytest.mark.parametrize("ids", [[], ["a"] * 51, "a", [1]], ids=["none", "51", "text", "numbers"])
def test_a_malformed_batch_is_rejected(client: httpx.Client, ids: object) -> None:
    response = client.request("DELETE", f"{V3}/backups", json={"backup_ids": ids})
    assert error_of(response) == (400, "DBS.200001")


def test_a_batch_of_fifty_is_accepted(client: httpx.Client, cloud: Cloud) -> None:
    ids = cloud.add_backups(*(past(f"old-{number}", 1) for number in range(50)))
    response = client.request("DELETE", f"{V3}/backups", json={"backup_ids": ids})
    assert response.json() == {"success_count": 50, "failed_count": 0, "failed_results": []}


def delete_all(client: httpx.Client, ids: list[str]) -> dict[str, Any]:
    response = client.request("DELETE", f"{V3}/backups", json={"backup_ids": ids})
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def codes_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["backup_id"], each["error_code"]) for each in document["failed_results"]]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"type": "auto"}, "DBS.201204", id="automatic"),
        pytest.param({"type": "auto", "status": None}, "DBS.201204", id="automatic and being built"),
        pytest.param({"status": None}, "DBS.201208", id="being built"),
        pytest.param({"held": True}, "DBS.201208", id="held"),
        pytest.param({"status": "COMPLETED"}, None, id="completed"),
        pytest.param({"status": "AVAILABLE"}, None, id="available"),
        pytest.param({"status": "FAILED"}, None, id="failed"),
    ],
)
def test_a_batch_reports_each_backup_that_it_keeps(
    client: httpx.Client, cloud: Cloud, clock: Clock, fields: dict[str, Any], code: str | None
) -> None:
    backup_id, other = cloud.add_backups(past("one", 1, **fields), past("other", 2))
    document = delete_all(client, [backup_id, other])
    assert codes_of(document) == ([] if code is None else [(backup_id, code)])
    assert (document["success_count"], document["failed_count"]) == ((2, 0) if code is None else (1, 1))
    clock.move(seconds=15)
    assert [each.id for each in cloud.backups(ORDERS)] == ([] if code is None else [backup_id])


def test_a_backup_that_is_being_deleted_is_refused_and_a_deleted_one_is_missing(
    client: httpx.Client, cloud: Cloud, clock: Clock
) -> None:
    (backup_id,) = cloud.add_backups(past("old", 1))
    assert codes_of(delete_all(client, [backup_id, backup_id])) == [(backup_id, "DBS.201208")]
    clock.move(seconds=15)
    assert codes_of(delete_all(client, [backup_id])) == [(backup_id, "DBS.201203")]


def test_a_batch_does_not_reach_the_backups_of_another_project(cloud: Cloud) -> None:
    (backup_id,) = cloud.add_backups(past("ours", 1))
    other = "1" * 32
    headers = {"X-Auth-Token": cloud.issue_token(other)}
    with httpx.Client(
        transport=EmulatorTransport(create_app(cloud)), base_url="https://gaussdb.test", headers=headers
    ) as client:
        response = client.request("DELETE", f"/v3/{other}/backups", json={"backup_ids": [backup_id]})
    assert codes_of(response.json()) == [(backup_id, "DBS.201203")]
    assert cloud.status_of(backup_id) == "COMPLETED"


def test_a_vault_lock_keeps_manual_backups_until_it_ends(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    lock = VaultLock(retention_days=7, starts_at=clock.now - timedelta(days=6))
    cloud.change_instance(ORDERS, vault_lock=lock)
    cloud.set_rules(Rules(locked_backup=(403, "DBS.999999")))
    (backup_id,) = cloud.add_backups(past("old", 1))
    assert error_of(client.delete(f"{V3}/backups/{backup_id}")) == (403, "DBS.999999")
    assert codes_of(delete_all(client, [backup_id])) == [(backup_id, "DBS.999999")]
    clock.move(days=1)
    assert client.delete(f"{V3}/backups/{backup_id}").status_code == 200


def test_a_vault_lock_that_has_not_begun_keeps_nothing(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.change_instance(ORDERS, vault_lock=VaultLock(retention_days=7, starts_at=clock.now + timedelta(seconds=1)))
    (backup_id,) = cloud.add_backups(past("old", 1))
    assert client.delete(f"{V3}/backups/{backup_id}").status_code == 200


def test_the_creation_of_an_instance_is_rendered_in_the_clouds_offset(client: httpx.Client, cloud: Cloud) -> None:
    created = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=-3)))
    cloud.change_instance(ORDERS, created=created)
    orders, billing = client.get(f"{V3}/instances").json()["instances"]
    assert orders["created"] == "2026-01-01T23:00:00+0800"
    assert "created" not in billing


@pytest.mark.parametrize("part", ["vault-lock", "encryption"])
def test_mysql_v3_does_not_show_what_protects_backups(client: httpx.Client, part: str) -> None:
    assert error_of(client.get(f"{MYSQL_V3}/instances/{ORDERS}/backups/{part}")) == (404, "APIGW.0101")


def test_manual_backups_outlive_their_instance(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_backups(past("kept", 1), past("lost", 2, type="auto"))
    cloud.remove_instance(ORDERS)
    assert names(client.get(f"{V3}/backups")) == ["kept"]
    assert error_of(create(client)) == (404, "DBS.200045")


@pytest.mark.parametrize(
    ("end_status", "seconds", "expected"),
    [
        pytest.param("COMPLETED", 15, ("Running", "25%", ""), id="running"),
        pytest.param("COMPLETED", 60, ("Completed", "", "2026-03-01T10:01:00+0800"), id="done"),
        pytest.param("FAILED", 60, ("Failed", "", "2026-03-01T10:01:00+0800"), id="failed"),
        pytest.param(None, 3600, ("Running", "99%", ""), id="never ends"),
    ],
)
def test_a_job_has_the_state_of_its_backup(
    client: httpx.Client,
    cloud: Cloud,
    clock: Clock,
    end_status: str | None,
    seconds: int,
    *,
    expected: tuple[str, str, str],
) -> None:
    cloud.change_instance(ORDERS, backup_ends=end_status)
    job_id = create(client).json()["job_id"]
    clock.move(seconds=seconds)
    job = client.get(f"{MYSQL_V3}/jobs?id={job_id}").json()["job"]
    assert (job["status"], job["process"], job["ended"]) == expected


@pytest.mark.parametrize("later", [timedelta(seconds=4.9), timedelta(days=31)], ids=["at first", "after a month"])
def test_a_job_is_known_neither_at_first_nor_after_a_month(
    client: httpx.Client, clock: Clock, later: timedelta
) -> None:
    job_id = create(client).json()["job_id"]
    clock.now += later
    assert error_of(client.get(f"{V3}/jobs?id={job_id}")) == (400, "DBS.200543")


@pytest.mark.parametrize(
    ("api_prefix", "status", "expected"),
    [
        ("v3", "STORAGE FULL", "STORAGE FULL"),
        ("mysql/v3", "REBOOTING", "REBOOTING"),
        ("v3.1", "ACTIVE", "normal"),
        ("v3.1", "BUILD", "creating"),
        ("v3.1", "FAILED", "abnormal"),
    ],
)
def test_v3_1_has_its_own_statuses_of_an_instance(
    client: httpx.Client, cloud: Cloud, api_prefix: str, status: str, expected: str
) -> None:
    cloud.change_instance(ORDERS, status=status)
    (instance,) = client.get(f"/{api_prefix}/{PROJECT}/instances?id={ORDERS}").json()["instances"]
    assert instance["status"] == expected


def test_one_instance_can_be_shown(client: httpx.Client) -> None:
    assert client.get(f"{V3}/instances/{ORDERS}").json()["instance"]["name"] == "orders"
    assert error_of(client.get(f"{V3}/instances/nosuch")) == (404, "DBS.200045")


@pytest.mark.parametrize("query", ["name=*", "tags=a=1,a=2"], ids=["bare star", "repeated tag"])
def test_an_invalid_filter_of_instances_is_rejected(client: httpx.Client, query: str) -> None:
    assert error_of(client.get(f"{V3}/instances?{query}")) == (400, "DBS.200001")


def test_other_kinds_of_database_are_not_listed(client: httpx.Client) -> None:
    assert client.get(f"{V3}/instances?datastore_type=postgresql").json() == {"instances": [], "total_count": 0}


def test_five_thousand_backups_are_listed_in_a_few_seconds(cloud: Cloud, client: httpx.Client) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    instances = [Instance(id=f"{number:032x}in07") for number in range(100, 5100)]
    cloud.add_instances(*instances)
    cloud.add_backups(
        *(
            PastBackup(instance_id=each.id, name="nightly", begin_time=begin + timedelta(seconds=number))
            for number, each in enumerate(instances)
        )
    )
    before = datetime.now(UTC)
    pages = [client.get(f"{V3}/backups?offset={offset}").json()["backups"] for offset in range(0, 5000, 100)]
    assert len({backup["id"] for page in pages for backup in page}) == 5000
    assert datetime.now(UTC) - before < timedelta(seconds=10)


def test_an_instance_can_be_changed_by_replacing_it(cloud: Cloud) -> None:
    cloud.add_instances(replace(cloud.instances()[0], name="renamed"))
    assert [each.name for each in cloud.instances(PROJECT)] == ["renamed", "billing"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0.0, "2026-03-01T02:00:00+0000"), (-3.5, "2026-02-28T22:30:00-0330"), (5.75, "2026-03-01T07:45:00+0545")],
)
def test_times_are_rendered_in_the_clouds_offset(hours: float, expected: str) -> None:
    assert Rules(utc_offset_hours=hours).render_time(datetime(2026, 3, 1, 2, tzinfo=UTC)) == expected


def test_unknown_paths_are_rejected_by_the_gateway(client: httpx.Client) -> None:
    for method, path in (("GET", "/v3/nothing"), ("PUT", f"{V3}/backups"), ("GET", "//v3")):
        assert error_of(client.request(method, path)) == (404, "APIGW.0101")
