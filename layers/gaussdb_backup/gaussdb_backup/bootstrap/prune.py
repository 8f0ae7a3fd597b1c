"""The dependencies of `prune_backups`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.settings import PruneSettings, read_settings
from gaussdb_backup.telemetry.prune import PruneReporter


@dataclass(frozen=True, kw_only=True)
class PruneDependencies:
    """What `prune_backups` works with."""

    api_clients: ApiClients
    event_bus: EventBus
    reporter: PruneReporter
    now: Callable[[], datetime]


def for_prune(environment: Mapping[str, str], *, logger: Logger, runtime: Runtime) -> PruneDependencies:
    """Make the dependencies from the function's environment. Raises `InvalidSettings`."""
    settings = read_settings(PruneSettings, environment)
    reporter = make_reporter(PruneReporter, settings, logger)
    return PruneDependencies(
        api_clients=ApiClients(settings, reporter=reporter, dynamodb=runtime.aws_client("dynamodb"), runtime=runtime),
        event_bus=EventBus(
            settings.event_bus_name,
            service=settings.powertools_service_name,
            client=runtime.aws_client("events"),
        ),
        reporter=reporter,
        now=runtime.now,
    )
