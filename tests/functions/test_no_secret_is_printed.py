"""No secret leaves a function: every test of this folder ends by searching all that was printed and raised."""

from datetime import timedelta

import pytest

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.errors import CredentialsRefused
from tests.helpers.deployment import Deployment
from tests.helpers.gaussdb import KEY, ORDERS


def test_the_search_would_find_a_secret(deployment: Deployment) -> None:
    deployment.emitted.append(f"a record with {KEY.secret_key} in it")
    assert deployment.find_secrets() == [KEY.secret_key]
    deployment.emitted.pop()


def test_refused_credentials_are_reported_without_them_although_the_gateway_echoes_the_token(
    deployment: Deployment,
) -> None:
    deployment.put_secret(secret_key="hush-hush-wrong", security_token="hush-hush-token")
    with pytest.raises(CredentialsRefused):
        deployment.invoke("create_backup", {"instance_id": ORDERS})
    assert "correct the credentials" in " ".join(deployment.emitted)
    assert deployment.find_secrets() == []


def test_a_connection_and_its_client_do_not_show_secrets(deployment: Deployment) -> None:
    app = deployment.app("create_backup")
    api = app.dependencies().api_clients.for_connection("default", deadline=Deadline.after(timedelta(minutes=1)))
    list(api.list_backups())
    deployment.emitted.extend(
        repr(value) for value in [api, *vars(api._session).values(), *vars(api._session._client).values()]
    )
    assert deployment.find_secrets() == []
