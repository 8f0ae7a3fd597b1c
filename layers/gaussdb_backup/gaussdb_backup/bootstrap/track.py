"""The dependencies of `track_backups`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.domain.retry_policy import backoff_delay
from gaussdb_backup.operations.recent_backups import RecentBackups
from gaussdb_backup.settings import TrackSettings, read_settings
from gaussdb_backup.telemetry.track import TrackReporter

LIST_MAX_AGE = timedelta(seconds=20)
"""How old a list may be from which tracked backups are answered: less than any delay between two polls."""


class RecentBackupLists:
    """The list of each connection's recent backups, kept for the life of the execution environment."""

    def __init__(self, api_clients: ApiClients, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        self._api_clients = api_clients
        self._now = now
        self._max_age = max_age
        self._lists: dict[str, RecentBackups] = {}

    def for_connection(self, connection: str) -> RecentBackups:
        """Return the list of a connection. It is read when it is needed."""
        if connection not in self._lists:
            api = self._api_clients.for_connection(connection)
            self._lists[connection] = RecentBackups(api, now=self._now, max_age=self._max_age)
        return self._lists[connection]


@dataclass(frozen=True, kw_only=True)
class PollingPolicy:
    """When a tracked backup is polled again."""

    first_delay: timedelta
    max_delay: timedelta
    jitter: Callable[[], float]

    def delay(self, attempt: int) -> timedelta:
        """Return the delay after the poll of that number, counted from 1."""
        return backoff_delay(attempt, first=self.first_delay, maximum=self.max_delay, jitter=self.jitter())


@dataclass(frozen=True, kw_only=True)
class TrackDependencies:
    """What `track_backups` works with."""

    api_clients: ApiClients
    recent_backups: RecentBackupLists
    tracking_queue: Queue
    dead_letter_queue: Queue
    polling: PollingPolicy
    event_bus: EventBus
    reporter: TrackReporter
    now: Callable[[], datetime]


def for_track(environment: Mapping[str, str], *, logger: Logger, runtime: Runtime) -> TrackDependencies:
    """Make the dependencies from the function's environment. Raises `InvalidSettings`."""
    settings = read_settings(TrackSettings, environment)
    reporter = make_reporter(TrackReporter, settings, logger)
    dynamodb = runtime.aws_client("dynamodb")
    sqs = runtime.aws_client("sqs")
    api_clients = ApiClients(settings, reporter=reporter, dynamodb=dynamodb, runtime=runtime)
    return TrackDependencies(
        api_clients=api_clients,
        recent_backups=RecentBackupLists(
            api_clients, now=runtime.now, max_age=min(LIST_MAX_AGE, settings.track_first_delay_seconds / 2)
        ),
        tracking_queue=Queue(settings.tracking_queue_url, client=sqs),
        dead_letter_queue=Queue(settings.tracking_dlq_url, client=sqs),
        polling=PollingPolicy(
            first_delay=settings.track_first_delay_seconds,
            max_delay=settings.track_max_delay_seconds,
            jitter=runtime.jitter,
        ),
        event_bus=EventBus(settings.event_bus_name, client=runtime.aws_client("events")),
        reporter=reporter,
        now=runtime.now,
    )
