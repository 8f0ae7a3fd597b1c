"""What the code really emits: each kind of record and metric once, the lines parsed as CloudWatch parses them."""

import io
import json
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.bootstrap.common import make_reporter
from gaussdb_backup.domain import retention
from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.plan import Action, Decision
from gaussdb_backup.domain.prune import PrunePlan, parse_prune
from gaussdb_backup.domain.tracking import Observation, Status, make_tracking_message
from gaussdb_backup.errors import (
    CredentialsRefused,
    FailedApiCall,
    GaussDBBackupError,
    GiveUp,
    InstanceBusy,
    InvalidRequest,
)
from gaussdb_backup.operations.prune import PruneResult
from gaussdb_backup.settings import CreateSettings, read_settings
from gaussdb_backup.telemetry.audit import AuditReporter
from gaussdb_backup.telemetry.create import CreateReporter
from gaussdb_backup.telemetry.dispatch import DispatchReporter
from gaussdb_backup.telemetry.log_fields import to_json
from gaussdb_backup.telemetry.prune import PruneReporter
from gaussdb_backup.telemetry.track import TrackReporter
from tests.helpers.clock import RUN
from tests.helpers.coverage_samples import COVERED, EMPTY, UNCOVERED
from tests.helpers.deployment import QUEUES, SETTINGS
from tests.helpers.gaussdb import ORDERS

DIMENSIONS = ("service", "connection", "function", "schedule")
type Place = tuple[str, frozenset[str], str]
"""Namespace, names of the dimensions, metric."""

REQUEST = parse_backup_request({"instance_id": ORDERS, "schedule": "nightly"}, default_time=RUN, now=RUN)
BACKUP = Backup.model_validate(
    {
        "id": "00000000000000000000000000000001br07",
        "name": "nightly-1",
        "instance_id": ORDERS,
        "begin_time": "2026-11-23T01:31:00Z",
        "end_time": "2026-11-23T01:41:00Z",
        "size": 2048,
        "status": "COMPLETED",
    }
)
MESSAGE = make_tracking_message(REQUEST, BACKUP, now=RUN, time_limit=timedelta(hours=6))
BARE = MESSAGE.model_copy(update={"schedule": None, "scheduled_time": None, "begin_time": None})
API_CALL = FailedApiCall("create backup", http_status=400, error_code="DBS.1", request_id="r1")
ERRORS = (
    InvalidRequest("backup request", []),
    GiveUp("no", api_call=API_CALL),
    CredentialsRefused("no", api_call=API_CALL),
    InstanceBusy("busy", api_call=API_CALL, retry_after=timedelta(seconds=9)),
    RuntimeError("boom"),
)
DECISIONS = (
    Decision(Action.QUEUED, ORDERS, "orders", request=REQUEST),
    Decision(Action.SKIPPED, ORDERS, "orders", reason="it is frozen"),
    Decision(Action.REJECTED, ORDERS, reason="the project has no such instance"),
)


def event_of(status: Status, *, bare: bool = False) -> dict[str, Any]:
    """The detail of the event of a status; `bare` has only what is always known."""
    observation = Observation(BARE, status, None) if bare else Observation(MESSAGE, status, BACKUP)
    return to_json(observation.log_fields)


@dataclass(frozen=True)
class EmittedTelemetry:
    """Log records, and metrics by where they appear with their units and the values of their dimensions."""

    records: tuple[dict[str, Any], ...]
    units: dict[Place, str]
    dimensions: dict[str, set[str]]

    @property
    def fields(self) -> set[str]:
        return set().union(*self.records)


@cache
def emitted_telemetry() -> EmittedTelemetry:
    lines = _emit_everything()
    documents = [line for line in lines if "_aws" in line]
    return EmittedTelemetry(
        records=tuple(line for line in lines if "_aws" not in line),
        units=dict(_places(documents)),
        dimensions={name: {each[name] for each in documents if name in each} for name in DIMENSIONS},
    )


def _emit_everything() -> list[dict[str, Any]]:
    buffer = io.StringIO()
    settings = read_settings(CreateSettings, {**QUEUES, **SETTINGS})
    logger = Logger(service="emitted", level="DEBUG", stream=buffer, utc=True, use_rfc3339=True)
    emitting: dict[Any, Callable[[Any], None]] = {
        CreateReporter: _emit_requests,
        DispatchReporter: _emit_plan,
        TrackReporter: _emit_tracking,
        AuditReporter: _emit_audit,
        PruneReporter: _emit_prune,
    }
    with redirect_stdout(buffer):
        for kind, emit in emitting.items():
            reporter = make_reporter(kind, settings, logger)
            reporter.connection_read("default")
            emit(reporter)
            with suppress(InvalidRequest), reporter.reporting_invocation(started_at=RUN):
                raise ERRORS[0]
    return [json.loads(line) for line in buffer.getvalue().splitlines() if line.strip()]


def _emit_requests(reporter: Any) -> None:
    reporter.add(**REQUEST.log_fields)
    reporter.backup_started(BACKUP, outcome="created")
    reporter.api_version_switched(connection="default")
    for error in ERRORS:
        with suppress(type(error)), reporter.reporting_errors(attempt=1):
            raise error
        reporter.message_dead_lettered(error, message_id="m1", body=REQUEST.model_dump_json())
        reporter.message_not_dead_lettered(error, message_id="m1", body=REQUEST.model_dump_json(), cause="AccessDenied")


def _emit_plan(reporter: Any) -> None:
    reporter.add(connection="default", schedule="nightly", scheduled_time=RUN)
    reporter.plan_dispatched(DECISIONS, {}, dry_run=False)
    reporter.plan_dispatched(DECISIONS, {ORDERS: "AccessDenied"}, dry_run=False)
    reporter.plan_dispatched([], {}, dry_run=False)
    reporter.records_malformed(connection="default", operation="list instances", records=1, problem="an id of type int")


def _emit_tracking(reporter: Any) -> None:
    for status in Status:
        reporter.status_observed(Observation(MESSAGE, status, BACKUP))
    for error in ERRORS:
        reporter.poll_failed({MESSAGE: error, BARE: error}, connection="default")
        reporter.message_failed(error, message_id="m1")
    reporter.status_observed(Observation(MESSAGE, Status.OVERDUE, None, ERRORS[3]))
    reporter.state_change_not_published(Observation(MESSAGE, Status.FAILED, BACKUP), cause="ThrottlingException")


def _emit_audit(reporter: Any) -> None:
    reporter.add(connection="default", schedule="nightly", scheduled_time=RUN)
    for error in ERRORS:
        with suppress(type(error)), reporter.reporting_errors():
            raise error
    reporter.catch_up_decided(DECISIONS, {})
    reporter.catch_up_decided(DECISIONS, {ORDERS: "AccessDenied"})
    for coverage in (COVERED, UNCOVERED, EMPTY):
        reporter.audited(coverage)
    reporter.not_delivered("page", cause="the report bucket did not take the page (NoSuchBucket)")


def _emit_prune(reporter: Any) -> None:
    reporter.add(connection="default", schedule="nightly", scheduled_time=RUN, dry_run=False)
    for error in ERRORS:
        with suppress(type(error)), reporter.reporting_errors():
            raise error
        if isinstance(error, GaussDBBackupError):
            reporter.deletions_stopped(error)
    reporter.instances_not_found(["0a1b2c3d4e5f60718293a4b5c6d7e8f9in07"])
    reporter.deletion_requested([BACKUP.id])
    reporter.pruned(retention.Decision(BACKUP, keep=False, reasons=()))
    reporter.deletion_deferred(BACKUP, error_code="DBS.201208", error_message="it is being deleted")
    reporter.deletion_failed(BACKUP, error_code="DBS.201204", error_message="an automatic backup")
    for refused in (None, "900 backups would be deleted, of at most 500"):
        prune = parse_prune({"name_prefix": "nightly-", "keep": {"daily": 7}})
        reporter.prune_finished(PruneResult(prune, PrunePlan((), refused), ()).summary, dry_run=False)


def _places(documents: Iterable[dict[str, Any]]) -> Iterable[tuple[Place, str]]:
    for document in documents:
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    yield (directive["Namespace"], frozenset(names), metric["Name"]), metric["Unit"]
