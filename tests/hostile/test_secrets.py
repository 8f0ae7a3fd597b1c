"""Values of a secret that cannot be sent, although nothing has checked them: no error quotes them."""

from typing import Any

import pytest
from pydantic import SecretStr

from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.errors import FixConfiguration, GaussDBBackupError
from tests.helpers.canaries import CANARIES
from tests.helpers.gaussdb import ORDERS
from tests.helpers.hostile_server import BEHAVIOURS, GOOD, issues_tokens, response, sends
from tests.hostile.conftest import ENOUGH, Client

ODD = {
    "\\n": "\n",
    "\\r\\n": "\r\n",
    "\\r": "\r",
    "null": "\0",
    "a blank": " ",
    "other characters": "ü",
    "ASCII": "\x7f",
}


def odd(name: str, character: str, place: str) -> str:
    value = CANARIES[name]
    return {"end": value + character, "middle": value[:12] + character + value[12:], "begin": character + value}[place]


def by_odd_key(endpoint: str, name: str, value: str) -> Connection:
    values: dict[str, Any] = {**CANARIES, name: value}
    key = AccessKey(
        access_key=values["access_key"],
        secret_key=SecretStr(values["secret_key"]),
        security_token=SecretStr(values["security_token"]),
    )
    return Connection(endpoint=endpoint, project_id=values["project_id"], credentials=key)


@pytest.mark.parametrize("place", ["begin", "middle", "end"])
@pytest.mark.parametrize("character", ODD)
@pytest.mark.parametrize("name", ["access_key", "secret_key", "security_token", "project_id"])
def test_no_error_quotes_a_value_that_cannot_be_sent(client: Client, name: str, character: str, place: str) -> None:
    url = client.serve(BEHAVIOURS["echoes as words, 400"])
    with pytest.raises(GaussDBBackupError) as raised:
        client.api(by_odd_key(url, name, odd(name, ODD[character], place))).create_backup(
            instance_id=ORDERS, name="first"
        )
    client.emit(raised.value)


def test_a_security_token_with_a_line_break_is_an_error_of_configuration(client: Client) -> None:
    connection = by_odd_key(client.serve(sends(response(GOOD))), "security_token", CANARIES["security_token"] + "\n")
    with pytest.raises(FixConfiguration, match="check the values in the secret") as raised:
        client.api(connection, timeout=ENOUGH).create_backup(instance_id=ORDERS, name="first")
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    client.emit(raised.value)


@pytest.mark.parametrize("character", ODD.values(), ids=ODD)
def test_no_error_quotes_a_token_of_iam_that_cannot_be_sent(client: Client, character: str) -> None:
    iam = client.serve(issues_tokens(odd("token", character, "middle")))
    connection = client.by_password(client.serve(BEHAVIOURS["echoes as words, 400"]), iam)
    with pytest.raises(GaussDBBackupError) as raised:
        client.api(connection).create_backup(instance_id=ORDERS, name="first")
    client.emit(raised.value)


@pytest.mark.parametrize("name", ["domain_name", "user_name", "password", "project_id"])
def test_no_error_quotes_what_iam_cannot_be_sent(client: Client, name: str) -> None:
    values = {**CANARIES, name: odd(name, "\n", "end")}
    user = PasswordUser(
        iam_endpoint=client.serve(BEHAVIOURS["echoes as words, 400"]),
        domain_name=values["domain_name"],
        user_name=values["user_name"],
        password=SecretStr(values["password"]),
    )
    endpoint = client.serve(BEHAVIOURS["echoes as words, 400"])
    connection = Connection(endpoint=endpoint, project_id=values["project_id"], credentials=user)
    with pytest.raises(GaussDBBackupError) as raised:
        client.api(connection).create_backup(instance_id=ORDERS, name="first")
    client.emit(raised.value)
