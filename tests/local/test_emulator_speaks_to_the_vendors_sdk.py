"""The vendor's own SDK, unmodified, works against the emulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.gaussdb_emulator import (
    AccessKey,
    Cloud,
    Fleet,
    IamUser,
    Instance,
    PastBackup,
    Project,
    Running,
    VaultLock,
    lost_response,
    serve,
    throttled,
)
from tests.helpers.gaussdb import PROJECT

with pytest.MonkeyPatch.context() as patch:
    patch.delenv("HOME", raising=False)  # on import, the SDK writes the id of its user agent there
    from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
    from huaweicloudsdkcore.exceptions.exceptions import (
        ClientRequestException,
        ConnectionException,
        ServerResponseException,
    )
    from huaweicloudsdkgaussdb import v3 as gaussdb
    from huaweicloudsdkiam import v3 as iam

pytestmark = [
    # The vendor's signer still calls datetime.utcnow().
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:huaweicloudsdkcore"),
    # The vendor prefers v3.1 for listing instances, which hides that a backup is running.
    pytest.mark.filterwarnings(
        "ignore:Method 'list_gauss_my_sql_instances' of:DeprecationWarning:huaweicloudsdkgaussdb"
    ),
]


OTHER_PROJECT = "1594c7c27fa65dc99a41b471e3d5f774"
ORDERS, BILLING = f"{1:032x}in07", f"{2:032x}in07"
ACCESS_KEY, SECRET_KEY = "EXAMPLEAK0000000001A", "example-secret-key"
LONG_AGO = datetime(2026, 1, 10, 1, 30, tzinfo=UTC)


@pytest.fixture
def cloud() -> Cloud:
    instances = (
        Instance(id=ORDERS, name="orders", tags={"env": "prod", "team": "a"}),
        Instance(id=BILLING, name="billing", tags={"env": "prod"}),
        Instance(id=f"{3:032x}in07", name="elsewhere", project_id=OTHER_PROJECT),
    )
    backups = (
        *(PastBackup(instance_id=ORDERS, name=f"old-{n}", begin_time=LONG_AGO + timedelta(days=n)) for n in range(5)),
        PastBackup(instance_id=BILLING, name="automatic", type="auto", begin_time=LONG_AGO + timedelta(hours=1)),
    )
    user = IamUser(domain_name="example-domain", user_name="backup", password="example-password")
    return Cloud(
        Fleet(
            projects=(Project(), Project(id=OTHER_PROJECT, name="eu-nl")),
            access_keys=(
                AccessKey(access_key=ACCESS_KEY, secret_key=SECRET_KEY),
                AccessKey(access_key="TEMPORARYAK000000001", secret_key="temporary-secret", security_token="the token"),
            ),
            users=(user,),
            instances=instances,
            backups=backups,
        )
    )


@pytest.fixture
def running(cloud: Cloud) -> Iterator[Running]:
    with serve(cloud) as server:
        yield server


def connect(server: Running, credentials: Any = None) -> gaussdb.GaussDBClient:
    credentials = credentials or BasicCredentials(ACCESS_KEY, SECRET_KEY, PROJECT)
    builder = gaussdb.GaussDBClient.new_builder().with_credentials(credentials)
    return builder.with_endpoint(server.url).build()


@pytest.fixture
def client(running: Running) -> Iterator[gaussdb.GaussDBClient]:
    connected = connect(running)
    yield connected
    connected._http_client.close()


def create(client: gaussdb.GaussDBClient, instance_id: str, name: str, description: str | None = None) -> Any:
    body = gaussdb.MysqlCreateBackupRequest(instance_id=instance_id, name=name, description=description)
    return client.create_gauss_my_sql_backup(gaussdb.CreateGaussMySqlBackupRequest(body=body))


def list_backups(client: gaussdb.GaussDBClient, **filters: str | int) -> Any:
    return client.show_gauss_my_sql_backup_list(gaussdb.ShowGaussMySqlBackupListRequest(**filters))


def names(response: Any) -> list[str]:
    return [backup.name for backup in response.backups]


def batch_delete(client: gaussdb.GaussDBClient, ids: list[str]) -> Any:
    body = gaussdb.BatchDeleteBackupRequestBody(backup_ids=ids)
    return client.batch_delete_backup(gaussdb.BatchDeleteBackupRequest(body=body))


def test_a_backup_is_created_and_returned_with_its_job(client: gaussdb.GaussDBClient) -> None:
    response = create(client, ORDERS, "nightly", "für den Notfall")
    assert (response.status_code, response.backup.status, response.backup.type) == (201, "BUILDING", "manual")
    assert (response.backup.name, response.backup.description) == ("nightly", "für den Notfall")
    assert response.job_id


def test_a_created_backup_ends_as_time_passes(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    backup_id = create(client, ORDERS, "nightly").backup.id
    assert [each.status for each in list_backups(client, backup_id=backup_id).backups] == ["BUILDING"]
    cloud.advance(timedelta(seconds=61))
    (ended,) = list_backups(client, backup_id=backup_id).backups
    assert (ended.status, ended.size, ended.take_up_time) == ("COMPLETED", 512.5, 1)


def test_a_second_backup_of_a_busy_instance_is_rejected(client: gaussdb.GaussDBClient) -> None:
    create(client, ORDERS, "first")
    with pytest.raises(ClientRequestException) as rejected:
        create(client, ORDERS, "second")
    assert (rejected.value.status_code, rejected.value.error_code) == (409, "DBS.201205")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["old-4", "old-3", "old-2", "old-1", "automatic", "old-0"], id="none: newest first"),
        pytest.param({"instance_id": BILLING}, ["automatic"], id="instance_id"),
        pytest.param({"backup_type": "auto"}, ["automatic"], id="backup_type auto"),
        pytest.param({"backup_type": "manual", "limit": 2}, ["old-4", "old-3"], id="backup_type manual"),
        pytest.param({"begin_time": "2026-01-13T01:30:00+0000"}, ["old-4", "old-3"], id="begin_time, inclusive"),
        pytest.param({"begin_time": "2026-01-13T09:30:00+0800"}, ["old-4", "old-3"], id="begin_time, other offset"),
        pytest.param({"end_time": "2026-01-10T02:30:00+0000"}, ["automatic", "old-0"], id="end_time alone"),
        pytest.param(
            {"begin_time": "2026-01-11T00:00:00+0000", "end_time": "2026-01-12T00:00:00+0000"}, ["old-1"], id="both"
        ),
        pytest.param({"name": "old-2"}, ["old-2"], id="name"),
        pytest.param({"name": "auto"}, ["automatic"], id="part of a name"),
        pytest.param({"instance_name": "billing"}, ["automatic"], id="instance_name"),
        pytest.param({"offset": 4, "limit": 1}, ["automatic"], id="page in the middle"),
        pytest.param({"offset": 6}, [], id="page after the end"),
        pytest.param({"backup_id": "0" * 32 + "br07"}, [], id="unknown backup_id"),
    ],
)
def test_the_list_applies_each_filter(
    client: gaussdb.GaussDBClient, filters: dict[str, str | int], expected: list[str]
) -> None:
    assert names(list_backups(client, **filters)) == expected


def test_the_count_is_of_all_that_match_and_not_of_the_page(client: gaussdb.GaussDBClient) -> None:
    assert list_backups(client, backup_type="manual", limit=2).total_count == 5


def test_pages_join_without_gap_or_repetition(client: gaussdb.GaussDBClient) -> None:
    pages = [list_backups(client, offset=offset, limit=2) for offset in range(0, 8, 2)]
    assert [name for page in pages for name in names(page)] == names(list_backups(client))


def test_a_limit_above_a_hundred_is_rejected(client: gaussdb.GaussDBClient) -> None:
    with pytest.raises(ClientRequestException) as rejected:
        list_backups(client, limit=101)
    assert (rejected.value.status_code, rejected.value.error_code) == (400, "DBS.280439")


def test_instances_of_the_project_are_listed(client: gaussdb.GaussDBClient) -> None:
    response = client.list_gauss_my_sql_instances(gaussdb.ListGaussMySqlInstancesRequest())
    assert [(each.id, each.name, each.status) for each in response.instances] == [
        (ORDERS, "orders", "ACTIVE"),
        (BILLING, "billing", "ACTIVE"),
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"id": BILLING}, ["billing"], id="id"),
        pytest.param({"name": "orders"}, ["orders"], id="name"),
        pytest.param({"name": "rder"}, [], id="part of a name without a star"),
        pytest.param({"name": "*ill"}, ["billing"], id="part of a name"),
        pytest.param({"tags": "env=prod,team=a"}, ["orders"], id="all tags"),
        pytest.param({"offset": 1, "limit": 1}, ["billing"], id="page"),
    ],
)
def test_instances_are_filtered(
    client: gaussdb.GaussDBClient, filters: dict[str, str | int], expected: list[str]
) -> None:
    response = client.list_gauss_my_sql_instances(gaussdb.ListGaussMySqlInstancesRequest(**filters))
    assert [each.name for each in response.instances] == expected


def test_a_running_backup_is_visible_in_the_instances_status(client: gaussdb.GaussDBClient) -> None:
    create(client, ORDERS, "nightly")
    request = gaussdb.ListGaussMySqlInstancesRequest(id=ORDERS)
    assert client.list_gauss_my_sql_instances(request).instances[0].status == "BACKING UP"


def test_the_unified_status_hides_a_running_backup(client: gaussdb.GaussDBClient) -> None:
    create(client, ORDERS, "nightly")
    request = gaussdb.ListGaussMySqlInstancesUnifyStatusRequest(id=ORDERS)
    assert client.list_gauss_my_sql_instances_unify_status(request).instances[0].status == "normal"


def test_creation_and_automatic_backups_of_an_instance_are_read(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.change_instance(ORDERS, created=LONG_AGO, automatic_keep_days=14, automatic_start_time="02:00-03:00")
    response = client.list_gauss_my_sql_instances(gaussdb.ListGaussMySqlInstancesRequest())
    orders, billing = response.instances
    assert (orders.created, orders.updated) == ("2026-01-10T09:30:00+0800", "2026-01-10T09:30:00+0800")
    assert (orders.backup_strategy.start_time, orders.backup_strategy.keep_days) == ("02:00-03:00", "14")
    assert (billing.created, billing.backup_strategy.keep_days) == (None, "7")


def test_an_instance_without_days_of_automatic_backups_has_none(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.change_instance(ORDERS, automatic_keep_days=None)
    response = client.list_gauss_my_sql_instances(gaussdb.ListGaussMySqlInstancesRequest(id=ORDERS))
    assert response.instances[0].backup_strategy.keep_days is None


def test_a_vault_lock_is_read(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.change_instance(ORDERS, vault_lock=VaultLock(retention_days=30, starts_at=LONG_AGO))
    info = client.show_backup_vault_lock(gaussdb.ShowBackupVaultLockRequest(instance_id=ORDERS)).backup_vaultlock_info
    assert (info.lock_policy, info.lock_retention_days) == (True, 30)
    assert info.lock_start_time == LONG_AGO.timestamp() * 1000
    assert info.lock_end_time - info.lock_start_time == 30 * 24 * 3600 * 1000


def test_an_instance_without_a_vault_lock_has_one_that_is_off(client: gaussdb.GaussDBClient) -> None:
    info = client.show_backup_vault_lock(gaussdb.ShowBackupVaultLockRequest(instance_id=ORDERS)).backup_vaultlock_info
    assert (info.lock_policy, info.lock_retention_days, info.lock_end_time) == (False, 0, 0)


@pytest.mark.parametrize("encryption", ["on", "off"])
def test_the_encryption_of_backups_is_read(client: gaussdb.GaussDBClient, cloud: Cloud, encryption: str) -> None:
    cloud.change_instance(ORDERS, encryption=encryption)
    request = gaussdb.DescribeBackupEncryptStatusRequest(instance_id=ORDERS)
    assert client.describe_backup_encrypt_status(request).encryption_status == encryption


def test_the_protection_of_another_projects_instance_is_unknown(client: gaussdb.GaussDBClient) -> None:
    with pytest.raises(ClientRequestException) as rejected:
        client.show_backup_vault_lock(gaussdb.ShowBackupVaultLockRequest(instance_id=f"{3:032x}in07"))
    assert (rejected.value.status_code, rejected.value.error_code) == (404, "DBS.200045")


CHANGES: dict[str, Any] = {
    "batch_update_backup_policy": gaussdb.BatchUpdateBackupPolicyRequest(
        body=gaussdb.BatchUpdateBackupPolicyRequestBody(instance_ids=[ORDERS])
    ),
    "update_gauss_my_sql_backup_policy": gaussdb.UpdateGaussMySqlBackupPolicyRequest(instance_id=ORDERS),
    "update_taurus_db_advanced_backup_policy": gaussdb.UpdateTaurusDbAdvancedBackupPolicyRequest(instance_id=ORDERS),
    "update_backup_offsite_policy": gaussdb.UpdateBackupOffsitePolicyRequest(instance_id=ORDERS),
    "modify_backup_vault_lock": gaussdb.ModifyBackupVaultLockRequest(instance_id=ORDERS),
    "modify_backup_encrypt_status": gaussdb.ModifyBackupEncryptStatusRequest(instance_id=ORDERS),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_how_backups_are_kept_is_refused_and_logged(
    client: gaussdb.GaussDBClient, cloud: Cloud, change: str
) -> None:
    with pytest.raises(ServerResponseException, match="no client of the emulator may call it") as rejected:
        getattr(client, change)(CHANGES[change])
    assert (rejected.value.status_code, rejected.value.error_code) == (501, "EMULATOR.CHANGE_REFUSED")
    (logged,) = cloud.calls("change_protection")
    assert (logged.status, logged.code) == (501, "EMULATOR.CHANGE_REFUSED")
    assert logged.method in ("POST", "PUT")


def test_one_backup_is_deleted(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    (backup,) = list_backups(client, name="old-1").backups
    response = client.delete_gauss_my_sql_backup(gaussdb.DeleteGaussMySqlBackupRequest(backup_id=backup.id))
    assert (response.backup_id, response.backup_name) == (backup.id, "old-1")
    cloud.advance(timedelta(seconds=16))
    assert names(list_backups(client, backup_id=backup.id)) == []


def test_a_batch_deletion_returns_what_it_could_not_delete(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    ids = {backup.name: backup.id for backup in list_backups(client).backups}
    response = batch_delete(client, [ids["old-0"], ids["automatic"], "nosuchbackup"])
    assert (response.success_count, response.failed_count) == (1, 2)
    assert {each.backup_id: each.error_code for each in response.failed_results} == {
        ids["automatic"]: "DBS.201204",
        "nosuchbackup": "DBS.201203",
    }
    assert cloud.status_of(ids["automatic"]) == "COMPLETED"


def test_a_batch_of_more_than_fifty_is_rejected_as_a_whole(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    ids = [backup.id for backup in list_backups(client).backups]
    with pytest.raises(ClientRequestException) as rejected:
        batch_delete(client, ids + [f"{n:032x}br07" for n in range(45)])
    assert rejected.value.status_code == 400
    assert not any(backup.deleted_at for backup in cloud.backups())


def test_a_job_is_unknown_at_first_then_running_then_done(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    request = gaussdb.ShowGaussMySqlJobInfoRequest(id=create(client, ORDERS, "nightly").job_id)
    with pytest.raises(ClientRequestException) as unknown:
        client.show_gauss_my_sql_job_info(request)
    assert (unknown.value.status_code, unknown.value.error_code) == (400, "DBS.200543")
    cloud.advance(timedelta(seconds=30))
    running = client.show_gauss_my_sql_job_info(request).job
    cloud.advance(timedelta(seconds=31))
    done = client.show_gauss_my_sql_job_info(request).job
    assert (running.status, running.process) == ("Running", "50%")
    assert (done.status, done.process, done.instance.id) == ("Completed", "", ORDERS)


def test_a_wrong_secret_key_is_rejected(running: Running) -> None:
    client = connect(running, BasicCredentials(ACCESS_KEY, "another-secret", PROJECT))
    with pytest.raises(ClientRequestException) as rejected:
        list_backups(client)
    assert (rejected.value.status_code, rejected.value.error_code) == (401, "APIGW.0301")
    assert "verify aksk signature fail, canonicalRequest:GET|/v3/" in rejected.value.error_msg


def test_a_wrong_clock_is_rejected(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.advance(timedelta(minutes=16))
    with pytest.raises(ClientRequestException, match="signature expired") as rejected:
        list_backups(client)
    assert (rejected.value.status_code, rejected.value.error_code) == (401, "APIGW.0301")


def test_a_key_is_not_valid_for_another_project(running: Running) -> None:
    with pytest.raises(ClientRequestException) as rejected:
        list_backups(connect(running, BasicCredentials(ACCESS_KEY, SECRET_KEY, OTHER_PROJECT)))
    assert (rejected.value.status_code, rejected.value.error_code) == (403, "APIGW.0310")


def test_temporary_credentials_work_with_their_security_token(running: Running) -> None:
    credentials = BasicCredentials("TEMPORARYAK000000001", "temporary-secret", PROJECT)
    assert list_backups(connect(running, credentials.with_security_token("the token"))).total_count == 6


def test_temporary_credentials_fail_without_their_security_token(running: Running) -> None:
    credentials = BasicCredentials("TEMPORARYAK000000001", "temporary-secret", PROJECT)
    with pytest.raises(ClientRequestException, match="x-security-token"):
        list_backups(connect(running, credentials))


def test_a_throttled_create_request_has_the_gateways_code(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.add_fault(throttled("create", times=1))
    with pytest.raises(ClientRequestException) as rejected:
        create(client, ORDERS, "nightly")
    assert (rejected.value.status_code, rejected.value.error_code) == (429, "APIGW.0308")
    assert rejected.value.request_id == cloud.calls("create")[0].request_id


def test_a_lost_response_leaves_the_backup(client: gaussdb.GaussDBClient, cloud: Cloud) -> None:
    cloud.add_fault(lost_response())
    with pytest.raises(ConnectionException):
        create(client, ORDERS, "nightly")
    assert "nightly" in names(list_backups(client))


def test_header_values_may_be_any_text(running: Running, cloud: Cloud) -> None:
    credentials = BasicCredentials(ACCESS_KEY, SECRET_KEY, PROJECT).with_security_token("größer")
    assert list_backups(connect(running, credentials)).total_count == len(cloud.backups())


def iam_client(server: Running) -> iam.IamClient:
    credentials = GlobalCredentials(ACCESS_KEY, SECRET_KEY, "d78cbac186b744899480f25bd0224680")
    return iam.IamClient.new_builder().with_credentials(credentials).with_endpoint(server.url).build()


def token_request(password: str) -> Any:
    user = iam.PwdPasswordUser(
        domain=iam.PwdPasswordUserDomain(name="example-domain"), name="backup", password=password
    )
    identity = iam.PwdIdentity(methods=["password"], password=iam.PwdPassword(user=user))
    scope = iam.AuthScope(project=iam.AuthScopeProject(name="eu-de"))
    body = iam.KeystoneCreateUserTokenByPasswordRequestBody(auth=iam.PwdAuth(identity=identity, scope=scope))
    return iam.KeystoneCreateUserTokenByPasswordRequest(body=body)


def test_iam_issues_a_token_of_a_day_for_a_password(running: Running) -> None:
    response = iam_client(running).keystone_create_user_token_by_password(token_request("example-password"))
    valid = datetime.fromisoformat(response.token.expires_at) - datetime.fromisoformat(response.token.issued_at)
    assert (response.status_code, response.token.project.id, valid) == (201, PROJECT, timedelta(hours=24))
    assert len(response.x_subject_token) > 4000


def test_iam_rejects_a_wrong_password(running: Running) -> None:
    with pytest.raises(ClientRequestException) as rejected:
        iam_client(running).keystone_create_user_token_by_password(token_request("another"))
    assert (rejected.value.status_code, rejected.value.error_code) == (401, 401)
    assert rejected.value.request_id


def test_iam_returns_the_project_of_a_name(running: Running) -> None:
    response = iam_client(running).keystone_list_projects(iam.KeystoneListProjectsRequest(name="eu-de"))
    assert [project.id for project in response.projects] == [PROJECT]
