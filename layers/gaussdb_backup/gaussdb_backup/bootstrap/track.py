"""The dependencies of `track_backups`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.domain.retry_policy import PollingPolicy
from gaussdb_backup.operations.recent_backups import LIST_MAX_AGE, RecentBackupLists
from gaussdb_backup.operations.track import Unpublished
from gaussdb_backup.settings import TrackSettings, read_settings
from gaussdb_backup.telemetry.track import TrackReporter


@dataclass(frozen=True, kw_only=True)
class TrackDependencies:
    """What `track_backups` works with."""

    api_clients: ApiClients
    recent_backups: RecentBackupLists
    tracking_queue: Queue
    dead_letter_queue: Queue
    polling: PollingPolicy
    event_bus: EventBus
    unpublished: Unpublished
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
        event_bus=EventBus(
            settings.event_bus_name,
            service=settings.powertools_service_name,
            client=runtime.aws_client("events"),
        ),
        unpublished=Unpublished(),
        reporter=reporter,
        now=runtime.now,
    )
