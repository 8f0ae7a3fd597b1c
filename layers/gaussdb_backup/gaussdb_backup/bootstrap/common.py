"""What the dependencies of several functions have in common."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from aws_lambda_powertools import Logger
from botocore.config import Config

from gaussdb_backup.aws.circuit_breaker import CircuitBreaker
from gaussdb_backup.aws.invocation import AWS_ATTEMPTS, AWS_CONNECT_TIMEOUT, AWS_READ_TIMEOUT
from gaussdb_backup.aws.secrets import SecretConnection
from gaussdb_backup.domain.circuit_breaker import RECOVERY_TIMEOUT
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from gaussdb_backup.settings import Settings
from gaussdb_backup.telemetry.metrics import Metrics
from gaussdb_backup.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

AWS_CONFIG = Config(
    connect_timeout=AWS_CONNECT_TIMEOUT.total_seconds(),
    read_timeout=AWS_READ_TIMEOUT.total_seconds(),
    retries={"mode": "standard", "total_max_attempts": AWS_ATTEMPTS},
    s3={"addressing_style": "path"},  # no host of its own for each bucket, which an emulator does not have
)
MAX_CONNECTIONS = 16
"""Connections whose secret and network connections are kept; those used longest ago are closed."""


def utc_now() -> datetime:
    """Return the present time. Every other module is passed a clock, but Powertools has its own."""
    return datetime.now(UTC)


def make_aws_client(service: str) -> Any:  # noqa: ANN401 - boto3's clients have no common type
    """Return a boto3 client."""
    return boto3.client(service, config=AWS_CONFIG)  # type: ignore[call-overload]  # any service


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a function takes from outside: clock, random numbers, network and AWS. Tests replace them.

    `jitter` returns a number from 0 to 1; `sleep` takes seconds; `transport` takes the place of httpx's own;
    `recovery_timeout` is how long no call is made once credentials were refused.
    """

    now: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep
    transport: httpx.BaseTransport | None = None
    recovery_timeout: timedelta = RECOVERY_TIMEOUT
    aws_client: Callable[[str], Any] = make_aws_client


@dataclass(frozen=True)
class _Kept:
    """What is kept of a connection for the life of the execution environment."""

    source: SecretConnection
    session: Session
    circuit_breaker: CircuitBreaker


class ApiClients:
    """Clients of the API. Network connections and secrets are kept for the life of the execution environment."""

    def __init__(self, settings: Settings, *, reporter: Reporter, dynamodb: "DynamoDBClient", runtime: Runtime) -> None:
        self._settings = settings
        self._reporter = reporter
        self._dynamodb = dynamodb
        self._secrets = runtime.aws_client("secretsmanager")
        self._runtime = runtime
        self._kept: dict[str, _Kept] = {}

    def for_connection(self, connection: str, *, deadline: Deadline) -> GaussDBApi:
        """Return a client of a connection, whose calls end by the deadline. Its first call reads the secret."""
        kept = self._kept.pop(connection) if connection in self._kept else self._make(connection)
        self._kept[connection] = kept
        while len(self._kept) > MAX_CONNECTIONS:
            self._kept.pop(next(iter(self._kept))).session.close()
        return GaussDBApi(
            kept.source,
            kept.session,
            deadline=deadline,
            circuit_breaker=kept.circuit_breaker,
            sleep=self._runtime.sleep,
            on_odd_records=partial(self._reporter.records_malformed, connection=connection),
        )

    def close(self) -> None:
        """Close the network connections that are kept open."""
        for kept in self._kept.values():
            kept.session.close()

    def _make(self, connection: str) -> _Kept:
        settings, runtime = self._settings, self._runtime
        source = SecretConnection(
            connection,
            client=self._secrets,
            prefix=settings.secret_prefix,
            allow_http=settings.allow_http_endpoint,
            now=runtime.now,
            on_read=partial(self._reporter.connection_read, connection),
        )
        circuit_breaker = CircuitBreaker(
            connection,
            table=settings.state_table,
            client=self._dynamodb,
            now=runtime.now,
            sleep=runtime.sleep,
            recovery_timeout=runtime.recovery_timeout,
        )
        session = Session(
            timeout=settings.http_timeout_seconds,
            now=runtime.now,
            on_api_version_switch=partial(self._reporter.api_version_switched, connection=connection),
            transport=runtime.transport,
        )
        return _Kept(source, session, circuit_breaker)


def make_reporter[T: Reporter](kind: type[T], settings: Settings, logger: Logger) -> T:
    """Return a reporter that emits the metrics as the settings say."""
    metrics = Metrics(
        namespace=settings.powertools_metrics_namespace,
        service=settings.powertools_service_name,
        per_instance=settings.metrics_per_instance,
    )
    return kind(logger, metrics)
