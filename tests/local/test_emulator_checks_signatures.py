"""The gate: signatures by the vendor's signer, the clock, the lock of a key, tokens."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from local.gaussdb_emulator import AccessKey, Cloud, EmulatorTransport, Fleet, IamUser, Instance, Project, create_app

PROJECT = "0483b6b16e954cb88930a360d2c4e663"
ORDERS = f"{1:032x}in07"
KEY = AccessKey(access_key="EXAMPLEAK0000000001A", secret_key="example-secret-key")
HOST = "gaussdb.test"


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> Cloud:
    user = IamUser(domain_name="example-domain", user_name="backup", password="example-password")
    return Cloud(Fleet(access_keys=(KEY,), users=(user,), instances=(Instance(id=ORDERS),)), clock=clock)


@pytest.fixture
def client(cloud: Cloud) -> httpx.Client:
    return httpx.Client(transport=EmulatorTransport(create_app(cloud)), base_url=f"http://{HOST}")


class Pair(NamedTuple):
    """What the vendor's signer reads of credentials."""

    ak: str
    sk: str


def sign(at: datetime, method: str, path: str, secret: str = KEY.secret_key, **more: Any) -> dict[str, str]:
    """The headers that the vendor's signer makes; `more`: query, body, headers, access_key."""
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
def ask(client: httpx.Client, clock: Clock) -> Callable[..., httpx.Response]:
    """Lists backups, signed now with the given secret."""
    return lambda secret=KEY.secret_key: client.get(PATH, headers=sign(clock.now, "GET", PATH, secret))


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


def test_a_signed_request_is_let_in(ask: Callable[..., httpx.Response]) -> None:
    assert ask().status_code == 200


def test_the_answer_to_a_bad_signature_tells_what_the_gateway_made_of_the_request(
    ask: Callable[..., httpx.Response],
) -> None:
    refused = ask("wrong")
    assert error_of(refused) == (401, "APIGW.0301")
    assert (
        f"canonicalRequest:GET|{PATH}/||host:{HOST}|x-sdk-date:20260301T020000Z||host;x-sdk-date|e3b0c44"
        in refused.text
    )
    assert refused.json()["request_id"] == refused.headers["X-Request-Id"]


def test_headers_that_are_not_listed_do_not_count(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH) | {"X-Project-Id": PROJECT, "X-Language": "en-us"}
    assert client.get(PATH, headers=headers).status_code == 200


def test_a_listed_header_that_changed_on_the_way_is_noticed(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, headers={"X-Language": "en-us"}) | {"X-Language": "zh-cn"}
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_listed_header_that_did_not_come_is_noticed(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, headers={"X-Language": "en-us"})
    del headers["X-Language"]
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_date_that_is_not_signed_is_refused(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH)
    headers["Authorization"] = headers["Authorization"].replace("host;x-sdk-date", "host")
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_a_query_is_checked_as_it_came(client: httpx.Client, clock: Clock) -> None:
    query = [("name", "a b+c~d%"), ("begin_time", "2026-01-01T00:00:00+0800"), ("instance_name", "ü")]
    headers = sign(clock.now, "GET", PATH, query=query)
    url = f"{PATH}?begin_time=2026-01-01T00%3A00%3A00%2B0800&instance_name=%C3%BC&name=a%20b%2Bc~d%25"
    assert client.get(url, headers=headers).status_code == 200


def test_a_space_sent_as_plus_is_not_the_space_that_was_signed(client: httpx.Client, clock: Clock) -> None:
    headers = sign(clock.now, "GET", PATH, query=[("name", "a b")])
    assert error_of(client.get(f"{PATH}?name=a+b", headers=headers)) == (401, "APIGW.0301")


def test_the_body_is_checked_byte_by_byte(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    body = json.dumps({"instance_id": ORDERS, "name": "tonight"}).encode()
    headers = sign(clock.now, "POST", path, body=body, headers={"Content-Type": "application/json"})
    assert error_of(client.post(path, headers=headers, content=body.replace(b", ", b","))) == (401, "APIGW.0301")
    assert client.post(path, headers=headers, content=body).status_code == 201


def test_an_unsigned_payload_may_be_any_body(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    body = json.dumps({"instance_id": ORDERS, "name": "tonight"}).encode()
    headers = sign(clock.now, "POST", path, body=b"anything", headers={"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"})
    assert client.post(path, headers=headers, content=body).status_code == 201


def test_a_declared_hash_that_is_not_the_bodys_is_refused(client: httpx.Client, clock: Clock) -> None:
    path = f"{PATH}/create"
    headers = sign(clock.now, "POST", path, body=b"{}", headers={"X-Sdk-Content-Sha256": "0" * 64})
    assert error_of(client.post(path, headers=headers, content=b"{}")) == (401, "APIGW.0301")


@pytest.mark.parametrize("minutes", [-14.9, 14.9])
def test_a_clock_that_is_nearly_right_will_do(client: httpx.Client, clock: Clock, minutes: float) -> None:
    headers = sign(clock.now + timedelta(minutes=minutes), "GET", PATH)
    assert client.get(PATH, headers=headers).status_code == 200


@pytest.mark.parametrize("minutes", [-15.1, 15.1])
def test_a_clock_that_is_wrong_is_refused(client: httpx.Client, clock: Clock, minutes: float) -> None:
    refused = client.get(PATH, headers=sign(clock.now + timedelta(minutes=minutes), "GET", PATH))
    assert error_of(refused) == (401, "APIGW.0301")
    assert "signature expired" in refused.text


def test_an_unknown_key_is_refused_by_name(client: httpx.Client, clock: Clock) -> None:
    refused = client.get(PATH, headers=sign(clock.now, "GET", PATH, access_key="NOSUCHKEY"))
    assert error_of(refused) == (401, "APIGW.0301")
    assert "ak:NOSUCHKEY,err:ak not exist" in refused.text


@pytest.mark.parametrize("header", [None, "Bearer x", "SDK-HMAC-SHA256 Access=x", "AWS4-HMAC-SHA256 Credential=x"])
def test_without_a_readable_authorization_nobody_is_let_in(client: httpx.Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert error_of(client.get(PATH, headers=headers)) == (401, "APIGW.0301")


def test_the_sixth_bad_signature_in_a_row_locks_the_key(ask: Callable[..., httpx.Response]) -> None:
    for _ in range(6):
        assert "canonicalRequest" in ask("wrong").text
    refused = ask()
    assert error_of(refused) == (401, "APIGW.0301")
    assert "AK access failed to reach the limit,forbidden." in refused.text


def test_five_bad_signatures_in_a_row_lock_nothing(ask: Callable[..., httpx.Response]) -> None:
    for _ in range(5):
        ask("wrong")
    assert ask().status_code == 200


def test_a_good_signature_makes_the_count_begin_anew(ask: Callable[..., httpx.Response]) -> None:
    for secret in ["wrong"] * 5 + [KEY.secret_key] + ["wrong"] * 5:
        ask(secret)
    assert ask().status_code == 200


def test_a_locked_key_opens_after_five_minutes(ask: Callable[..., httpx.Response], clock: Clock) -> None:
    for _ in range(6):
        ask("wrong")
    clock.move(seconds=299)
    assert ask().status_code == 401
    clock.move(seconds=1)
    assert ask().status_code == 200


def test_a_rotated_key_takes_the_new_secret_and_refuses_the_old(
    ask: Callable[..., httpx.Response], cloud: Cloud
) -> None:
    cloud.rotate_key(KEY.access_key, "new-secret")
    assert ask().status_code == 401
    assert ask("new-secret").status_code == 200


def test_a_removed_key_is_unknown(ask: Callable[..., httpx.Response], cloud: Cloud) -> None:
    cloud.remove_key(KEY.access_key)
    assert "ak not exist" in ask().text


@pytest.mark.parametrize("date", ["", "2026-03-01T02:00:00Z", "20261301T020000Z"])
def test_a_date_of_another_form_is_refused(client: httpx.Client, clock: Clock, date: str) -> None:
    headers = sign(clock.now, "GET", PATH) | {"X-Sdk-Date": date}
    refused = client.get(PATH, headers=headers)
    assert error_of(refused) == (401, "APIGW.0301")
    assert "X-Sdk-Date" in refused.text


def buy_token(client: httpx.Client, scope: dict[str, Any] | None, password: str = "example-password") -> httpx.Response:
    user = {"name": "backup", "password": password, "domain": {"name": "example-domain"}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return client.post("/v3/auth/tokens", json={"auth": auth | ({"scope": {"project": scope}} if scope else {})})


@pytest.mark.parametrize("scope", [{"id": PROJECT}, {"name": "eu-de"}], ids=["by id", "by name"])
def test_a_token_opens_its_project(client: httpx.Client, scope: dict[str, Any]) -> None:
    token = buy_token(client, scope).headers["X-Subject-Token"]
    assert client.get(PATH, headers={"X-Auth-Token": token}).status_code == 200


def test_a_token_does_not_open_another_project(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_project(Project(id="1" * 32, name="eu-nl"))
    token = buy_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    refused = client.get(f"/v3/{'1' * 32}/backups", headers={"X-Auth-Token": token})
    assert error_of(refused) == (403, "APIGW.0310")


def test_a_token_ends_after_a_day(client: httpx.Client, clock: Clock) -> None:
    token = buy_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    clock.move(hours=23, minutes=59)
    assert client.get(PATH, headers={"X-Auth-Token": token}).status_code == 200
    clock.move(minutes=1)
    assert error_of(client.get(PATH, headers={"X-Auth-Token": token})) == (401, "APIGW.0307")


def test_a_token_can_be_ended_early_and_a_new_one_is_good(client: httpx.Client, cloud: Cloud) -> None:
    token = buy_token(client, {"id": PROJECT}).headers["X-Subject-Token"]
    assert cloud.expire_tokens() == 1
    assert error_of(client.get(PATH, headers={"X-Auth-Token": token})) == (401, "APIGW.0307")
    assert client.get(PATH, headers={"X-Auth-Token": cloud.issue_token()}).status_code == 200


def test_what_is_no_token_is_told_apart_from_an_old_one(client: httpx.Client) -> None:
    refused = client.get(PATH, headers={"X-Auth-Token": "MIIrubbish"})
    assert error_of(refused) == (401, "APIGW.0301")
    assert "decrypt token fail" in refused.text


@pytest.mark.parametrize(
    ("scope", "password", "status"),
    [
        pytest.param({"id": PROJECT}, "wrong", 401, id="wrong password"),
        pytest.param({"id": "2" * 32}, "example-password", 404, id="unknown project"),
        pytest.param({"id": PROJECT}, "", 400, id="no password"),
    ],
)
def test_iam_refuses_in_its_own_shape(client: httpx.Client, scope: dict[str, Any], password: str, status: int) -> None:
    refused = buy_token(client, scope, password)
    assert refused.status_code == status == refused.json()["error"]["code"]


def test_iam_lists_the_callers_projects_by_name(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_project(Project(id="1" * 32, name="eu-nl"))
    headers = {"X-Auth-Token": cloud.issue_token()}
    assert [each["id"] for each in client.get("/v3/projects", headers=headers).json()["projects"]] == [PROJECT]
    assert client.get("/v3/projects?name=eu-nl", headers=headers).json()["projects"] == []
