"""The one place that picks concretes: settings, clock, clients, telemetry."""

import os
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

import boto3
import httpx
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from gaussdb_backup.aws.circuit_breaker import PAUSE, Circuit
from gaussdb_backup.aws.consumer import Intake
from gaussdb_backup.aws.event_bus import EventBus
from gaussdb_backup.aws.idempotency import Claims
from gaussdb_backup.aws.queues import Queue
from gaussdb_backup.aws.secrets import SecretConnection
from gaussdb_backup.domain.delays import pick_delay
from gaussdb_backup.domain.tracking import TrackingMessage
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from gaussdb_backup.operations.track import RecentBackups
from gaussdb_backup.settings import read_settings
from gaussdb_backup.telemetry.reporter import Telemetry

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

AWS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
"""Short enough that a function meets its own timeout last."""

LIST_MAX_AGE = timedelta(seconds=20)
"""How old the list may be from which a batch of followed backups is answered: less than any delay between looks."""


class Services:
    """What the handlers hand to the operations, each made when it is first asked for."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        logger: Logger,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        spread: Callable[[], float] = random.random,
        transport: httpx.BaseTransport | None = None,
        pause: timedelta = PAUSE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`transport` takes the place of the network to the API, `spread` gives jitter from 0 to 1.

        `pause` is how long no call is made for a connection whose credentials were refused; `sleep` takes seconds.

        Raises `InvalidSettings` that names every wrong variable.
        """
        self.settings = read_settings(environment)
        self.telemetry = Telemetry(logger, self.settings)
        self.now = now
        self._spread = spread
        self._transport = transport
        self._pause = pause
        self._sleep = sleep
        self._clients: list[GaussDBApi] = []
        self.api = cache(self._make_api)  # one HTTP client per connection and execution environment
        self.recent = cache(self._make_recent)

    def close(self) -> None:
        """Close the connections to the API."""
        for client in self._clients:
            client.close()

    def _make_api(self, connection: str) -> GaussDBApi:
        session = Session(
            SecretConnection(
                connection,
                secrets=self._secrets,
                prefix=self.settings.secret_prefix,
                allow_http=self.settings.allow_http_endpoint,
            ),
            timeout=self.settings.http_timeout_seconds,
            now=self.now,
            sleep=self._sleep,
            transport=self._transport,
            guard=Circuit(connection, table=self.settings.state_table, client=self._dynamodb, pause=self._pause).guard,
            on_version_switch=partial(self.telemetry.api_version_switched, connection=connection),
        )
        client = GaussDBApi(session)
        self._clients.append(client)
        return client

    def _make_recent(self, connection: str) -> RecentBackups:
        max_age = min(LIST_MAX_AGE, self.settings.track_first_delay_seconds / 2)
        return RecentBackups(self.api(connection), now=self.now, max_age=max_age)

    def tracking_delay(self, attempt: int) -> timedelta:
        """Return how long to wait before a followed backup is looked at again."""
        return pick_delay(
            attempt,
            first=self.settings.track_first_delay_seconds,
            longest=self.settings.track_max_delay_seconds,
            spread=self._spread(),
        )

    def follow(self, message: TrackingMessage) -> None:
        """Have a backup followed, from the first delay on."""
        body = message.model_dump_json(exclude_none=True)
        self.tracking_queue.send(body, delay=self.settings.track_first_delay_seconds)

    @cached_property
    def _secrets(self) -> SecretsProvider:
        return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=AWS))

    @cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        return boto3.client("dynamodb", config=AWS)

    @cached_property
    def _sqs(self) -> "SQSClient":
        return boto3.client("sqs", config=AWS)

    @cached_property
    def claims(self) -> Claims:
        """Who is making which backup."""
        return Claims(self.settings.state_table, client=self._dynamodb)

    @cached_property
    def requests(self) -> Queue:
        """The queue of requests."""
        return Queue(self.settings.backup_queue_url, client=self._sqs)

    @cached_property
    def dead_letters(self) -> Queue:
        """Where requests go that can never succeed, or not in time."""
        return Queue(self.settings.backup_dlq_url, client=self._sqs)

    @cached_property
    def intake(self) -> Intake:
        """What takes requests from their queue."""
        return Intake(
            queue=self.requests,
            dead_letters=self.dead_letters,
            patience=self.settings.start_window_seconds,
            report=self.telemetry,
            now=self.now,
            spread=self._spread,
        )

    @cached_property
    def tracking_queue(self) -> Queue:
        """The queue of followed backups."""
        return Queue(self.settings.tracking_queue_url, client=self._sqs)

    @cached_property
    def tracking_dead_letters(self) -> Queue:
        """Where tracking messages go that cannot be read."""
        return Queue(self.settings.tracking_dlq_url, client=self._sqs)

    @cached_property
    def bus(self) -> EventBus:
        """Where state changes are published."""
        return EventBus(self.settings.event_bus_name, client=boto3.client("events", config=AWS))


@cache
def services(logger: Logger) -> Services:
    """Return the services of this execution environment, put together at its first invocation."""
    return Services(os.environ, logger=logger)
