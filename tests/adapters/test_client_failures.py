"""What the client makes of everything that can go wrong, against the emulator."""

import itertools
import json
import re
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import PAGE_SIZE
from gaussdb_backup.errors import (
    CredentialsRefused,
    FixConfiguration,
    FixRequest,
    GaussDBBackupError,
    GiveUp,
    InstanceBusy,
    NameTaken,
    PermissionDenied,
    TryLater,
)
from local import gaussdb_emulator
from tests.helpers.clock import Clock
from tests.helpers.gaussdb import KEY, ORDERS, PROJECT, USER, Source, by_key, by_password, make_api, make_cloud

SERVICE: list[tuple[int, str, type[GaussDBBackupError]]] = [
    (status, f"DBS.{number}", error)
    for status, numbers, error in [
        (400, "200001 200004 280001 290000 280204 212017 200006 280277 280127 280404 280439", FixRequest),
        (400, "280216 280253 201103 201101 201106 280250 280251 201203 280214 201204 201210 280124", FixRequest),
        (400, "280449", GiveUp),
        (400, "200086 201014", InstanceBusy),
        (400, "200543 201208", TryLater),
        (403, "200010 200604 200044 201003 280015", PermissionDenied),
        (403, "280056", CredentialsRefused),
        (404, "200002 200045 200408 200602 201028 290005 290011 201010 290013", FixRequest),
        (409, "201205 200011 200019 200047 201202 212006 280406 201014 201015 05000084 212033", InstanceBusy),
        (409, "200316", GiveUp),
        (409, "201209", NameTaken),
        (413, "200046 290003", GiveUp),
        (422, "212019", FixRequest),
        (500, "108000 108002 108005 200005 200208 213002 213004 290006 290015 05000000", TryLater),
    ]
    for number in numbers.split()
]
GATEWAY: list[tuple[int, str, type[GaussDBBackupError]]] = [
    (404, "APIGW.0101", FixConfiguration),
    *((status, "APIGW.0201", FixRequest) for status in (400, 413, 414, 494)),
    *((status, "APIGW.0201", TryLater) for status in (500, 502, 504)),
    *((401, f"APIGW.{number}", CredentialsRefused) for number in ("0301", "0303", "0305", "0307")),
    *((403, f"APIGW.{number}", PermissionDenied) for number in ("0302", "0304", "0306", "0310", "0802")),
    (429, "APIGW.0308", TryLater),
    (429, "APIG.0308", TryLater),
    (401, "APIG.0301", CredentialsRefused),
    (500, "APIGW.0601", TryLater),
    (400, "APIGW.0602", GiveUp),
    (502, "APIGW.0610", TryLater),
    (503, "APIGW.0613", TryLater),
]
UNLISTED: list[tuple[int, str, type[GaussDBBackupError]]] = [
    (400, "DBS.999999", FixRequest),
    (401, "DBS.999999", CredentialsRefused),
    (402, "DBS.999999", FixRequest),
    (403, "DBS.999999", PermissionDenied),
    (404, "DBS.999999", FixRequest),
    (408, "DBS.999999", TryLater),
    (409, "DBS.999999", InstanceBusy),
    (429, "DBS.999999", TryLater),
    (501, "DBS.999999", TryLater),
    (302, "DBS.999999", FixConfiguration),
]


@pytest.mark.parametrize(("status", "code", "error"), SERVICE + GATEWAY + UNLISTED)
def test_each_row_of_the_error_tables_has_its_class(status: int, code: str, error: type[GaussDBBackupError]) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=status, code=code, message="some words"))
    with pytest.raises(error) as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert type(raised.value) is error
    api_call = raised.value.api_call
    assert api_call is not None
    assert (api_call.operation, api_call.http_status, api_call.error_code) == ("create backup", status, code)
    assert api_call.request_id
    assert str(raised.value).startswith(f"create backup: the API returned {status} {code}")
    if isinstance(raised.value, TryLater):
        assert raised.value.may_have_taken_effect == (status >= 500)


@pytest.mark.parametrize("shape", ["service", "gateway", "keystone", "details", "external", "camel"])
def test_code_and_request_id_are_read_from_every_shape_of_body(shape: Any) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.201205", shape=shape))
    with pytest.raises(InstanceBusy) as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.error_code in ("DBS.201205", "409")  # Keystone's code is the status


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"shape": "html"}, "returned 503: repeat it"),
        ({"shape": "empty"}, "returned 503: repeat it"),
        ({"body": '["a", "list"]'}, "returned 503: repeat it"),
        ({"body": "[" * 100_000}, "returned 503: repeat it"),
        ({"body": '{"error_code": null, "error": [1]}'}, "returned 503: repeat it"),
        ({"body": '{"error_code": 5, "error_msg": {"x": 1}}'}, "returned 503 5: repeat it"),
        ({"body": '{"error_code": "X", "error_msg": "line\\nbreak"}'}, "returned 503 X (line break): repeat it"),
    ],
)
def test_a_body_without_a_code_is_classed_by_its_status(fault: dict[str, Any], expected: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=503, **fault))
    with pytest.raises(TryLater, match=re.escape(expected)):
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": gaussdb_emulator.Effect.NO_BACKUP_ID},
        {"status": 200, "body": "<html>"},
        {"status": 201, "body": "{}"},
    ],
)
def test_a_success_without_a_backup_may_have_taken_effect(fault: dict[str, Any]) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", **fault))
    with pytest.raises(TryLater, match="has no backup.id") as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.may_have_taken_effect


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<html>", "the API returned 200, but the body has no list of backups"),
        ("{}", "the API returned 200, but the body has no list of backups"),
        ('{"backups": {}}', "the API returned 200, but the body has no list of backups"),
        ('{"backups": [1]}', "none of the page's 1 records can be read (int)"),
        ('{"backups": [{"name": "x"}]}', "none of the page's 1 records can be read (an id of type NoneType)"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error_and_not_an_empty_list(body: str, problem: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=200, body=body))
    with pytest.raises(TryLater, match=re.escape(f"list backups: {problem}")) as raised:
        list(make_api(cloud).list_backups())
    assert not raised.value.may_have_taken_effect


def test_a_batch_deletion_that_cannot_be_read_may_have_taken_effect() -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="batch_delete", status=200, body="<html>"))
    with pytest.raises(TryLater, match="the body is malformed") as raised:
        make_api(cloud).delete_backups(["x"])
    assert raised.value.may_have_taken_effect


@pytest.mark.parametrize("effect", [gaussdb_emulator.Effect.DROP, gaussdb_emulator.Effect.RESET])
@pytest.mark.parametrize("after_commit", [True, False])
def test_a_lost_connection_may_have_taken_effect_and_create_is_not_repeated(
    effect: gaussdb_emulator.Effect, after_commit: bool
) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", effect=effect, after_commit=after_commit))
    with pytest.raises(TryLater, match="create backup: no good response from gaussdb.test") as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.may_have_taken_effect
    assert len(cloud.backups(ORDERS)) == int(after_commit)


def test_a_read_is_tried_three_times() -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.unavailable(60, times=2))
    assert list(make_api(cloud).list_backups()) == []
    cloud.add_fault(gaussdb_emulator.unavailable(60))
    with pytest.raises(TryLater, match="list backups: the API returned 503"):
        list(make_api(cloud).list_backups())
    assert [request.status for request in cloud.calls("list")] == [503, 503, 200, 503, 503, 503]


def test_the_wait_before_a_read_is_repeated_is_the_apis_if_it_is_short() -> None:
    waits: list[float] = []
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.throttled("list", retry_after="3", times=1))
    assert list(make_api(cloud, sleep=waits.append).list_backups()) == []
    assert waits == [3.0]


def test_a_long_wait_is_left_to_the_caller() -> None:
    waits: list[float] = []
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.throttled("list", retry_after="600"))
    with pytest.raises(TryLater) as raised:
        list(make_api(cloud, sleep=waits.append).list_backups())
    assert raised.value.retry_after == timedelta(minutes=10)
    assert waits == []


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 01:35:00 GMT", timedelta(minutes=5)),
        ("Mon, 23 Nov 2026 01:00:00 GMT", timedelta(0)),
        ("999999999", timedelta(hours=1)),
        ("9" * 400, None),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(header: str | None, wait: timedelta | None) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.throttled("create", retry_after=header))
    with pytest.raises(TryLater) as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.retry_after == wait


# The path family that goes away


def test_when_the_documented_path_is_gone_its_successor_is_used_with_one_warning() -> None:
    warnings: list[str] = []
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.removed_api_prefix("mysql/v3"))
    api = make_api(cloud, on_api_version_switch=lambda: warnings.append("switched"))
    assert api.create_backup(instance_id=ORDERS, name="first").job_id
    assert [backup.name for backup in api.list_backups()] == ["first"]
    assert warnings == ["switched"]
    assert [(request.operation, request.status) for request in cloud.requests] == [
        ("create", 404),
        ("create", 201),
        ("list", 200),
    ]


def test_an_address_that_serves_neither_path_is_an_error_of_configuration() -> None:
    warnings: list[str] = []
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(status=404, code="APIGW.0101"))
    with pytest.raises(FixConfiguration, match="check endpoint and api_version"):
        make_api(cloud, on_api_version_switch=lambda: warnings.append("switched")).create_backup(
            instance_id=ORDERS, name="first"
        )
    assert warnings == []


# Credentials


def test_a_rotated_key_is_read_once_and_the_call_goes_on() -> None:
    cloud = make_cloud(Clock())
    source = Source(by_key())
    api = make_api(cloud, source)
    assert list(api.list_backups()) == []
    cloud.rotate_key(KEY.access_key, "new-secret-key")
    source.stored = by_key(secret_key="new-secret-key")
    assert api.create_backup(instance_id=ORDERS, name="first").backup.name == "first"
    assert list(api.list_backups(instance_id=ORDERS))
    assert source.rereads == 1


@pytest.mark.parametrize("connection", [by_key(secret_key="wrong"), by_password(password="wrong")], ids=["key", "user"])
def test_refused_credentials_are_read_again_once_and_then_reported(connection: Any) -> None:
    cloud = make_cloud(Clock())
    source = Source(connection)
    with pytest.raises(CredentialsRefused, match="correct the credentials in the connection's secret") as raised:
        list(make_api(cloud, source).list_backups())
    assert source.rereads == 1
    assert len(cloud.requests) == 1
    assert "hush" not in str(raised.value) + repr(raised.value)


def test_a_refused_security_token_is_not_shown_although_the_gateway_echoes_it() -> None:
    cloud = make_cloud(Clock())
    connection = by_key(secret_key="wrong")
    key = connection.credentials.model_copy(update={"security_token": SecretStr("hush-hush-token")})
    with pytest.raises(CredentialsRefused) as raised:
        list(make_api(cloud, Source(connection.model_copy(update={"credentials": key}))).list_backups())
    assert "hush" not in str(raised.value)


def test_a_key_whose_clock_is_off_is_refused() -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(CredentialsRefused, match="clock"):
        list(make_api(cloud, now=lambda: cloud.now() + timedelta(minutes=16)).list_backups())


def test_an_expired_token_is_replaced_by_one_new_token() -> None:
    cloud = make_cloud(Clock())
    api = make_api(cloud, Source(by_password()))
    list(api.list_backups())
    cloud.expire_tokens()
    assert api.create_backup(instance_id=ORDERS, name="first").backup.name == "first"
    assert len(cloud.calls("token")) == 2


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    clock = Clock()
    cloud = make_cloud(clock)
    api = make_api(cloud, Source(by_password()))
    list(api.list_backups())
    clock.move(hours=23, minutes=54)
    list(api.list_backups())
    assert len(cloud.calls("token")) == 1
    clock.move(minutes=2)
    list(api.list_backups())
    assert len(cloud.calls("token")) == 2


def test_a_token_refused_by_the_service_is_replaced_too() -> None:
    cloud = make_cloud(Clock())
    api = make_api(cloud, Source(by_password()))
    list(api.list_backups())
    cloud.add_fault(gaussdb_emulator.Fault(operation="list", status=403, code="DBS.280056", times=1))
    list(api.list_backups())
    assert len(cloud.calls("token")) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, FixConfiguration), (403, PermissionDenied), (404, FixConfiguration), (500, TryLater), (503, TryLater)],
)
def test_a_refusal_by_iam_has_its_class(status: int, error: type[GaussDBBackupError]) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="token", status=status, code=str(status), shape="keystone"))
    with pytest.raises(error, match="request IAM token: ") as raised:
        make_api(cloud, Source(by_password())).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.api_call is not None
    assert raised.value.api_call.operation == "request IAM token"
    assert raised.value.error_code == str(status)
    assert cloud.calls("create") == []


@pytest.mark.parametrize("status", [302, 400, 401, 403, 409, 429, 503])
def test_the_words_of_iam_are_never_quoted_since_they_may_show_the_password_in_another_form(status: int) -> None:
    """As HTML, for example: the parts of a secret are looked for as they are."""
    cloud = make_cloud(Clock())
    words = "cannot check a&amp;b of acme"
    cloud.add_fault(
        gaussdb_emulator.Fault(operation="token", status=status, code=str(status), shape="keystone", message=words)
    )
    with pytest.raises(GaussDBBackupError, match="request IAM token: ") as raised:
        list(make_api(cloud, Source(by_password())).list_backups())
    assert "cannot check" not in str(raised.value)


@pytest.mark.parametrize("where", [{"id": USER.password}, {"name": f"x-{USER.password[:10]}"}])
def test_a_response_that_shows_the_password_is_not_used(where: dict[str, str]) -> None:
    """IAM got the password, and may be the same host as the API."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/auth/tokens":
            return httpx.Response(201, json={}, headers={"X-Subject-Token": "token-of-forty-characters"})
        return httpx.Response(200, json={"backup": {"id": "b-1", **where}})

    api = make_api(make_cloud(Clock()), Source(by_password()), transport=httpx.MockTransport(respond))
    with pytest.raises(TryLater, match="shows credentials") as raised:
        api.create_backup(instance_id=ORDERS, name="first")
    assert USER.password[:10] not in str(raised.value)


def test_a_password_that_is_a_common_word_costs_no_response() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/auth/tokens":
            return httpx.Response(201, json={}, headers={"X-Subject-Token": "token-of-forty-characters"})
        return httpx.Response(200, json={"backup": {"id": "b-1", "name": "backup-1"}})

    source = Source(by_password(password="backup"))
    api = make_api(make_cloud(Clock()), source, transport=httpx.MockTransport(respond))
    assert api.create_backup(instance_id=ORDERS, name="first").backup.name == "backup-1"


REFUSALS = [(401, "APIGW.0301"), (401, "DBS.999999"), (403, "APIGW.0302"), (403, "DBS.280056"), (403, "DBS.200010")]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_the_words_of_a_refusal_are_not_quoted(status: int, code: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=status, code=code, message="some words"))
    with pytest.raises(FixConfiguration) as raised:
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")
    assert "some words" not in str(raised.value)


@pytest.mark.parametrize(
    "message",
    [KEY.access_key, KEY.access_key.lower(), f"key {KEY.secret_key[4:13]} is wrong", PROJECT[3:15]],
)
def test_words_with_a_part_of_a_secret_are_not_quoted(message: str) -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.201205", message=message))
    with pytest.raises(InstanceBusy, match="returned 409 DBS.201205: another operation"):
        make_api(cloud).create_backup(instance_id=ORDERS, name="first")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("D" * 1_000_000, "D" * 64),
        ("DBS.1:a_b-c", "DBS.1:a_b-c"),
        ("DBS\n1", None),
        ("\x1b[31m", None),
        ("größe", None),
        ("two words", None),
    ],
)
def test_a_code_and_an_id_are_words_of_at_most_64_characters(given: str, kept: str | None) -> None:
    cloud = make_cloud(Clock())
    body = json.dumps({"error_code": given, "error_msg": "x", "request_id": given})
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, body=body))

    def without_id(request: httpx.Request) -> httpx.Response:
        return httpx.Response(409, text=body)

    with pytest.raises(InstanceBusy) as raised:
        make_api(cloud, transport=httpx.MockTransport(without_id)).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.api_call is not None
    assert (raised.value.api_call.error_code, raised.value.api_call.request_id) == (kept, kept)


@pytest.mark.parametrize("number", [1_400, 100_000])
def test_values_that_are_too_long_for_an_address_are_an_error_of_the_request(number: int) -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(FixRequest, match="list instances: "):
        list(make_api(cloud).list_instances(tags={"env": "ü" * number}))
    assert cloud.requests == []


def test_half_a_character_is_an_error_of_the_request() -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(FixRequest):
        list(make_api(cloud).list_instances(name="\ud800"))
    assert cloud.requests == []


def test_a_request_id_that_is_no_word_costs_no_response() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        headers = [(b"X-Request-Id", "größe".encode()), (b"Date", b"\xff")]
        return httpx.Response(201, json={"backup": {"id": "b-1"}}, headers=headers)

    api = make_api(make_cloud(Clock()), transport=httpx.MockTransport(respond))
    assert api.create_backup(instance_id=ORDERS, name="first").backup.id == "b-1"


def test_a_response_of_iam_without_a_token_is_reported() -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="token", status=201, body="{}"))
    with pytest.raises(TryLater, match="IAM returned no token"):
        list(make_api(cloud, Source(by_password())).list_backups())


@pytest.mark.parametrize("body", ["{}", "<html>", '{"token": {"expires_at": "soon"}}', '{"token": []}'])
def test_a_token_without_an_expiry_is_used_for_less_than_an_hour(body: str) -> None:
    clock = Clock()
    tokens = iter(f"token-{number}" for number in range(9))

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/auth/tokens":
            return httpx.Response(201, text=body, headers={"X-Subject-Token": next(tokens)})
        assert request.headers["X-Auth-Token"].startswith("token-")
        return httpx.Response(200, json={"backups": [], "total_count": 0})

    api = make_api(make_cloud(clock), Source(by_password()), transport=httpx.MockTransport(respond))
    list(api.list_backups())
    clock.move(minutes=54)
    list(api.list_backups())
    assert next(tokens) == "token-1"
    clock.move(minutes=2)
    list(api.list_backups())
    assert next(tokens) == "token-3"


EXPIRIES = {
    "0001-01-01T00:00:00Z": timedelta(hours=1),
    "0001-01-01T00:00:00+23:59": timedelta(hours=1),
    "9999-12-31T23:59:59Z": timedelta(hours=1),
    "9999-12-31T23:59:59-23:59": timedelta(hours=1),
    "2099-12-31T00:00:00Z": timedelta(hours=24),
    "2026-11-23T03:30:00": timedelta(hours=2),
    "2026-11-23T03:30:00.123000Z": timedelta(hours=2),
}


@pytest.mark.parametrize("expires_at", EXPIRIES)
def test_a_token_is_used_for_24_hours_at_most_and_an_absurd_expiry_is_none(expires_at: str) -> None:
    clock = Clock()
    tokens: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/auth/tokens":
            tokens.append(f"token-{len(tokens)}")
            return httpx.Response(
                201, json={"token": {"expires_at": expires_at}}, headers={"X-Subject-Token": tokens[-1]}
            )
        return httpx.Response(200, json={"backups": [], "total_count": 0})

    api = make_api(make_cloud(clock), Source(by_password()), transport=httpx.MockTransport(respond))
    list(api.list_backups())
    clock.now += EXPIRIES[expires_at] - timedelta(minutes=6)
    list(api.list_backups())
    assert len(tokens) == 1
    clock.move(minutes=2)
    list(api.list_backups())
    assert len(tokens) == 2


@pytest.mark.parametrize("token", ["", " ", "two words", "größe", "to\tken"])
def test_a_token_that_cannot_be_sent_is_none(token: str) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v3/auth/tokens"
        return httpx.Response(201, json={}, headers=[(b"X-Subject-Token", token.encode())])

    with pytest.raises(TryLater, match="IAM returned no token"):
        list(
            make_api(make_cloud(Clock()), Source(by_password()), transport=httpx.MockTransport(respond)).list_backups()
        )


def test_a_new_token_that_is_refused_is_not_requested_again_at_once() -> None:
    cloud = make_cloud(Clock())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=401, code="APIGW.0301"))
    api = make_api(cloud, Source(by_password()))
    for calls in (1, 2):  # the refused token is not tried again either
        with pytest.raises(CredentialsRefused):
            api.create_backup(instance_id=ORDERS, name="first")
        assert (len(cloud.calls("token")), len(cloud.calls("create"))) == (calls, calls)


def test_a_kept_token_that_is_refused_is_replaced_once() -> None:
    cloud = make_cloud(Clock())
    api = make_api(cloud, Source(by_password()))
    list(api.list_backups())
    cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=401, code="APIGW.0301"))
    with pytest.raises(CredentialsRefused):
        api.create_backup(instance_id=ORDERS, name="first")
    assert (len(cloud.calls("token")), len(cloud.calls("create"))) == (2, 2)


def test_a_list_that_never_ends_is_an_error() -> None:
    numbers = itertools.count()

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"backups": [{"id": str(next(numbers))} for _ in range(PAGE_SIZE)]})

    api = make_api(make_cloud(Clock()), transport=httpx.MockTransport(respond), max_pages=20)
    with pytest.raises(TryLater, match="list backups: the list does not end"):
        list(api.list_backups())


@pytest.mark.parametrize(("seconds", "calls"), [(0.9, 0), (1.5, 1)])
def test_with_less_than_a_second_left_no_call_is_made(seconds: float, calls: int) -> None:
    """It would fail, and leave open what it did."""
    cloud = make_cloud(Clock())
    api = make_api(cloud, deadline=Deadline.after(timedelta(seconds=seconds), clock=lambda: 0.0))
    with nullcontext() if calls else pytest.raises(TryLater, match="no call was made, since this function's time is"):
        api.create_backup(instance_id=ORDERS, name="first")
    assert len(cloud.requests) == calls
