"""Idempotency records on a DynamoDB table, shared by all execution environments (Powertools' persistence layer)."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.errors import TryLater

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RECORD_TTL = timedelta(hours=2)
"""How long the result of a request is saved: far longer than a list may lag behind the creation of a backup, after
which the list alone shows which backup is that of a request, and than Lambda and SQS take to deliver a request again
whose response was lost."""
KEY_PREFIX = "request"
COMPLETED, EXPIRED = "COMPLETED", "EXPIRED"
ATTEMPTS = 3


@dataclass
class Execution:
    """One execution for a key. `result` is the saved one where the work is done; else the block sets it."""

    result: dict[str, Any] | None = None


class Idempotency:
    """Executes the work for a key once."""

    def __init__(self, table: str, *, client: "DynamoDBClient") -> None:
        """`table` has the partition key `id` and the TTL attribute `expiration`."""
        self._records = DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
        config = IdempotencyConfig(expires_after_seconds=int(RECORD_TTL.total_seconds()), hash_function="sha256")
        self._records.configure(config, key_prefix=KEY_PREFIX)

    @contextmanager
    def run_once(self, key: Mapping[str, str], *, remaining_time: timedelta) -> Iterator[Execution]:
        """Enter the one execution for a key.

        Where the work was done before, `execution.result` is its result, and the block has nothing to do. Otherwise
        the block does the work and sets `execution.result`, which is saved; after an error nothing is, and the next
        execution may start at once. `remaining_time` is how long this function can still run: a function that is
        killed leaves a record that counts for so long, and its work may be done, so the work must list the
        backups before it creates one.

        Raises `TryLater` while another function executes the key, and when the table does not respond.
        """
        data = dict(key)
        saved = self._start(data, remaining_time)
        if saved is not None:
            yield Execution(saved)
            return
        execution = Execution()
        try:
            yield execution
        except Exception as error:
            with self._responding_table():
                self._records.delete_record(data, error)
            raise
        with self._responding_table():
            self._records.save_success(data, execution.result or {})

    def _start(self, data: dict[str, str], remaining_time: timedelta) -> dict[str, Any] | None:
        """Write the record of this execution, or return the result of an earlier one.

        A record that expires, or is deleted, between the attempt to write and the read is written anew.
        """
        milliseconds = int(remaining_time.total_seconds() * 1000)
        for _ in range(ATTEMPTS):
            try:
                with self._responding_table():
                    self._records.save_inprogress(data, remaining_time_in_millis=milliseconds)
            except IdempotencyItemAlreadyExistsError as error:
                record = error.old_data_record or self._read(data)
            else:
                return None
            if record is not None and record.status == COMPLETED:
                return record.response_json_as_dict()
            if record is not None and not _is_expired(record):
                raise TryLater("another function is creating this backup: its result is returned later")
        raise TryLater("the record of this backup changes while it is read: repeat it later")

    def _read(self, data: dict[str, str]) -> DataRecord | None:
        with self._responding_table():
            try:
                return self._records.get_record(data)
            except IdempotencyItemNotFoundError:
                return None

    @staticmethod
    @contextmanager
    def _responding_table() -> Iterator[None]:
        try:
            yield
        except IdempotencyItemAlreadyExistsError:
            raise
        except Exception as error:
            cause = aws_error_code(error) if isinstance(error, BotoCoreError | ClientError) else type(error).__name__
            raise TryLater(f"the table of idempotency records does not respond ({cause}): repeat it later") from error


def _is_expired(record: DataRecord) -> bool:
    """Return whether a record counts no longer: its time to live is over, or its function's time is."""
    expiry = record.in_progress_expiry_timestamp
    return record.status == EXPIRED or (expiry is not None and expiry < time.time() * 1000)
