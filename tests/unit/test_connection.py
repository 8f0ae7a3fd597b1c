"""Secrets: what is wrong is named by its key, and no value ever shows."""

import json
from typing import Any

import pytest

from gaussdb_backup.domain.connection import parse_connection
from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.errors import InvalidConnection

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
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_local_runs_may_use_http() -> None:
    assert parse({**KEY, "endpoint": "http://127.0.0.1:8080"}, allow_http=True).endpoint == "http://127.0.0.1:8080"


@pytest.mark.parametrize("secret", [KEY, USER], ids=["key", "user"])
def test_a_connection_does_not_print_its_secrets(secret: dict[str, str]) -> None:
    connection = parse(secret)
    assert "hush" not in repr(connection) + str(connection) + connection.model_dump_json()
