"""When an invocation was first seen, on the state table: Lambda repeats one that failed, with the same request id."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.errors import TryLater

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RECORD_TTL = timedelta(days=1)
"""Lambda repeats an asynchronous invocation for six hours at most."""


class FirstSeen:
    """The times at which invocations were first seen."""

    def __init__(self, table: str, *, client: "DynamoDBClient", now: Callable[[], datetime]) -> None:
        """`table` has the partition key `id` and the TTL attribute `expiration`."""
        self._table = table
        self._client = client
        self._now = now

    def at(self, request_id: str) -> datetime:
        """Return when the invocation with this id was first seen: now, or as recorded by an earlier attempt of it.

        Raises `TryLater` when the table does not respond.
        """
        now = self._now()
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "id": {"S": f"first_seen#{request_id}"},
                    "first_seen": {"S": now.isoformat()},
                    "expiration": {"N": str(int((now + RECORD_TTL).timestamp()))},
                },
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item: Mapping[str, Any] = cast("Mapping[str, Any]", error.response)["Item"]
            return datetime.fromisoformat(item["first_seen"]["S"])
        except (BotoCoreError, ClientError) as error:
            code = aws_error_code(error)
            raise TryLater(
                f"the state table does not respond ({code}), so nobody knows when this request was first made: "
                "repeat it later, or give it a scheduled_time"
            ) from error
        return now
