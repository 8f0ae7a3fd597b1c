"""Faults as data: to which requests they are applied, when, how often, and with what effect."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pydantic
import pytest

from local.gaussdb_emulator import (
    Cloud,
    Effect,
    EmulatorTransport,
    Fault,
    Fleet,
    Instance,
    Project,
    create_app,
    lost_response,
    removed_api_prefix,
    throttled,
    unavailable,
)
from tests.helpers.clock import Clock
from tests.helpers.gaussdb import PROJECT

OTHER_PROJECT = "1" * 32
ORDERS, BILLING = f"{1:032x}in07", f"{2:032x}in07"
LIST = f"/v3/{PROJECT}/backups"


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 2, 0, tzinfo=UTC))


@pytest.fixture
def slept() -> list[float]:
    """The seconds that the cloud slept each time."""
    return []


@pytest.fixture
def cloud(clock: Clock, slept: list[float]) -> Cloud:
    fleet = Fleet(
        projects=(Project(), Project(id=OTHER_PROJECT, name="eu-nl")),
        instances=(Instance(id=ORDERS, name="orders"), Instance(id=BILLING, name="billing")),
    )
    return Cloud(fleet, clock=clock, sleep=slept.append)


def connect(cloud: Cloud, project_id: str = PROJECT) -> httpx.Client:
    headers = {"X-Auth-Token": cloud.issue_token(project_id)}
    return httpx.Client(
        transport=EmulatorTransport(create_app(cloud)), base_url="https://gaussdb.test", headers=headers, timeout=5
    )


@pytest.fixture
def client(cloud: Cloud) -> httpx.Client:
    return connect(cloud)


def create(client: httpx.Client, instance_id: str = ORDERS, api_prefix: str = "v3") -> httpx.Response:
    return client.post(f"/{api_prefix}/{PROJECT}/backups/create", json={"instance_id": instance_id, "name": "nightly"})


def test_a_fault_is_applied_as_often_as_given(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(throttled("create", times=2))
    assert [create(client).status_code for _ in range(3)] == [429, 429, 201]


def test_a_fault_is_applied_for_as_long_as_given(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.add_fault(unavailable(for_seconds=30))
    clock.move(seconds=29.9)
    assert client.get(LIST).status_code == 503
    clock.move(seconds=0.1)
    assert client.get(LIST).status_code == 200


def test_a_fault_is_applied_until_it_is_removed(client: httpx.Client, cloud: Cloud) -> None:
    fault = cloud.add_fault(throttled("list"))
    cloud.add_fault(throttled("create"))
    assert [client.get(LIST).status_code for _ in range(3)] == [429, 429, 429]
    cloud.remove_fault(fault)
    assert (client.get(LIST).status_code, create(client).status_code) == (200, 429)


@pytest.mark.parametrize(
    ("fault", "is_applied"),
    [
        pytest.param(Fault(operation="create", instance_id=ORDERS), True, id="its instance"),
        pytest.param(Fault(operation="create", instance_id=BILLING), False, id="another instance"),
        pytest.param(Fault(operation="list"), False, id="another operation"),
        pytest.param(Fault(project_id=OTHER_PROJECT), False, id="another project"),
        pytest.param(Fault(project_id=PROJECT), True, id="its project"),
        pytest.param(Fault(api_prefix="mysql/v3"), False, id="another prefix"),
        pytest.param(Fault(api_prefix="v3"), True, id="its prefix"),
        pytest.param(Fault(), True, id="everything"),
    ],
)
def test_a_fault_is_applied_only_to_requests_that_it_matches(
    client: httpx.Client, cloud: Cloud, fault: Fault, *, is_applied: bool
) -> None:
    cloud.add_fault(fault)
    assert create(client).status_code == (503 if is_applied else 201)


def test_a_fault_of_an_instance_is_applied_to_lists_and_deletions_of_its_backups(
    client: httpx.Client, cloud: Cloud
) -> None:
    backup_id = create(client).json()["backup"]["id"]
    cloud.add_fault(Fault(instance_id=ORDERS))
    assert client.get(LIST, params={"instance_id": ORDERS}).status_code == 503
    assert client.delete(f"{LIST}/{backup_id}").status_code == 503
    assert client.request("DELETE", LIST, json={"backup_ids": [backup_id]}).status_code == 503
    assert client.get(LIST).status_code == 200


def test_of_two_faults_the_earlier_is_applied(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(throttled(times=1))
    cloud.add_fault(unavailable())
    assert [client.get(LIST).status_code for _ in range(2)] == [429, 503]


def test_a_fault_is_applied_to_a_share_of_the_requests_and_to_the_same_ones_in_each_run(clock: Clock) -> None:
    def statuses() -> list[int]:
        cloud = Cloud(clock=clock, seed=7)
        cloud.add_fault(unavailable(share=0.05))
        with connect(cloud) as client:
            return [client.get(LIST).status_code for _ in range(400)]

    first = statuses()
    assert 5 <= first.count(503) <= 40
    assert statuses() == first


def test_before_commit_no_backup_is_created(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(operation="create", status=504, code="APIGW.0201", times=1))
    assert create(client).status_code == 504
    assert cloud.backups() == []


def test_after_commit_the_backup_is_created(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(operation="create", status=504, code="APIGW.0201", times=1, after_commit=True))
    assert create(client).status_code == 504
    assert len(cloud.backups()) == 1


def test_after_commit_needs_a_request_that_succeeds(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(lost_response())
    assert create(client, f"{9:032x}in07").status_code == 404
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)


@pytest.mark.parametrize(
    ("effect", "error"), [(Effect.DROP, httpx.RemoteProtocolError), (Effect.RESET, httpx.ReadError)]
)
def test_in_process_a_dropped_connection_is_the_same_error_as_over_a_socket(
    client: httpx.Client, cloud: Cloud, effect: Effect, error: type[Exception]
) -> None:
    cloud.add_fault(Fault(effect=effect, operation="create"))
    with pytest.raises(error):
        create(client)
    assert cloud.backups() == []


def test_a_slow_response_sleeps_first(client: httpx.Client, cloud: Cloud, slept: list[float]) -> None:
    cloud.add_fault(Fault(effect=Effect.SLOW, seconds=4.5, times=1))
    assert create(client).status_code == 201
    assert slept == [4.5]


def test_in_process_a_response_slower_than_the_read_timeout_is_a_timeout_after_the_operation(
    client: httpx.Client, cloud: Cloud, slept: list[float]
) -> None:
    cloud.add_fault(Fault(effect=Effect.SLOW, seconds=60, times=1))
    with pytest.raises(httpx.ReadTimeout):
        create(client)
    assert (slept, len(cloud.backups())) == ([5], 1)


@pytest.mark.parametrize("retry_after", [None, "7", "Sun, 01 Mar 2026 02:00:30 GMT"])
def test_a_throttled_response_has_retry_after_only_if_given(
    client: httpx.Client, cloud: Cloud, retry_after: str | None
) -> None:
    cloud.add_fault(throttled(retry_after=retry_after))
    response = client.get(LIST)
    assert (response.headers.get("Retry-After"), response.json()["error_code"]) == (retry_after, "APIGW.0308")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("service", {"error_code": "X.1", "error_msg": "no"}),
        ("keystone", {"error": {"code": 500, "message": "no", "title": "Internal Server Error"}}),
        ("external", {"errCode": "X.1", "externalMessage": "no"}),
        ("camel", {"errorCode": "X.1", "errorMsg": "no"}),
    ],
)
def test_an_error_has_the_given_shape(client: httpx.Client, cloud: Cloud, shape: Any, expected: dict[str, Any]) -> None:
    cloud.add_fault(Fault(status=500, code="X.1", message="no", shape=shape))
    assert client.get(LIST).json() == expected


@pytest.mark.parametrize("shape", ["gateway", "details"])
def test_an_error_with_a_request_id_has_that_of_the_header(client: httpx.Client, cloud: Cloud, shape: Any) -> None:
    cloud.add_fault(Fault(status=403, code="X.1", shape=shape))
    response = client.get(LIST)
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


def test_without_a_shape_the_code_determines_it(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(code="DBS.05000000", times=1))
    cloud.add_fault(Fault(code="APIGW.0601", times=1))
    assert [("request_id" in client.get(LIST).json()) for _ in range(2)] == [False, True]


def test_a_response_may_be_html(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(status=502, message="Bad Gateway", shape="html"))
    response = client.get(LIST)
    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert response.text.startswith("<html>")


def test_a_response_may_be_empty(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(status=200, shape="empty"))
    assert (client.get(LIST).status_code, client.get(LIST).content) == (200, b"")


def test_a_response_may_be_any_bytes(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(status=200, body='{"backups": [{"id": "half'))
    assert client.get(LIST).text == '{"backups": [{"id": "half'


def test_a_create_request_may_succeed_without_an_id(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(Fault(effect=Effect.NO_BACKUP_ID, operation="create", times=1))
    response = create(client)
    assert (response.status_code, "id" in response.json()["backup"], len(cloud.backups())) == (201, False, 1)


def test_a_created_backup_may_be_missing_from_the_list_for_a_while(
    client: httpx.Client, cloud: Cloud, clock: Clock
) -> None:
    cloud.add_fault(Fault(effect=Effect.LAG, operation="create", seconds=10))
    create(client)
    clock.move(seconds=9)
    assert client.get(LIST).json()["total_count"] == 0
    assert create(client).json()["error_code"] == "DBS.201205"
    clock.move(seconds=1)
    assert client.get(LIST).json()["total_count"] == 1


def test_one_backup_may_stay_building_while_others_end(client: httpx.Client, cloud: Cloud, clock: Clock) -> None:
    cloud.add_fault(Fault(effect=Effect.STAY_BUILDING, operation="create", instance_id=ORDERS))
    stuck, fine = (create(client, each).json()["backup"]["id"] for each in (ORDERS, BILLING))
    clock.move(days=2)
    assert (cloud.status_of(stuck), cloud.status_of(fine)) == ("BUILDING", "COMPLETED")


def test_one_backup_may_end_with_another_status_at_another_time(
    client: httpx.Client, cloud: Cloud, clock: Clock
) -> None:
    cloud.add_fault(Fault(effect=Effect.END_AS, operation="create", times=1, end_status="FAILED", seconds=5))
    failed = create(client).json()["backup"]["id"]
    clock.move(seconds=5)
    assert cloud.status_of(failed) == "FAILED"
    assert create(client).status_code == 201


def test_a_removed_api_prefix_is_unknown_to_the_gateway_and_the_other_works(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(removed_api_prefix())
    rejected = create(client, api_prefix="mysql/v3")
    assert (rejected.status_code, rejected.json()["error_code"]) == (404, "APIGW.0101")
    assert create(client).status_code == 201


def test_a_fault_can_be_applied_to_a_token_request(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(unavailable(operation="token", times=1))
    assert client.post("/v3/auth/tokens", json={}).status_code == 503


def test_a_request_that_is_not_authenticated_does_not_use_up_a_fault(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(throttled(times=1))
    assert client.get(LIST, headers={"X-Auth-Token": "rubbish"}).status_code == 401
    assert client.get(LIST).status_code == 429


def test_requests_are_logged_with_their_responses_and_faults(client: httpx.Client, cloud: Cloud) -> None:
    cloud.add_fault(lost_response())
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)
    create(client)
    client.get(LIST)
    lost, conflict = cloud.calls("create")
    assert (lost.status, lost.faults, lost.instance_ids) == (None, ("drop",), (ORDERS,))
    assert (conflict.status, conflict.code, conflict.faults) == (409, "DBS.201205", ())
    assert [request.operation for request in cloud.requests] == ["create", "create", "list"]


def test_the_request_log_can_be_cleared(client: httpx.Client, cloud: Cloud) -> None:
    client.get(LIST)
    cloud.clear_requests()
    assert cloud.requests == []


def test_a_fault_with_an_unknown_effect_cannot_be_made() -> None:
    with pytest.raises(pydantic.ValidationError, match="effect"):
        Fault(effect="explode")  # type: ignore[arg-type]


def test_the_application_works_under_httpxs_own_transport(cloud: Cloud) -> None:
    headers = {"X-Auth-Token": cloud.issue_token()}
    transport = httpx.WSGITransport(app=create_app(cloud))
    with httpx.Client(transport=transport, base_url="https://gaussdb.test", headers=headers) as client:
        assert client.get(f"{LIST}?limit=1").status_code == 200
