"""The one place that picks concretes: settings, clock, clients, telemetry."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

import httpx
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from gaussdb_backup.aws.secrets import SecretConnection
from gaussdb_backup.huawei.client import GaussDBApi
from gaussdb_backup.settings import read_settings
from gaussdb_backup.telemetry import Telemetry

AWS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
"""Short enough that a function meets its own timeout last."""


@dataclass(frozen=True)
class Services:
    """What the handlers hand to the operations. `api` gives the client of a connection, the same one each time."""

    telemetry: Telemetry
    now: Callable[[], datetime]
    api: Callable[[str], GaussDBApi]


def build(
    environment: Mapping[str, str],
    *,
    logger: Logger,
    now: Callable[[], datetime],
    transport: httpx.BaseTransport | None = None,
) -> Services:
    """Put the services together. Raises `InvalidSettings` that names every wrong variable.

    `transport` takes the place of the network between us and the API.
    """
    settings = read_settings(environment)
    telemetry = Telemetry(logger, settings)
    secrets = SecretsProvider(boto_config=AWS)

    @cache  # one HTTP client per connection and execution environment
    def api(connection: str) -> GaussDBApi:
        source = SecretConnection(
            connection, secrets=secrets, prefix=settings.secret_prefix, allow_http=settings.allow_http_endpoint
        )
        return GaussDBApi(
            source,
            timeout=settings.http_timeout_seconds,
            now=now,
            transport=transport,
            on_version_switch=partial(telemetry.api_version_switched, connection=connection),
        )

    return Services(telemetry, now, api)


@cache
def services(logger: Logger) -> Services:
    """Return the services of this execution environment, put together at its first invocation."""
    return build(os.environ, logger=logger, now=lambda: datetime.now(UTC))
