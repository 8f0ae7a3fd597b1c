"""The dependencies of `dispatch_backups`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.consumer import Consumer
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.settings import DispatchSettings, read_settings
from gaussdb_backup.telemetry.dispatch import DispatchReporter


@dataclass(frozen=True, kw_only=True)
class DispatchDependencies:
    """What `dispatch_backups` works with."""

    api_clients: ApiClients
    consumer: Consumer[DispatchReporter]
    backup_queue: Queue
    reporter: DispatchReporter
    now: Callable[[], datetime]


def for_dispatch(environment: Mapping[str, str], *, logger: Logger, runtime: Runtime) -> DispatchDependencies:
    """Make the dependencies from the function's environment. Raises `InvalidSettings`."""
    settings = read_settings(DispatchSettings, environment)
    reporter = make_reporter(DispatchReporter, settings, logger)
    dynamodb = runtime.aws_client("dynamodb")
    sqs = runtime.aws_client("sqs")
    return DispatchDependencies(
        api_clients=ApiClients(settings, reporter=reporter, dynamodb=dynamodb, runtime=runtime),
        consumer=Consumer(
            queue=Queue(settings.plan_queue_url, client=sqs),
            dead_letter_queue=Queue(settings.plan_dlq_url, client=sqs),
            max_age=settings.start_window_seconds,
            reporter=reporter,
            now=runtime.now,
            jitter=runtime.jitter,
        ),
        backup_queue=Queue(settings.backup_queue_url, client=sqs),
        reporter=reporter,
        now=runtime.now,
    )
