"""No secret leaves a function: every test of this folder ends by searching all that was printed and raised."""

import pytest

from gaussdb_backup.errors import CredentialsRefused
from tests.functions.conftest import World, find_secrets
from tests.support import KEY, ORDERS


def test_the_search_would_find_a_secret(world: World) -> None:
    world.told.append(f"a record with {KEY.secret_key} in it")
    assert find_secrets(world) == [KEY.secret_key]
    world.told.pop()


def test_refused_credentials_are_told_without_them_although_the_gateway_echoes_the_token(world: World) -> None:
    world.put_secret(secret_key="hush-hush-wrong", security_token="hush-hush-token")
    with pytest.raises(CredentialsRefused):
        world.invoke("create_backup", {"instance_id": ORDERS})
    assert "correct the credentials" in " ".join(world.told)
    assert find_secrets(world) == []


def test_a_connection_and_its_client_do_not_show_secrets(world: World) -> None:
    app = world.app("create_backup")
    api = app.bootstrap.services(app.logger).api("default")
    list(api.list_backups())
    world.told.extend(
        repr(value) for value in [api, *vars(api._session).values(), *vars(api._session._client).values()]
    )
    assert find_secrets(world) == []
