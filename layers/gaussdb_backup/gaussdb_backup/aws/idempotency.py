"""Claims: who is making the backup of a request, shared by all execution environments (design, section 4.1)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from gaussdb_backup.errors import TryLater

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(hours=2)
"""How long the answer to a request is remembered. Longer than a request may come ahead of its time, after which the
list alone could not tell its backup from an earlier run's."""


class Claims:
    """Claims on a DynamoDB table."""

    def __init__(self, table: str, *, client: "DynamoDBClient") -> None:
        """`table` has the partition key `id` and the TTL attribute `expiration`."""
        self._store = DynamoDBPersistenceLayer(table_name=table, boto3_client=client)

    def once(
        self, claim: Mapping[str, str], work: Callable[[], dict[str, Any]], *, context: LambdaContext
    ) -> dict[str, Any]:
        """Do the work for a claim unless it is done; return its answer, the first one's if it was.

        A claim is void once Lambda ends the function that has it, which `context` tells.

        Raises what `work` raises, after which the claim is free; and `TryLater` while another function has it, or the
        table does not answer. A function that was killed leaves a claim that ends with its time; the work must look
        before it acts, since the killed one may have acted.
        """
        config = IdempotencyConfig(
            expires_after_seconds=int(KEPT.total_seconds()), hash_function="sha256", lambda_context=context
        )

        @idempotent_function(  # type: ignore[untyped-decorator]  # Powertools does not say what it returns
            data_keyword_argument="claim", persistence_store=self._store, config=config, key_prefix="claim"
        )
        def claimed(*, claim: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG001 - it is the key
            return work()

        try:
            answer: dict[str, Any] = claimed(claim=dict(claim))
        except IdempotencyAlreadyInProgressError as error:
            raise TryLater("another function is making this backup: its turn comes again") from error
        except (IdempotencyInconsistentStateError, IdempotencyPersistenceLayerError) as error:
            cause = type(error.__cause__ or error).__name__
            raise TryLater(f"the claims table does not answer ({cause}): ask again later") from error
        return answer
