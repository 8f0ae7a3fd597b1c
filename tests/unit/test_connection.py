"""Secrets: what is wrong is named by its key, and no value ever shows."""

import json
from typing import Any

import pytest

from gaussdb_backup.domain.connection import parse_connection
from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.errors import FieldProblem, InvalidConnection

KEY = {
    "endpoint": "https://gaussdb-mysql.eu-de.otc.t-systems.com/",
    "project_id": "0483b6b16e954cb88930a360d2c4e663",
    "access_key": "EXAMPLEAK",
    "secret_key": "hush-hush-key",
}
USER = {
    "endpoint": KEY["endpoint"],
    "project_id": KEY["project_id"],
    "iam_endpoint": "https://iam.eu-de.otc.t-systems.com",
    "domain_name": "OTC00000000001000000000",
    "user_name": "backup",
    "password": "hush-hush-password",
}


def parse(secret: dict[str, Any] | str, *, allow_http: bool = False) -> Connection:
    text = secret if isinstance(secret, str) else json.dumps(secret)
    return parse_connection("default", text, allow_http=allow_http)


def test_a_key_pair_makes_a_connection_that_signs() -> None:
    connection = parse(KEY)
    assert isinstance(connection.credentials, AccessKey)
    assert (connection.endpoint, connection.api_version) == (
        "https://gaussdb-mysql.eu-de.otc.t-systems.com",
        "mysql/v3",
    )
    assert connection.credentials.secret_key.get_secret_value() == "hush-hush-key"


def test_a_temporary_key_brings_its_token() -> None:
    credentials = parse({**KEY, "security_token": "hush"}).credentials
    assert isinstance(credentials, AccessKey)
    assert credentials.security_token is not None


def test_a_user_and_password_make_a_connection_that_requests_tokens() -> None:
    assert isinstance(parse(USER).credentials, PasswordUser)


def test_a_field_left_empty_in_the_console_counts_as_absent() -> None:
    assert parse({**KEY, "security_token": "", "user_name": "", "api_version": ""}) == parse(KEY)


def test_the_successor_path_can_be_chosen() -> None:
    assert parse({**KEY, "api_version": "v3"}).api_version == "v3"


def without(secret: dict[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in secret.items() if name != key}


WRONG: dict[str, tuple[dict[str, Any] | str, str]] = {
    "no endpoint": (without(KEY, "endpoint"), "endpoint"),
    "an endpoint without a scheme": ({**KEY, "endpoint": "gaussdb.eu-de.otc.t-systems.com"}, "endpoint"),
    "an endpoint with a path": ({**KEY, "endpoint": "https://host/v3"}, "endpoint"),
    "an endpoint with a query": ({**KEY, "endpoint": "https://host/?x=1"}, "endpoint"),
    "an endpoint with a password": ({**KEY, "endpoint": "https://u:hush@host"}, "endpoint"),
    "an endpoint with a bad port": ({**KEY, "endpoint": "https://host:port"}, "endpoint"),
    "an endpoint with an empty query": ({**KEY, "endpoint": "https://host?"}, "endpoint"),
    "an endpoint with an empty fragment": ({**KEY, "endpoint": "https://host/#"}, "endpoint"),
    "an endpoint with an empty label": ({**KEY, "endpoint": "https://a..b"}, "endpoint"),
    "an endpoint with a dot in front": ({**KEY, "endpoint": "https://.b"}, "endpoint"),
    "an endpoint with a dot at the end": ({**KEY, "endpoint": "https://a.b."}, "endpoint"),
    "an endpoint with a long label": ({**KEY, "endpoint": f"https://{'a' * 64}.b"}, "endpoint"),
    "an endpoint with a long host": ({**KEY, "endpoint": f"https://{'a.' * 200}b"}, "endpoint"),
    "an endpoint with a hyphen in front": ({**KEY, "endpoint": "https://-a.b"}, "endpoint"),
    "an endpoint of other letters": ({**KEY, "endpoint": "https://münchen.de"}, "endpoint"),
    "an endpoint with a bad address": ({**KEY, "endpoint": "https://1.2.3.400"}, "endpoint"),
    "an endpoint with a short address": ({**KEY, "endpoint": "https://1.2.3"}, "endpoint"),
    "an endpoint with a bad IPv6 address": ({**KEY, "endpoint": "https://[::1::2]"}, "endpoint"),
    "an endpoint with an open bracket": ({**KEY, "endpoint": "https://[::1"}, "endpoint"),
    "an endpoint with a line break": ({**KEY, "endpoint": "https://host\n"}, "endpoint"),
    "an endpoint with port 0": ({**KEY, "endpoint": "https://host:0"}, "endpoint"),
    "an endpoint with port 65536": ({**KEY, "endpoint": "https://host:65536"}, "endpoint"),
    "an endpoint with an empty port": ({**KEY, "endpoint": "https://host:"}, "endpoint"),
    "an endpoint with a backslash": ({**KEY, "endpoint": "https://host\\@other"}, "endpoint"),
    "an endpoint with an empty user": ({**KEY, "endpoint": "https://@host"}, "endpoint"),
    "an endpoint of 20 kB": ({**KEY, "endpoint": "https://" + "hush" * 5000}, "endpoint"),
    "IAM with an empty label": ({**USER, "iam_endpoint": "https://a..b"}, "iam_endpoint"),
    "an endpoint without TLS in capitals": ({**KEY, "endpoint": "HTTP://127.0.0.1:8080"}, "endpoint"),
    **{
        f"{key} with {name}": ({**KEY, key: value}, key)
        for key in ("access_key", "secret_key", "security_token")
        for name, value in {
            "a line break at its end": "hush\n",
            "a carriage return in it": "hu\rsh-hush",
            "a blank before it": " hush",
            "a blank at its end": "hush ",
            "a tab in it": "hush\thush",
            "null": "hush\0",
            "other letters": "hüsh-hush",
            "half a character": "hush\ud800",
            "delete": "hush\x7f",
            "a blank of another width": "hush\u00a0",
        }.items()
    },
    "a project with a line break": ({**KEY, "project_id": KEY["project_id"] + "\n"}, "project_id"),
    "a project of other digits": ({**KEY, "project_id": "\u0660" * 32}, "project_id"),
    "a password with a line break": ({**USER, "password": "hush-hush\n"}, "password"),
    "a password with half a character": ({**USER, "password": "hush\ud800"}, "password"),
    "a security token beside a password": ({**USER, "security_token": "hush"}, "security_token"),
    "a value for a key": ({**KEY, "hush-hush-key": "secret_key"}, "SecretString"),
    "an endpoint with a space": ({**KEY, "endpoint": "https://ho st"}, "endpoint"),
    "an endpoint without TLS": ({**KEY, "endpoint": "http://127.0.0.1:8080"}, "endpoint"),
    "IAM without TLS": ({**USER, "iam_endpoint": "http://127.0.0.1:8080"}, "iam_endpoint"),
    "a short project": ({**KEY, "project_id": "0483"}, "project_id"),
    "a number for a key": ({**KEY, "secret_key": 5}, "secret_key"),
    "spaces around the access key": ({**KEY, "access_key": " EXAMPLEAK"}, "access_key"),
    "no secret key": (without(KEY, "secret_key"), "secret_key"),
    "no password": (without(USER, "password"), "password"),
    "neither pair": ({"endpoint": KEY["endpoint"], "project_id": KEY["project_id"]}, "credentials"),
    "both pairs": ({**KEY, **USER}, "credentials"),
    "an unknown version": ({**KEY, "api_version": "v4"}, "api_version"),
    "a misspelt key": ({**KEY, "secret_kee": "hush"}, "secret_kee"),
    "a list": ("[]", "SecretString"),
    "not JSON": ("hush-hush", "SecretString"),
    "empty": ("", "SecretString"),
}


@pytest.mark.parametrize(("secret", "key"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_secret_is_named_by_its_key_and_shows_no_value(
    secret: dict[str, Any] | str, key: str
) -> None:
    with pytest.raises(InvalidConnection) as raised:
        parse(secret)
    assert [problem.field for problem in raised.value.problems] == [key]
    assert "hush" not in repr(raised.value) + str(raised.value)
    assert "connection 'default'" in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None  # it would keep the secret for as long as the error is kept
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("endpoint", "parsed"),
    [
        ("https://host", "https://host"),
        ("https://host:1", "https://host:1"),
        ("https://A.B-c.example:8443/", "https://a.b-c.example:8443"),
        ("https://xn--mnchen-3ya.de", "https://xn--mnchen-3ya.de"),
        ("https://10.0.0.1:65535", "https://10.0.0.1:65535"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"),
    ],
)
def test_each_kind_of_host_is_an_endpoint(endpoint: str, parsed: str) -> None:
    assert parse({**KEY, "endpoint": endpoint}).endpoint == parsed


BOTH_WAYS = "either access_key and secret_key, or iam_endpoint, domain_name, user_name, password"
NO_OTHER = (
    "no other keys than endpoint, project_id, access_key, secret_key, security_token, iam_endpoint, domain_name, "
    "user_name, password, api_version"
)
NO_TLS = "an https address (http only where ALLOW_HTTP_ENDPOINT is true)"


@pytest.mark.parametrize(
    ("secret", "problems"),
    [
        ({**KEY, **USER}, [FieldProblem("credentials", BOTH_WAYS, "both")]),
        (
            {"endpoint": KEY["endpoint"], "project_id": KEY["project_id"]},
            [FieldProblem("credentials", BOTH_WAYS, "neither")],
        ),
        (without(KEY, "secret_key"), [FieldProblem("secret_key", "a value, since access_key is given", "nothing")]),
        (
            without(without(USER, "iam_endpoint"), "password"),
            [
                FieldProblem("iam_endpoint", "a value, since domain_name is given", "nothing"),
                FieldProblem("password", "a value, since domain_name is given", "nothing"),
            ],
        ),
        ({**KEY, "endpoint": "http://host"}, [FieldProblem("endpoint", NO_TLS)]),
        ({**KEY, "a-b": "x", "c d": "y"}, [FieldProblem("SecretString", NO_OTHER, "2 that are no words")]),
        (
            "[]",
            [FieldProblem("SecretString", "a flat JSON object (docs/reference/connection.md has its keys)")],
        ),
        (
            {**KEY, "endpoint": "host"},
            [
                FieldProblem(
                    "endpoint",
                    "an address without path and query such as https://gaussdb-mysql.eu-de.otc.t-systems.com",
                )
            ],
        ),
    ],
    ids=["both ways", "neither way", "half a key", "half a user", "no TLS", "no words", "a list", "no address"],
)
def test_the_error_says_what_a_secret_may_have(secret: dict[str, Any] | str, problems: list[FieldProblem]) -> None:
    with pytest.raises(InvalidConnection) as raised:
        parse(secret)
    assert list(raised.value.problems) == problems


def test_a_security_token_beside_a_password_is_refused_with_both_named() -> None:
    with pytest.raises(InvalidConnection, match="security_token: .*beside user_name and password"):
        parse({**USER, "security_token": "hush"})


def test_a_password_may_have_blanks_and_any_characters() -> None:
    credentials = parse({**USER, "password": " pässwörd "}).credentials
    assert isinstance(credentials, PasswordUser)
    assert credentials.password.get_secret_value() == " pässwörd "


def test_local_runs_may_use_http() -> None:
    assert parse({**KEY, "endpoint": "http://127.0.0.1:8080"}, allow_http=True).endpoint == "http://127.0.0.1:8080"


@pytest.mark.parametrize("secret", [KEY, USER], ids=["key", "user"])
def test_a_connection_does_not_print_its_secrets(secret: dict[str, str]) -> None:
    connection = parse(secret)
    assert "hush" not in repr(connection) + str(connection) + connection.model_dump_json()


@pytest.mark.parametrize("secret", [KEY, USER], ids=["key", "user"])
def test_a_connection_does_not_print_whose_credentials_it_has(secret: dict[str, str]) -> None:
    connection = parse(secret)
    printed = repr(connection) + str(connection) + repr(connection.credentials) + str(connection.credentials)
    for name in ("access_key", "domain_name", "user_name"):
        assert secret.get(name, "absent") not in printed
