"""What the code really says: every kind of fact told once, the lines read as CloudWatch reads them."""

import io
import json
from collections.abc import Iterable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import Finding, Status, start_tracking
from gaussdb_backup.errors import ApiAnswer, CredentialsRefused, GiveUp, InstanceBusy, InvalidRequest
from gaussdb_backup.settings import read_settings
from gaussdb_backup.telemetry.log_fields import readable
from gaussdb_backup.telemetry.reporter import Telemetry
from tests.functions.conftest import QUEUES, SETTINGS
from tests.support import ORDERS, RUN

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
MESSAGE = start_tracking(REQUEST, BACKUP, now=RUN, patience=timedelta(hours=6))
BARE = MESSAGE.model_copy(update={"schedule": None, "scheduled_time": None, "begin_time": None})
ANSWER = ApiAnswer("create backup", http_status=400, error_code="DBS.1", request_id="r1")
ERRORS = (
    InvalidRequest("backup request", []),
    GiveUp("no", api=ANSWER),
    CredentialsRefused("no", api=ANSWER),
    InstanceBusy("busy", api=ANSWER, retry_after=timedelta(seconds=9)),
    RuntimeError("boom"),
)


def event_of(status: Status, *, bare: bool = False) -> dict[str, Any]:
    """The detail of the event of a status; `bare` has only what is always known."""
    return readable(Finding(BARE, status, None).facts if bare else Finding(MESSAGE, status, BACKUP).facts)


@dataclass(frozen=True)
class Emission:
    """Log records, and metrics by where they appear with their units and the values of their dimensions."""

    records: tuple[dict[str, Any], ...]
    units: dict[Place, str]
    dimensions: dict[str, set[str]]

    @property
    def fields(self) -> set[str]:
        return set().union(*self.records)


@cache
def emission() -> Emission:
    lines = _tell_everything()
    documents = [line for line in lines if "_aws" in line]
    return Emission(
        records=tuple(line for line in lines if "_aws" not in line),
        units=dict(_places(documents)),
        dimensions={"service": {document["service"] for document in documents}},
    )


def _tell_everything() -> list[dict[str, Any]]:
    buffer = io.StringIO()
    settings = read_settings({**QUEUES, **SETTINGS})
    logger = Logger(service="emission", level="DEBUG", stream=buffer, utc=True, use_rfc3339=True)
    telemetry = Telemetry(logger, settings)
    with redirect_stdout(buffer):
        telemetry.backup_begun(BACKUP, facts={**REQUEST.facts, "outcome": "created"})
        for status in Status:
            telemetry.backup_found(Finding(MESSAGE, status, BACKUP))
        for error in ERRORS:
            with suppress(type(error)), telemetry.reporting(dict(REQUEST.facts)):
                raise error
    return [json.loads(line) for line in buffer.getvalue().splitlines() if line.strip()]


def _places(documents: Iterable[dict[str, Any]]) -> Iterable[tuple[Place, str]]:
    for document in documents:
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    yield (directive["Namespace"], frozenset(names), metric["Name"]), metric["Unit"]
