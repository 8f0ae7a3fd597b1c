"""A caller of the emulated API may be held to a list of actions."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from gaussdb_backup.domain.models import AccessKey
from gaussdb_backup.errors import PermissionDenied
from gaussdb_backup.huawei.api import GaussDBApi
from local import gaussdb_emulator
from local.gaussdb_emulator.permissions import PERMISSIONS
from local.gaussdb_emulator.request_handler import _OPERATIONS
from tests.helpers.gaussdb import KEY, ORDERS, PROJECT, Source, by_key, by_password, make_api, make_cloud

Call = Callable[[GaussDBApi], object]

CALLS: dict[str, Call] = {
    "create": lambda api: api.create_backup(instance_id=ORDERS, name="nightly"),
    "list": lambda api: list(api.list_backups()),
    "instances": lambda api: list(api.list_instances()),
    "delete": lambda api: api.delete_backup("0" * 32),
    "batch_delete": lambda api: api.delete_backups(["0" * 32]),
    "vault_lock": lambda api: api.show_vault_lock(ORDERS),
    "encryption": lambda api: api.show_backup_encryption(ORDERS),
}


def limited_to(*actions: str) -> gaussdb_emulator.Cloud:
    """A cloud with a key and a user that may do this only."""
    cloud = make_cloud()
    allowed = frozenset(actions)
    key, user = gaussdb_emulator.AccessKey, gaussdb_emulator.IamUser
    cloud.add_key(key(access_key=KEY.access_key, secret_key=KEY.secret_key, allowed_actions=allowed))
    cloud.accounts.users["domain", "backup"] = user(
        domain_name="domain", user_name="backup", password="hush-hush-password", allowed_actions=allowed
    )
    return cloud


@pytest.mark.parametrize("connection", [by_key, by_password], ids=["key", "token"])
@pytest.mark.parametrize("operation", ["create", "list", "instances", "vault_lock", "encryption"])
@pytest.mark.parametrize("form", [0, 1], ids=["custom policy", "identity policy"])
def test_either_form_of_the_permission_is_enough(operation: str, form: int, connection: Callable[[], object]) -> None:
    api = make_api(limited_to(PERMISSIONS[operation][form]), Source(connection()))  # type: ignore[arg-type]  # of one of the two
    CALLS[operation](api)


@pytest.mark.parametrize("connection", [by_key, by_password], ids=["key", "token"])
@pytest.mark.parametrize("operation", CALLS)
def test_an_operation_without_its_permission_is_refused(operation: str, connection: Callable[[], object]) -> None:
    others = {name for names in PERMISSIONS.values() for name in names} - set(PERMISSIONS[operation])
    cloud = limited_to(*others)
    with pytest.raises(PermissionDenied) as refused:
        CALLS[operation](make_api(cloud, Source(connection())))  # type: ignore[arg-type]  # of one of the two
    assert refused.value.api_call is not None
    assert (refused.value.api_call.http_status, refused.value.api_call.error_code) == (403, "DBS.200010")
    assert cloud.backups() == []


def test_the_refusal_has_the_shape_with_the_authorization_message_and_a_code_that_is_configurable() -> None:
    cloud = limited_to()
    cloud.set_rules(gaussdb_emulator.Rules(no_permission=(403, "APIGW.0302")))
    transport = gaussdb_emulator.EmulatorTransport(gaussdb_emulator.create_app(cloud))
    headers = {"X-Auth-Token": cloud.issue_token()}
    user = cloud.accounts.tokens[headers["X-Auth-Token"]].user
    assert user.allowed_actions is None
    client = httpx.Client(transport=transport, base_url="https://gaussdb.test")
    assert client.get(f"/v3/{PROJECT}/backups", headers=headers).status_code == 200
    with pytest.raises(PermissionDenied) as refused:
        list(make_api(cloud).list_backups())
    assert refused.value.api_call is not None
    assert refused.value.api_call.error_code == "APIGW.0302"
    assert refused.value.api_call.request_id == cloud.requests[-1].request_id


def test_a_permission_of_one_key_is_none_of_another() -> None:
    cloud = limited_to()
    cloud.add_key(gaussdb_emulator.AccessKey(access_key="OTHER", secret_key="hush-hush-other"))
    connection = by_key()
    other = AccessKey(access_key="OTHER", secret_key=SecretStr("hush-hush-other"))
    source = Source(connection.model_copy(update={"credentials": other}))
    assert len(list(make_api(cloud, source).list_instances())) == 3


def test_every_operation_of_the_service_has_a_permission() -> None:
    refused_to_everybody = {"change_protection"}
    assert set(PERMISSIONS) == set(_OPERATIONS) - {"token"} - refused_to_everybody
