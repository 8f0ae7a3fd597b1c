"""A circuit breaker per connection that opens on refused credentials only: more than five lock the access key."""

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

from gaussdb_backup.errors import CircuitBreakerOpen, CredentialsRefused

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RECOVERY_TIMEOUT = timedelta(minutes=5)
"""How long no call is made once credentials were refused: as long as the API locks a key.

Source: docs/reference/gaussdb_api.md, "Error codes of the gateway".
"""
logging.getLogger("aws_lambda_powertools.utilities.circuit_breaker").setLevel(logging.ERROR)


class CircuitBreaker:
    """The circuit breaker of one connection; all execution environments share its state on a DynamoDB table."""

    def __init__(
        self, connection: str, *, table: str, client: "DynamoDBClient", recovery_timeout: timedelta = RECOVERY_TIMEOUT
    ) -> None:
        """After `recovery_timeout` one single call is made, which closes the circuit breaker if it succeeds."""
        self._connection = connection
        self._recovery_timeout = recovery_timeout
        self._store = CircuitBreakerDynamoDBPersistence(table_name=table, boto3_client=client)
        self._config = CircuitBreakerConfig(
            failure_threshold=1,
            success_threshold=1,
            recovery_timeout=int(recovery_timeout.total_seconds()),
            handled_exceptions=CredentialsRefused,
            local_cache_max_age=1,
        )

    def call[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function. Raises what it raises, and `CircuitBreakerOpen` in its place while no call is made."""
        protected = circuit_breaker(
            name=f"circuit_breaker#{self._connection}", persistence_store=self._store, config=self._config
        )(function)
        try:
            result: T = protected(*args, **kwargs)
        except CircuitBreakerOpenError as error:
            raise CircuitBreakerOpen(
                f"no call is made for connection '{self._connection}' after its credentials were refused: correct them "
                "in its secret; calls are made again by themselves",
                retry_after=self._remaining(error),
            ) from None
        return result

    def _remaining(self, error: CircuitBreakerOpenError) -> timedelta:
        opened_at = (error.circuit and error.circuit.opened_at) or 0
        until = datetime.fromtimestamp(opened_at, UTC) + self._recovery_timeout
        return max(until - datetime.now(UTC), timedelta(seconds=1))
