"""A circuit per connection that opens on refused credentials only: more than five of those lock the access key."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence.dynamodb import CircuitBreakerDynamoDBPersistence

from gaussdb_backup.errors import ConnectionPaused, CredentialsRefused

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAUSE = timedelta(minutes=5)
"""How long no call is made once credentials were refused: as long as the API locks a key (contract, section 8.2)."""
logging.getLogger("aws_lambda_powertools.utilities.circuit_breaker").setLevel(logging.ERROR)


class Circuit:
    """The circuit of one connection, its state shared on a DynamoDB table by all execution environments."""

    def __init__(self, connection: str, *, table: str, client: "DynamoDBClient", pause: timedelta = PAUSE) -> None:
        """`pause` is how long the circuit stays open; then one single call tries whether it may close."""
        self._connection = connection
        self._pause = pause
        self._store = CircuitBreakerDynamoDBPersistence(table_name=table, boto3_client=client)
        self._config = CircuitBreakerConfig(
            failure_threshold=1,
            success_threshold=1,
            recovery_timeout=int(pause.total_seconds()),
            handled_exceptions=CredentialsRefused,
            local_cache_max_age=1,
        )

    def guard[T](self, call: Callable[[], T]) -> T:
        """Make a call if the circuit is closed. Raises what it raises, and `ConnectionPaused` while it is open."""
        guarded = circuit_breaker(
            name=f"circuit#{self._connection}", persistence_store=self._store, config=self._config
        )(call)
        try:
            result: T = guarded()
        except CircuitBreakerOpenError as error:
            raise ConnectionPaused(
                f"no call is made for connection '{self._connection}' after its credentials were refused: correct them "
                "in its secret; it goes on by itself",
                retry_after=self._rest(error),
            ) from None
        return result

    def _rest(self, error: CircuitBreakerOpenError) -> timedelta:
        opened_at = (error.circuit and error.circuit.opened_at) or 0
        return max(datetime.fromtimestamp(opened_at, UTC) + self._pause - datetime.now(UTC), timedelta(seconds=1))
