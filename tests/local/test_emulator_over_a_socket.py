"""What only a socket can show: lost and kept connections, slow responses, TLS, the control endpoint, the command."""

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from local.gaussdb_emulator import Cloud, Effect, Fault, Fleet, Instance, Running, example_fleet, lost_response, serve
from tests.helpers.gaussdb import PROJECT

ORDERS = f"{1:032x}in07"
PATH = f"/v3/{PROJECT}/backups"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(Fleet(instances=(Instance(id=ORDERS, name="orders"),)))


@pytest.fixture
def server(cloud: Cloud) -> Iterator[Running]:
    with serve(cloud, control=True) as running:
        yield running


@pytest.fixture
def client(cloud: Cloud, server: Running) -> Iterator[httpx.Client]:
    headers = {"X-Auth-Token": cloud.issue_token()}
    with httpx.Client(base_url=server.url, headers=headers, timeout=5, trust_env=False) as connected:
        yield connected


def create(client: httpx.Client, name: str = "nightly") -> httpx.Response:
    return client.post(f"{PATH}/create", json={"instance_id": ORDERS, "name": name})


def test_a_response_is_dated_once_by_the_clouds_own_clock(client: httpx.Client, cloud: Cloud) -> None:
    cloud.advance(timedelta(hours=-3))
    [date] = client.get(PATH).headers.get_list("Date")
    assert abs(cloud.now() - parsedate_to_datetime(date)) < timedelta(seconds=5)


def test_a_drop_after_commit_closes_the_connection_and_leaves_the_backup(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(lost_response())
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending a response"):
        create(client)
    assert [backup.name for backup in cloud.backups(ORDERS)] == ["nightly"]


def test_a_drop_before_commit_leaves_nothing(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.DROP, operation="create", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)
    assert cloud.backups(ORDERS) == []


def test_a_reset_is_a_reset_for_the_client(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.RESET, operation="create", times=1))
    with pytest.raises(httpx.ReadError, match="reset"):
        create(client)


def test_the_server_continues_after_a_drop(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.DROP, operation="create", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)
    assert create(client).status_code == 201


def test_a_slow_response_exceeds_a_short_read_timeout(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.SLOW, operation="create", times=1, after_commit=True, seconds=0.5))
    with pytest.raises(httpx.ReadTimeout):
        client.post(f"{PATH}/create", json={"instance_id": ORDERS, "name": "nightly"}, timeout=0.1)
    assert [backup.name for backup in cloud.backups(ORDERS)] == ["nightly"]


def test_a_slow_response_arrives_within_a_long_read_timeout(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.SLOW, operation="create", times=1, seconds=0.1))
    response = create(client)
    assert (response.status_code, response.elapsed.total_seconds() >= 0.1) == (201, True)


def test_a_connection_serves_several_requests(cloud: Cloud, server: Running) -> None:
    request = f"GET {PATH} HTTP/1.1\r\nHost: {server.url[7:]}\r\nX-Auth-Token: {cloud.issue_token()}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_of_many_concurrent_create_requests_one_succeeds(client: httpx.Client, cloud: Cloud) -> None:
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda number: create(client, f"nightly-{number}").status_code, range(12)))
    assert sorted(statuses) == [201] + [409] * 11
    assert len(cloud.backups()) == 1


def test_the_server_stops_although_a_client_keeps_its_connection(cloud: Cloud) -> None:
    with httpx.Client(trust_env=False) as client:
        with serve(cloud) as running:
            client.get(running.url)
        with pytest.raises(httpx.ConnectError):
            client.get(running.url)


def test_a_client_that_does_not_trust_the_certificate_cannot_connect(cloud: Cloud) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serve(cloud, tls=tls) as running:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(running.url, trust_env=False)
        assert httpx.get(running.url, verify=trusting, trust_env=False).status_code == 404


def control(server: Running, method: str, path: str, body: Any = None) -> httpx.Response:
    return httpx.request(method, f"{server.url}/_control/{path}", json=body, trust_env=False)


def test_control_is_unknown_unless_enabled(cloud: Cloud) -> None:
    with serve(cloud) as running:
        rejected = control(running, "GET", "backups")
    assert (rejected.status_code, rejected.json()["error_code"]) == (404, "APIGW.0101")


def test_control_returns_backups_and_requests(client: httpx.Client, server: Running) -> None:
    create(client)
    (backup,) = control(server, "GET", f"backups?instance_id={ORDERS}").json()["backups"]
    (request,) = control(server, "GET", "requests").json()["requests"]
    assert (backup["name"], backup["status"]) == ("nightly", "BUILDING")
    assert (request["operation"], request["status"], request["instance_ids"]) == ("create", 201, [ORDERS])


def test_control_adds_and_removes_faults(client: httpx.Client, server: Running) -> None:
    control(server, "POST", "faults", [{"operation": "create", "status": 429, "code": "APIGW.0308"}])
    assert create(client).status_code == 429
    control(server, "DELETE", "faults")
    assert create(client).status_code == 201


def test_control_names_the_invalid_field(server: Running) -> None:
    rejected = control(server, "POST", "faults", [{"operatoin": "create"}])
    assert rejected.status_code == 400
    assert rejected.json()["error"][0]["loc"] == [0, "operatoin"]


def test_control_adds_instances_and_backups(server: Running, cloud: Cloud) -> None:
    billing = f"{2:032x}in07"
    control(server, "POST", "instances", [{"id": billing, "name": "billing"}])
    past = {"instance_id": billing, "name": "old", "begin_time": "2026-01-01T00:00:00Z"}
    (backup_id,) = control(server, "POST", "backups", [past]).json()["ids"]
    assert cloud.status_of(backup_id) == "COMPLETED"


def test_control_returns_404_for_an_unknown_instance(server: Running) -> None:
    past = {"instance_id": "nosuch", "name": "old", "begin_time": "2026-01-01T00:00:00Z"}
    assert control(server, "POST", "backups", [past]).status_code == 404


def test_control_moves_the_clock(client: httpx.Client, server: Running, cloud: Cloud) -> None:
    backup_id = create(client).json()["backup"]["id"]
    control(server, "POST", "clock/advance/61")
    assert cloud.status_of(backup_id) == "COMPLETED"


def test_control_expires_tokens_and_adds_keys(client: httpx.Client, server: Running, cloud: Cloud) -> None:
    assert control(server, "POST", "tokens/expire").json() == {"expired": 1}
    control(server, "POST", "keys", {"access_key": "ANOTHER", "secret_key": "secret"})
    assert client.get(PATH).json()["error_code"] == "APIGW.0307"
    assert cloud.accounts.keys["ANOTHER"].secret_key == "secret"


def test_the_command_serves_a_fleet_from_a_file_until_sigterm(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps({"instances": [{"id": ORDERS, "name": "from-the-file"}]}))
    command = [sys.executable, "-m", "local.gaussdb_emulator", "--control", "--fleet", str(fleet)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        instances = httpx.get(f"{url}/_control/instances", trust_env=False).json()["instances"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert [instance["name"] for instance in instances] == ["from-the-file"]


def test_the_example_fleet_has_credentials_and_instances() -> None:
    fleet = example_fleet()
    assert len(fleet.instances) == 3
    assert {key.project_id for key in fleet.access_keys} == {instance.project_id for instance in fleet.instances}


def test_the_cloud_has_the_real_time_by_default() -> None:
    assert abs((Cloud().now() - datetime.now(UTC)).total_seconds()) < 5
