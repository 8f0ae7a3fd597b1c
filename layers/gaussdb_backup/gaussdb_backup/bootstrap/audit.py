"""The dependencies of `audit_backups`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.aws.first_seen import FirstSeen
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.aws.report_store import ReportStore
from gaussdb_backup.bootstrap.common import ApiClients, Runtime, make_reporter
from gaussdb_backup.reports.page import render_page
from gaussdb_backup.settings import AuditSettings, read_settings
from gaussdb_backup.telemetry.audit import AuditReporter


@dataclass(frozen=True, kw_only=True)
class AuditDependencies:
    """What `audit_backups` works with."""

    api_clients: ApiClients
    first_seen: FirstSeen
    backup_queue: Queue
    reports: ReportStore
    event_bus: EventBus
    reporter: AuditReporter
    now: Callable[[], datetime]


def for_audit(environment: Mapping[str, str], *, logger: Logger, runtime: Runtime) -> AuditDependencies:
    """Make the dependencies from the function's environment. Raises `InvalidSettings`."""
    settings = read_settings(AuditSettings, environment)
    reporter = make_reporter(AuditReporter, settings, logger)
    dynamodb = runtime.aws_client("dynamodb")
    return AuditDependencies(
        api_clients=ApiClients(settings, reporter=reporter, dynamodb=dynamodb, runtime=runtime),
        first_seen=FirstSeen(settings.state_table, client=dynamodb, now=runtime.now),
        backup_queue=Queue(settings.backup_queue_url, client=runtime.aws_client("sqs")),
        reports=ReportStore(settings.report_bucket, client=runtime.aws_client("s3"), render=render_page),
        event_bus=EventBus(
            settings.event_bus_name,
            service=settings.powertools_service_name,
            client=runtime.aws_client("events"),
        ),
        reporter=reporter,
        now=runtime.now,
    )
