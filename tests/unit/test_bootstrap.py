"""Each setting gets to where it has its effect."""

from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from gaussdb_backup.aws.invocation import RESERVE, work_deadline
from gaussdb_backup.bootstrap.common import AWS_CONFIG, MAX_CONNECTIONS, Runtime
from gaussdb_backup.bootstrap.create import for_create
from gaussdb_backup.bootstrap.dispatch import for_dispatch
from gaussdb_backup.bootstrap.track import for_track
from gaussdb_backup.domain.deadline import Deadline
from local.aws_emulator import Context
from tests.helpers.clock import Clock
from tests.helpers.deployment import QUEUES, SETTINGS
from tests.helpers.gaussdb import by_key

ENVIRONMENT = {
    **SETTINGS,
    **QUEUES,
    "HTTP_TIMEOUT_SECONDS": "7",
    "START_WINDOW_SECONDS": "1111",
    "MAXIMUM_BACKUPS_PER_DAY": "5",
    "TRACK_FIRST_DELAY_SECONDS": "22",
    "TRACK_MAX_DELAY_SECONDS": "333",
    "TRACK_DEADLINE_SECONDS": "4444",
}


def sleep(_: float) -> None:
    """A sleep of the test's own."""


def runtime(clients: list[str]) -> Runtime:
    def client(service: str) -> Any:
        clients.append(service)
        return object()

    return Runtime(now=Clock(), jitter=lambda: 1.0, sleep=sleep, recovery_timeout=timedelta(9), aws_client=client)


def make(kind: Any, clients: list[str] | None = None, **changes: str) -> Any:
    used = [] if clients is None else clients
    return kind({**ENVIRONMENT, **changes}, logger=Logger(level="CRITICAL"), runtime=runtime(used))


def test_a_request_is_retried_for_the_start_window_and_its_backup_tracked_until_the_deadline() -> None:
    dependencies = make(for_create)
    assert dependencies.consumer.max_age == timedelta(seconds=1111)
    assert dependencies.consumer.jitter() == 1.0
    assert dependencies.maximum_per_day == 5
    assert dependencies.tracker._first_delay == timedelta(seconds=22)
    assert dependencies.tracker._time_limit == timedelta(seconds=4444)
    urls = [queue._url for queue in (dependencies.consumer.queue, dependencies.consumer.dead_letter_queue)]
    assert [*urls, dependencies.tracker._queue._url] == ["requests", "requests-dead", "tracking"]


def test_a_backup_is_polled_between_the_first_and_the_longest_delay() -> None:
    dependencies = make(for_track)
    assert dependencies.polling.delay(1) == timedelta(seconds=22)
    assert dependencies.polling.delay(99) == timedelta(seconds=333)
    assert (dependencies.tracking_queue._url, dependencies.dead_letter_queue._url) == ("tracking", "tracking-dead")


def test_a_list_is_never_as_old_as_the_first_delay() -> None:
    assert make(for_track).recent_backups._max_age == timedelta(seconds=11)
    assert make(for_track, TRACK_FIRST_DELAY_SECONDS="900").recent_backups._max_age == timedelta(seconds=20)


def test_a_client_of_the_api_has_the_time_limit_the_sleep_and_the_recovery_timeout() -> None:
    for kind in (for_create, for_dispatch, for_track):
        api = make(kind).api_clients.for_connection("default", deadline=Deadline.after(timedelta(minutes=1)))
        assert api._session.timeout == timedelta(seconds=7)
        assert api._caller._retrying.sleep is sleep
        assert api._caller._circuit_breaker._recovery_timeout == timedelta(9)


def test_each_function_makes_only_the_clients_of_aws_that_it_uses() -> None:
    used: dict[str, list[str]] = {"create": [], "dispatch": [], "track": []}
    make(for_create, used["create"])
    make(for_dispatch, used["dispatch"])
    make(for_track, used["track"])
    assert sorted(used["create"]) == sorted(used["dispatch"]) == ["dynamodb", "secretsmanager", "sqs"]
    assert sorted(used["track"]) == ["dynamodb", "events", "secretsmanager", "sqs"]


def test_two_calls_of_aws_without_response_fit_into_the_time_that_is_kept_back() -> None:
    config: Any = AWS_CONFIG
    longest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert 2 * longest <= RESERVE.total_seconds() <= 30


@pytest.mark.parametrize(("seconds", "left"), [(180, 160), (60, 40), (30, 20), (3, 2)])
def test_a_short_function_keeps_back_a_third_of_its_time(seconds: int, left: float) -> None:
    remaining = work_deadline(Context(milliseconds_left=seconds * 1000)).remaining
    assert remaining.total_seconds() == pytest.approx(left, abs=0.5)


def test_the_connections_used_longest_ago_are_closed() -> None:
    clients, deadline = make(for_create).api_clients, Deadline.after(timedelta(minutes=1))
    sessions = [clients.for_connection(f"c-{number}", deadline=deadline)._session for number in range(MAX_CONNECTIONS)]
    assert clients.for_connection("c-0", deadline=deadline)._session is sessions[0]
    opened, _ = sessions[1]._client_for(by_key())
    clients.for_connection("another", deadline=deadline)
    assert len(clients._kept) == MAX_CONNECTIONS
    assert clients.for_connection("c-0", deadline=deadline)._session is sessions[0]
    assert clients.for_connection("c-1", deadline=deadline)._session is not sessions[1]
    assert opened.is_closed
