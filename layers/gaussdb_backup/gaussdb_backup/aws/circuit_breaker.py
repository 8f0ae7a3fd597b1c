"""A circuit breaker that opens on refused credentials only, shared by all execution environments and connections.

The rules are `domain/circuit_breaker.py`; here their state is kept on a DynamoDB table, one item for each access key or
IAM user, since that is what is locked.
A change is written only if nobody has written since it was read; otherwise it is decided again on the newer state.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.domain.circuit_breaker import (
    BUSY,
    RECOVERY_TIMEOUT,
    BreakerState,
    CallResult,
    Denial,
    Permit,
    grant,
    settle,
)
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.errors import CircuitBreakerOpen

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

WRITE_ATTEMPTS = 20
"""Each time that one fails, another execution environment has written."""
MAX_WAIT = timedelta(seconds=20)
"""How long a call is held for others that are being made; then its message is to be retried from the queue."""
FIRST_STEP, MAX_STEP = 0.05, 0.1
"""Seconds between two reads of the state meanwhile: longer ones leave the permits to those that return one."""
SHORT_DELAY = timedelta(seconds=5)
"""Before a call is tried again that had none but other calls in front of it."""
ITEM_TTL = timedelta(days=1)
"""Without its item a key begins with one call alone, as after the recovery timeout."""


class CircuitBreaker:
    """The circuit breaker of one connection's calls. Not safe for several threads at a time."""

    def __init__(
        self,
        connection: str,
        *,
        table: str,
        client: "DynamoDBClient",
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        recovery_timeout: timedelta = RECOVERY_TIMEOUT,
    ) -> None:
        """`table` has the partition key `id` and the TTL attribute `expiration`; `sleep` takes seconds.

        `recovery_timeout` is how long no call is made with a version of the secret that was refused.
        """
        self._connection = connection
        self._table = table
        self._client = client
        self._now = now
        self._sleep = sleep
        self._recovery_timeout = recovery_timeout
        self._credentials_id = ""
        self._state = BreakerState()
        self._revision = ""
        self._unsettled: list[tuple[Permit, CallResult]] = []

    def acquire(
        self, version: str, *, credentials_id: str, refusals: int, lease: timedelta, deadline: Deadline
    ) -> Permit:
        """Return the permit for one call with this version of the secret, which may take as long as `lease`.

        `credentials_id` is what would be locked; `refusals` is how often the call may be refused. While other calls
        have to end first it waits, in short steps, but not beyond the deadline. Raises `CircuitBreakerOpen` where no
        call may be made, and where the table does not respond: without it nobody knows how many calls were refused.
        """
        if credentials_id != self._credentials_id:
            self._credentials_id, self._state, self._revision = credentials_id, BreakerState(), ""
            self._unsettled.clear()  # permits that are not returned count as refusals once they lapse
        slept, step = 0.0, FIRST_STEP
        while True:
            granted = self._acquire_now(version, lease, refusals)
            if isinstance(granted, Permit):
                return granted
            is_long = granted.retry_at is not None or slept >= MAX_WAIT.total_seconds()
            if is_long or deadline.remaining <= timedelta(seconds=step):
                raise self._make_error(granted)
            self._sleep(step)
            slept += step
            step = min(step * 2, MAX_STEP)

    def release(self, permit: Permit, result: CallResult) -> None:
        """Return a permit, with what its call has shown.

        Where the table does not respond that is written before the next permit, and the permit counts as a refusal
        until then: so the result of a call is never lost to its circuit breaker.
        """
        self._unsettled.append((permit, result))
        with suppress(BotoCoreError, ClientError):
            self._update(lambda state: (state, permit))

    def _acquire_now(self, version: str, lease: timedelta, refusals: int) -> Permit | Denial:
        """Return a permit, or why there is none: by the state as last seen, and if that allows none, by a fresh one."""

        def decide(state: BreakerState) -> tuple[BreakerState, Permit] | Denial:
            window = self._recovery_timeout
            return grant(state, version, now=self._now(), lease=lease, window=window, refusals=refusals)

        try:
            granted = self._update(decide) if self._revision else None
            if isinstance(granted, Permit):
                return granted
            self._read()
            return self._update(decide)
        except (BotoCoreError, ClientError) as error:
            code = aws_error_code(error)
            raise CircuitBreakerOpen(
                f"no call is made for connection '{self._connection}': the state table does not respond ({code}), so "
                "nobody knows how many calls were refused; repeat it later"
            ) from error

    def _make_error(self, denial: Denial) -> CircuitBreakerOpen:
        delay = SHORT_DELAY if denial.retry_at is None else denial.retry_at - self._now()
        return CircuitBreakerOpen(
            f"no call is made for connection '{self._connection}': {denial.reason}",
            retry_after=max(delay, timedelta(seconds=1)),
            is_refused=denial.is_refused,
        )

    def _update(self, decide: Callable[[BreakerState], tuple[BreakerState, Permit] | Denial]) -> Permit | Denial:
        """Settle the calls that have ended, decide, and write; again on the newer state if another has written."""
        for _ in range(WRITE_ATTEMPTS):
            state = self._state
            for permit, result in self._unsettled:
                state = settle(state, permit, result, now=self._now(), window=self._recovery_timeout)
            decided = decide(state)
            if isinstance(decided, Denial):
                return decided
            if self._write(decided[0]):
                self._unsettled.clear()
                return decided[1]
        return Denial(reason=BUSY)

    def _write(self, state: BreakerState) -> bool:
        """Write the state unless another has written; if so, take over what it wrote."""
        revision = uuid4().hex
        known = {":known": {"S": self._revision}} if self._revision else None
        request: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **self._key,
                "connection": {"S": self._connection},  # the one that wrote last, for who reads the table
                "revision": {"S": revision},
                "state": {"S": state.model_dump_json()},
                "expiration": {"N": str(int((self._now() + ITEM_TTL).timestamp()))},
            },
            "ConditionExpression": "revision = :known" if known else "attribute_not_exists(revision)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **({"ExpressionAttributeValues": known} if known else {}),
        }
        try:
            self._client.put_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            self._take_over(cast("Mapping[str, Any]", error.response.get("Item", {})))
            return self._revision == revision  # a write whose response was lost, and that boto3 repeated
        self._state, self._revision = state, revision
        return True

    def _read(self) -> None:
        response = self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        self._take_over(response.get("Item", {}))

    def _take_over(self, item: Mapping[str, Any]) -> None:
        """Take over an item. One that is absent or malformed, as of another version of this code, has no state."""
        self._revision = item.get("revision", {}).get("S", "")
        try:
            self._state = BreakerState.model_validate_json(item.get("state", {}).get("S", ""))
        except ValidationError:
            self._state = BreakerState()

    @property
    def _key(self) -> dict[str, Any]:
        return {"id": {"S": f"circuit_breaker#{self._credentials_id}"}}
