"""The calls that an audit needs read what protects backups, and no call of the client changes it."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.models import VaultLock
from gaussdb_backup.errors import FixConfiguration, FixRequest, PermissionDenied, TryLater
from gaussdb_backup.huawei.api import GaussDBApi
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, STOCK, Source, by_key, by_password, make_api, make_cloud

Read = Callable[[GaussDBApi, str], object]

READS: dict[str, Read] = {
    "vault_lock": lambda api, id_: api.show_vault_lock(id_),
    "encryption": lambda api, id_: api.show_backup_encryption(id_),
}
each_read = pytest.mark.parametrize("operation", READS)


@pytest.mark.parametrize("connection", [by_key, by_password], ids=["key", "token"])
def test_vault_lock_and_encryption_of_an_instance_are_shown(connection: Callable[[], Any]) -> None:
    cloud = make_cloud(Clock())
    lock = gaussdb_emulator.VaultLock(retention_days=30, starts_at=RUN)
    cloud.change_instance(ORDERS, vault_lock=lock, encryption="on")
    api = make_api(cloud, Source(connection()))
    expected = VaultLock(is_locked=True, retention_days=30, ends_at=RUN + timedelta(days=30))
    assert (api.show_vault_lock(ORDERS), api.show_backup_encryption(ORDERS)) == (expected, "on")
    assert api.show_vault_lock(STOCK) == VaultLock(is_locked=False, retention_days=0)
    assert api.show_backup_encryption(STOCK) == "off"


def test_creation_and_automatic_backups_of_an_instance_are_listed() -> None:
    cloud = make_cloud(Clock(), utc_offset_hours=5.5)
    cloud.change_instance(ORDERS, created=RUN, automatic_keep_days=732, automatic_start_time="02:00-03:00")
    cloud.change_instance(STOCK, automatic_keep_days=None)
    listed = {instance.id: instance for instance in make_api(cloud).list_instances()}
    orders, stock = listed[ORDERS], listed[STOCK]
    assert (orders.created, orders.automatic_keep_days, orders.automatic_start_time) == (RUN, 732, "02:00-03:00")
    assert (stock.created, stock.automatic_keep_days, stock.automatic_start_time) == (None, None, "18:00-19:00")


@each_read
@pytest.mark.parametrize(
    "body",
    [
        "{}", '{"backup_vaultlock_info": null, "encryption_status": null}',
        '{"backup_vaultlock_info": [], "encryption_status": []}',
        '{"backup_vaultlock_info": {"lock_policy": "on"}, "encryption_status": "kms"}',
        '{"backup_vaultlock_info": {"lock_retention_days": 30}, "encryption_status": true}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_known(operation: str, body: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation=operation, status=200, body=body))
    assert READS[operation](make_api(cloud), ORDERS) is None


@each_read
@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '"on"', "[" * 100_000])
def test_a_body_that_is_no_object_is_an_error_and_not_unknown(operation: str, body: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation=operation, status=200, body=body))
    with pytest.raises(TryLater, match="the API returned 200, but the body is malformed") as raised:
        READS[operation](make_api(cloud), ORDERS)
    assert not raised.value.may_have_taken_effect


@each_read
def test_each_read_is_tried_three_times(operation: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.unavailable(60, times=2))
    assert READS[operation](make_api(cloud), ORDERS) is not None
    assert [call.status for call in cloud.calls(operation)] == [503, 503, 200]


@each_read
def test_an_unknown_instance_is_refused_as_by_other_calls(operation: str) -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(FixRequest, match=r"the API returned 404 DBS\.200045"):
        READS[operation](make_api(cloud), f"{9:032x}in07")


@each_read
def test_a_fault_of_one_instance_is_applied_to_its_reads_alone(operation: str) -> None:
    cloud = make_cloud(Clock())
    denied = gaussdb_emulator.Fault(operation=operation, instance_id=ORDERS, status=403, code="DBS.200010")
    cloud.add_fault(denied)
    assert READS[operation](make_api(cloud), STOCK) is not None
    with pytest.raises(PermissionDenied):
        READS[operation](make_api(cloud), ORDERS)


@each_read
def test_a_cloud_that_lacks_the_call_is_a_configuration_to_fix_and_switches_no_other_call(operation: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation=operation, status=404, code="APIGW.0101"))
    switches: list[None] = []
    api = make_api(cloud, on_api_version_switch=lambda: switches.append(None))
    with pytest.raises(FixConfiguration, match=r"the API returned 404 APIGW\.0101"):
        READS[operation](api, ORDERS)
    list(api.list_backups())
    assert [call.api_prefix for call in cloud.calls("list")] == ["mysql/v3"]
    assert switches == []
    assert len(cloud.calls(operation)) == 1


def test_no_method_of_the_client_changes_how_backups_are_kept() -> None:
    cloud = make_cloud(Clock())
    api = make_api(cloud)
    calls: dict[str, Callable[[], object]] = {
        "create_backup": lambda: api.create_backup(instance_id=ORDERS, name="nightly"),
        "list_backups": lambda: list(api.list_backups()),
        "delete_backup": lambda: api.delete_backup(cloud.backups()[0].id),
        "delete_backups": lambda: api.delete_backups([cloud.backups()[0].id]),
        "list_instances": lambda: list(api.list_instances()),
        "show_vault_lock": lambda: api.show_vault_lock(ORDERS),
        "show_backup_encryption": lambda: api.show_backup_encryption(ORDERS),
    }
    public = {name for name, _ in inspect.getmembers(GaussDBApi, inspect.isfunction) if not name.startswith("_")}
    assert set(calls) == public
    for name, call in calls.items():
        call()
        if name == "create_backup":
            cloud.advance(timedelta(minutes=2))
        if name == "delete_backup":
            api.create_backup(instance_id=STOCK, name="another")
            cloud.advance(timedelta(minutes=2))
    sent = {(call.method, re.sub(r"[0-9a-f]{32}\w*", "ID", call.path)) for call in cloud.requests}
    assert {method for method, _ in sent} == {"GET", "POST", "DELETE"}
    assert [path for method, path in sent if method == "POST"] == ["/mysql/v3/ID/backups/create"]
    assert {path for method, path in sent if method == "DELETE"} == {"/v3/ID/backups", "/v3/ID/backups/ID"}
    assert cloud.calls("change_protection") == []
