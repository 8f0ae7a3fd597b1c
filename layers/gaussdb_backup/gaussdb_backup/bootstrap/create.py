"""The dependencies of `create_backup`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.consumer import Consumer
from gaussdb_backup.aws.first_seen import FirstSeen
from gaussdb_backup.aws.idempotency import Idempotency
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.aws.tracker import Tracker
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.settings import CreateSettings, read_settings
from gaussdb_backup.telemetry.create import CreateReporter


@dataclass(frozen=True, kw_only=True)
class CreateDependencies:
    """What `create_backup` works with."""

    api_clients: ApiClients
    consumer: Consumer[CreateReporter]
    first_seen: FirstSeen
    idempotency: Idempotency
    tracker: Tracker
    reporter: CreateReporter
    maximum_per_day: int
    now: Callable[[], datetime]


def for_create(environment: Mapping[str, str], *, logger: Logger, runtime: Runtime) -> CreateDependencies:
    """Make the dependencies from the function's environment. Raises `InvalidSettings`."""
    settings = read_settings(CreateSettings, environment)
    reporter = make_reporter(CreateReporter, settings, logger)
    dynamodb = runtime.aws_client("dynamodb")
    sqs = runtime.aws_client("sqs")
    return CreateDependencies(
        api_clients=ApiClients(settings, reporter=reporter, dynamodb=dynamodb, runtime=runtime),
        consumer=Consumer(
            queue=Queue(settings.backup_queue_url, client=sqs),
            dead_letter_queue=Queue(settings.backup_dlq_url, client=sqs),
            max_age=settings.start_window_seconds,
            reporter=reporter,
            now=runtime.now,
            jitter=runtime.jitter,
        ),
        first_seen=FirstSeen(settings.state_table, client=dynamodb, now=runtime.now),
        idempotency=Idempotency(settings.state_table, client=dynamodb),
        tracker=Tracker(
            Queue(settings.tracking_queue_url, client=sqs),
            first_delay=settings.track_first_delay_seconds,
            time_limit=settings.track_deadline_seconds,
        ),
        reporter=reporter,
        maximum_per_day=settings.maximum_backups_per_day,
        now=runtime.now,
    )
