"""The client's calls, against the emulator."""

from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup import __version__
from gaussdb_backup.domain.models import BackupStatus
from gaussdb_backup.errors import FixRequest, InvalidRequest
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK, Source, by_key, by_password, make_api, make_cloud

NOT_IDS = ["", ".", "..", "a/b", "../backups", "a?b", "a#b", "a b", "a%2Fb", "a\n", "ü", "x" * 65, "\ud800"]


@pytest.mark.parametrize("version", ["mysql/v3", "v3"])
def test_a_backup_is_created_on_either_path(version: str) -> None:
    cloud = make_cloud(Clock())
    created = make_api(cloud, Source(by_key(api_version=version))).create_backup(
        instance_id=ORDERS, name="first", description="ü"
    )
    [backup] = cloud.backups(ORDERS)
    assert (created.backup.id, created.backup.name, created.backup.description) == (backup.id, "first", "ü")
    assert (created.backup.status, created.backup.begin_time) == (BackupStatus.BUILDING, RUN)
    assert (created.job_id is not None) == (version == "v3")
    assert cloud.calls("create")[0].path.startswith(f"/{version}/")


def test_a_backup_is_created_with_a_token() -> None:
    cloud = make_cloud(Clock())
    make_api(cloud, Source(by_password())).create_backup(instance_id=ORDERS, name="first")
    assert [backup.name for backup in cloud.backups(ORDERS)] == ["first"]


def fill(cloud: gaussdb_emulator.Cloud, number: int) -> list[str]:
    return cloud.add_backups(
        *(
            gaussdb_emulator.PastBackup(
                instance_id=[ORDERS, STOCK][index % 2],
                name=f"b-{index}",
                type="manual" if index % 3 else "auto",
                begin_time=RUN - timedelta(hours=number - index),
            )
            for index in range(number)
        )
    )


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250])
def test_all_pages_are_read(number: int) -> None:
    cloud = make_cloud(Clock())
    ids = fill(cloud, number)
    assert sorted(backup.id for backup in make_api(cloud).list_backups()) == sorted(ids)
    assert len(cloud.calls("list")) == number // 100 + 1


def test_a_page_is_read_only_when_it_is_needed() -> None:
    cloud = make_cloud(Clock())
    fill(cloud, 300)
    next(iter(make_api(cloud).list_backups()))
    assert len(cloud.calls("list")) == 1


def test_a_backup_that_moves_to_another_page_while_reading_is_listed_once() -> None:
    cloud = make_cloud(Clock())
    ids = fill(cloud, 150)
    found = []
    for backup in make_api(cloud).list_backups():
        found.append(backup.id)
        if len(found) == 50:
            cloud.add_backups(
                gaussdb_emulator.PastBackup(instance_id=ORDERS, name="new", begin_time=RUN - timedelta(seconds=1))
            )
    assert sorted(found) == sorted(ids)


def test_each_filter_of_the_list_is_passed_on() -> None:
    cloud = make_cloud(Clock())
    ids = fill(cloud, 12)
    api = make_api(cloud)

    def listed(**filters: object) -> list[str]:
        return [backup.name for backup in api.list_backups(**filters)]  # type: ignore[arg-type]  # a table of filters

    assert listed(backup_id=ids[5]) == ["b-5"]
    assert listed(backup_id="unknown") == []
    assert set(listed(instance_id=ORDERS)) == {f"b-{index}" for index in range(0, 12, 2)}
    assert set(listed(backup_type="auto")) == {"b-0", "b-3", "b-6", "b-9"}
    assert listed(begin_time=RUN - timedelta(hours=2)) == ["b-11", "b-10"]
    assert listed(begin_time=RUN - timedelta(hours=4), end_time=RUN - timedelta(hours=3)) == ["b-9", "b-8"]
    assert set(listed(name="b-1")) == {"b-1", "b-10", "b-11"}
    assert set(listed(instance_name="stock (übung)")) == {f"b-{index}" for index in range(1, 12, 2)}


def test_instances_are_listed_by_id_name_and_tags() -> None:
    api = make_api(make_cloud(Clock()))
    assert [instance.name for instance in api.list_instances(instance_id=STOCK)] == ["stock (übung)"]
    assert [instance.id for instance in api.list_instances(name="orders")] == [ORDERS]
    assert {instance.id for instance in api.list_instances(tags={"env": "prod"})} == {ORDERS, BILLING}
    assert [instance.id for instance in api.list_instances(tags={"env": "prod", "tier": "gold"})] == [BILLING]
    assert {instance.tags.get("env") for instance in api.list_instances()} == {"prod", None}


def test_a_backup_is_deleted_on_the_successors_path() -> None:
    cloud = make_cloud(Clock())
    [backup_id] = cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="old", begin_time=RUN - timedelta(days=1))
    )
    make_api(cloud).delete_backup(backup_id)
    cloud.advance(timedelta(minutes=5))
    assert cloud.backups(ORDERS) == []
    assert cloud.calls("delete")[0].path.startswith("/v3/")


@pytest.mark.parametrize("odd", NOT_IDS, ids=repr)
def test_an_id_that_would_be_another_path_is_refused_before_any_call(odd: str) -> None:
    cloud = make_cloud(Clock())
    api = make_api(cloud)
    for call in (api.delete_backup, api.show_vault_lock, api.show_backup_encryption):
        with pytest.raises(InvalidRequest, match="expected an id of at most 64 letters, digits, - and _; got"):
            call(odd)
    assert cloud.requests == []


def test_what_the_api_refuses_is_refused_with_its_words_and_its_request_id() -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(FixRequest, match="create backup: the API returned 400 DBS.280277") as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="1")
    assert raised.value.api_call is not None
    assert (raised.value.api_call.http_status, raised.value.error_code) == (400, "DBS.280277")
    assert raised.value.api_call.request_id


def test_the_client_says_who_it_is() -> None:
    seen: list[str] = []
    cloud = make_cloud(Clock())
    app = gaussdb_emulator.create_app(cloud)

    def spy(environ: Any, start_response: Any) -> Any:
        seen.append(environ["HTTP_USER_AGENT"])
        return app(environ, start_response)

    list(make_api(cloud, transport=gaussdb_emulator.EmulatorTransport(spy)).list_backups())
    assert seen == [f"gaussdb-backup/{__version__}"]
