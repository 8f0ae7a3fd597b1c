"""The gateway: signatures by the vendor's signer, the clock, the lock of a key, tokens."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from local.gaussdb_emulator import AccessKey, Cloud, EmulatorTransport, Fleet, IamUser, Instance, Project, create_app
from tests.helpers.clock import Clock
from tests.helpers.gaussdb import PROJECT

ORDERS = f"{1:032x}in07"
KEY = AccessKey(access_key="EXAMPLEAK0000000001A", secret_key="example-secret-key")
HOST = "gaussdb.test"


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    user = IamUser(domain_name="example-domain", user_name="backup", password="example-password")
    return Cloud(Fleet(access_keys=(KEY,), users=(user,), instances=(Instance(id=ORDERS),)), clock=clock)


@pytest.fixture
def client(cloud: Cloud) -> httpx.Client:
    return httpx.Client(transport=EmulatorTransport(create_app(cloud)), base_url=f"http://{HOST}")


class Pair(NamedTuple):
    """The attributes of credentials that the vendor's signer reads."""

    ak: str
    sk: str


def sign(at: datetime, method: str, path: str, secret: str = KEY.secret_key, **more: Any) -> dict[str, str]:
    """Return the headers that the vendor's signer adds; `more`: query, body, headers, access_key."""
    headers = {"X-Sdk-Date": f"{at:%Y%m%dT%H%M%SZ}", "Host": HOST, **more.get("headers", {})}
    request = SdkRequest(
        method=method, host=HOST, resource_path=path, query_params=more.get("query", []), header_params=headers,
        body=more.get("body", b""),
    )  # fmt: skip
    Signer(Pair(more.get("access_key", KEY.access_key), secret)).sign(request)
    signed: dict[str, str] = request.header_params
    return signed


PATH = f"/v3/{PROJECT}/backups"


@pytest.fixture
def list_signed(client: httpx.Client, clock: Clock) -> Callable[..., httpx.Response]:
    """Lists backups with a request that is signed now with the given secret."""
    return lambda secret=KEY.secret_key: client.get(PATH, headers=sign(clock.now, "GET", PATH, secret))


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


def test_a_signed_request_is_accepted(list_signed: Callable[..., httpx.Response]) -> None:
    assert list_signed().status_code == 200


def test_the_error_for_an_invalid_signature_has_the_gateways_canonical_request(
    list_signed: Callable[..., httpx.Response],
) -> None:
    rejected = list_signed("wrong")
    assert error_of(rejected) == (401, "APIGW.0301")
    assert (
        f"canonicalRequest:GET|{PATH}/||host:{HOST}|x-sdk-date:20260301T020000Z||host;x-sdk-date|e3b0c44"
        in rejected.text
    )
    assert rejected.json()["request_id"] == rejected.headers["X-Request-Id"]


def test_headers_that_are_not_signed_are_not_checked(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH) | {"X-Project-Id": PROJECT, "X-Language": "en-us"}
    assert client.get(PATH, headers=headers).status_code == 200


def test_a_signed_header_that_was_changed_is_detected(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, headers={"X-Language": "en-us"}) | {"X-Language": "zh-cn"}
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_signed_header_that_is_missing_is_detected(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, headers={"X-Language": "en-us"})
    del headers["X-Language"]
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_date_that_is_not_signed_is_rejected(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH)
    headers["Authorization"] = headers["Authorization"].replace("host;x-sdk-date", "host")
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_query_is_checked_as_it_arrived(client: httpx.Client, clock: Clock) -> None:
    query = [("name", "a b+c~d%"), ("begin_time", "2026-01-01T00:00:00+0800"), ("instance_name", "ü")]
    headers = sign(clock.now, "GET", PATH, query=query)
    url = f"{PATH}?begin_time=2026-01-01T00%3A00%3A00%2B0800&instance_name=%C3%BC&name=a%20b%2Bc~d%25"
    assert client.get(url, headers=headers).status_code == 200


def test_a_space_sent_as_plus_is_not_the_space_that_was_signed(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, query=[("name", "a b")])
    assert error_of(client.get(f"{PATH}?name=a+b", headers=headers)) == (401, "APIGW.0301")


def test_the_body_is_checked_byte_by_byte(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    body = json.dumps({"instance_id": ORDERS, "name": "nightly"}).encode()
    headers = sign(clock.now, "POST", path, body=body, headers={"Content-Type": "application/json"})
    assert error_of(client.post(path, headers=headers, content=body.replace(b", ", b","))) == (401, "APIGW.0301")
    assert client.post(path, headers=headers, content=body).status_code == 201


def test_an_unsigned_payload_may_be_any_body(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    body = json.dumps({"instance_id": ORDERS, "name": "nightly"}).encode()
    headers = sign(clock.now, "POST", path, body=b"anything", headers={"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"})
    assert client.post(path, headers=headers, content=body).status_code == 201


def test_a_declared_hash_that_is_not_the_bodys_is_rejected(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    headers = sign(clock.now, "POST", path, body=b"{}", headers={"X-Sdk-Content-Sha256": "0" * 64})
    assert error_of(client.post(path, headers=headers, content=b"{}")) == (401, "APIGW.0301")


@pytest.mark.parametrize("minutes", [-14.9, 14.9])
def test_a_clock_skew_below_the_limit_is_accepted(client: httpx.Client, clock: Clock, minutes: float) -> None:
    headers = sign(clock.now + timedelta(minutes=minutes), "GET", PATH)
    assert client.get(PATH, headers=headers).status_code == 200


@pytest.mark.parametrize("minutes", [-15.1, 15.1])
def test_a_clock_skew_above_the_limit_is_rejected(client: httpx.Client, clock: Clock, minutes: float) -> None:
    rejected = client.get(PATH, headers=sign(clock.now + timedelta(minutes=minutes), "GET", PATH))
    assert error_of(rejected) == (401, "APIGW.0301")
    assert "signature expired" in rejected.text


def test_an_unknown_key_is_named_in_the_error(client: httpx.Client, clock: Clock) -> None:
    rejected = client.get(PATH, headers=sign(clock.now, "GET", PATH, access_key="NOSUCHKEY"))
    assert error_of(rejected) == (401, "APIGW.0301")
    assert "ak:NOSUCHKEY,err:ak not exist" in rejected.text


@pytest.mark.parametrize("header", [None, "Bearer x", "SDK-HMAC-SHA256 Access=x", "AWS4-HMAC-SHA256 Credential=x"])
def test_a_malformed_authorization_is_rejected(client: httpx.Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_the_sixth_invalid_signature_in_a_row_locks_the_key(list_signed: Callable[..., httpx.Response]) -> None:
    for _ in range(6):
        assert "canonicalRequest" in list_signed("wrong").text
    rejected = list_signed()
    assert error_of(rejected) == (401, "APIGW.0301")
    assert "AK access failed to reach the limit,forbidden." in rejected.text


def test_five_invalid_signatures_in_a_row_do_not_lock_the_key(list_signed: Callable[..., httpx.Response]) -> None:
    for _ in range(5):
        list_signed("wrong")
    assert list_signed().status_code == 200


def test_a_valid_signature_resets_the_count(list_signed: Callable[..., httpx.Response]) -> None:
    for secret in ["wrong"] * 5 + [KEY.secret_key] + ["wrong"] * 5:
        list_signed(secret)
    assert list_signed().status_code == 200


def test_a_locked_key_is_unlocked_after_five_minutes(list_signed: Callable[..., httpx.Response], clock: Clock) -> None:
    for _ in range(6):
        list_signed("wrong")
    clock.move(seconds=299)
    assert list_signed().status_code == 401
    clock.move(seconds=1)
    assert list_signed().status_code == 200


def test_a_rotated_key_accepts_the_new_secret_only(list_signed: Callable[..., httpx.Response], cloud: Cloud) -> None:
    cloud.rotate_key(KEY.access_key, "new-secret")
    assert list_signed().status_code == 401
    assert list_signed("new-secret").status_code == 200


def test_a_removed_key_is_unknown(list_signed: Callable[..., httpx.Response], cloud: Cloud) -> None:
    cloud.remove_key(KEY.access_key)
    assert "ak not exist" in list_signed().text


@pytest.mark.parametrize("date", ["", "2026-03-01T02:00:00Z", "20261301T020000Z"])
def test_a_malformed_date_is_rejected(client: httpx.Client, clock: Clock, date: str) -> None:
    headers = sign(clock.now, "GET", PATH) | {"X-Sdk-Date": date}
    rejected = client.get(PATH, headers=headers)
    assert error_of(rejected) == (401, "APIGW.0301")
    assert "X-Sdk-Date" in rejected.text


def request_token(
    client: httpx.Client, scope: dict[str, Any] | None, password: str = "example-password"
) -> httpx.Response:
    user = {"name": "backup", "password": password, "domain": {"name": "example-domain"}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return client.post("/v3/auth/tokens", json={"auth": auth | ({"scope": {"project": scope}} if scope else {})})


@pytest.mark.parametrize("scope", [{"id": PROJECT}, {"name": "eu-de"}], ids=["by id", "by name"])
def test_a_token_is_valid_for_its_project(client: httpx.Client, scope: dict[str, Any]) -> None:
    token = request_token(client, scope).headers["X-Subject-Token"]
    assert client.get(PATH, headers={"X-Auth-Token": token}).status_code == 200


def test_a_token_is_not_valid_for_another_project(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_project(Project(id="1" * 32, name="eu-nl"))
    token = request_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    rejected = client.get(f"/v3/{'1' * 32}/backups", headers={"X-Auth-Token": token})
    assert error_of(rejected) == (403, "APIGW.0310")


def test_a_token_expires_after_a_day(client: httpx.Client, clock: Clock) -> None:
    token = request_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    clock.move(hours=23, minutes=59)
    assert client.get(PATH, headers={"X-Auth-Token": token}).status_code == 200
    clock.move(minutes=1)
    assert error_of(client.get(PATH, headers={"X-Auth-Token": token})) == (401, "APIGW.0307")


def test_a_token_can_be_expired_early_and_a_new_one_is_valid(client: httpx.Client, cloud: Cloud) -> None:
    token = request_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    assert cloud.expire_tokens() == 1
    assert error_of(client.get(PATH, headers={"X-Auth-Token": token})) == (401, "APIGW.0307")
    assert client.get(PATH, headers={"X-Auth-Token": cloud.issue_token()}).status_code == 200


def test_a_malformed_token_has_another_code_than_an_expired_one(client: httpx.Client) -> None:
    rejected = client.get(PATH, headers={"X-Auth-Token": "MIIrubbish"})
    assert error_of(rejected) == (401, "APIGW.0301")
    assert "decrypt token fail" in rejected.text


@pytest.mark.parametrize(
    ("scope", "password", "status"),
    [
        pytest.param({"id": PROJECT}, "wrong", 401, id="wrong password"),
        pytest.param({"id": "2" * 32}, "example-password", 404, id="unknown project"),
        pytest.param({"id": PROJECT}, "", 400, id="no password"),
    ],
)
def test_errors_of_iam_have_their_own_shape(
    client: httpx.Client, scope: dict[str, Any], password: str, status: int
) -> None:
    rejected = request_token(client, scope, password)
    assert rejected.status_code == status == rejected.json()["error"]["code"]


def test_iam_lists_the_callers_projects_by_name(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_project(Project(id="1" * 32, name="eu-nl"))
    headers = {"X-Auth-Token": cloud.issue_token()}
    assert [each["id"] for each in client.get("/v3/projects", headers=headers).json()["projects"]] == [PROJECT]
    assert client.get("/v3/projects?name=eu-nl", headers=headers).json()["projects"] == []
