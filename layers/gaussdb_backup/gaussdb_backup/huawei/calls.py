"""One call of the API after another: with which secret, with whose permit, in what time, how often."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

import tenacity

from gaussdb_backup.domain.circuit_breaker import CallResult, Permit
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import Connection
from gaussdb_backup.errors import (
    CircuitBreakerOpen,
    CredentialsRefused,
    FailedApiCall,
    GaussDBBackupError,
    TryLater,
)
from gaussdb_backup.huawei.http import ApiRequest, ApiResponse
from gaussdb_backup.huawei.session import Session

READ_ATTEMPTS = 3
MIN_CALL_TIME = timedelta(seconds=1)
"""With less time left no call is made: it would fail, and might leave open what it did."""
LEASE_MARGIN = timedelta(seconds=5)
"""For what a call does besides, until its permit is returned."""
REREAD_AGE = timedelta(seconds=15)
"""How old a secret is that is read again because it was refused some time ago: a correction counts from then on."""
MAX_IN_PROCESS_DELAY = timedelta(seconds=5)
"""A longer delay, where the API requests one, is for the queue: a function costs money while it waits."""

_jittered_delay = tenacity.wait_random_exponential(multiplier=0.2, max=2)


class CircuitBreaker(Protocol):
    """What permits each call before it is made. Credentials are known by the version of their secret."""

    def acquire(
        self, version: str, *, credentials_id: str, refusals: int, lease: timedelta, deadline: Deadline
    ) -> Permit:
        """Return the permit for one call that takes no longer than `lease` and may be refused `refusals` times.

        Raises `CircuitBreakerOpen`.
        """

    def release(self, permit: Permit, result: CallResult) -> None:
        """Return a permit, with what the call has shown about the credentials. Raises nothing."""


class ConnectionSource(Protocol):
    """Where endpoint and credentials come from."""

    def current(self, *, max_age: timedelta = ...) -> Connection:
        """Return the connection, as read no longer than `max_age` ago."""

    def reread(self) -> Connection:
        """Read it again."""


class Caller:
    """Makes the calls of one piece of work, which has to end by a deadline. Not safe for several threads at a time."""

    def __init__(
        self,
        source: ConnectionSource,
        session: Session,
        *,
        deadline: Deadline,
        circuit_breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`circuit_breaker` permits each call, and each attempt of a read, before it is made; `sleep` takes seconds."""
        self._source = source
        self._session = session
        self._deadline = deadline
        self._circuit_breaker = circuit_breaker
        self._retrying = tenacity.Retrying(
            stop=self._is_last_attempt,
            retry=tenacity.retry_if_exception(_is_worth_repeating),
            wait=_delay,
            sleep=sleep,
            reraise=True,
        )

    def read(self, request: ApiRequest) -> ApiResponse:
        """Send a request that changes nothing, with three attempts. Raises as `send` does."""
        response: ApiResponse = self._retrying(self.send, request)
        return response

    def send(self, request: ApiRequest) -> ApiResponse:
        """Send a request once, with the secret as last read; if that was refused and has a newer version, also with it.

        Raises the errors of `gaussdb_backup.errors`.
        """
        connection = self._source.current()
        try:
            return self._send_with(connection, request)
        except CredentialsRefused:
            fresh = self._source.reread()
            if fresh.version == connection.version:
                raise
        except CircuitBreakerOpen as error:
            if not error.is_refused:
                raise
            fresh = self._source.current(max_age=REREAD_AGE)
            if fresh.version == connection.version:
                raise
        return self._send_with(fresh, request)

    def _is_last_attempt(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= READ_ATTEMPTS or self._deadline.remaining < MIN_CALL_TIME

    def _send_with(self, connection: Connection, request: ApiRequest) -> ApiResponse:
        with self._permitted(request, connection):
            timeout = min(self._session.timeout, self._remaining(request))
            return self._session.send(request, connection, timeout=timeout)

    @contextmanager
    def _permitted(self, request: ApiRequest, connection: Connection) -> Iterator[None]:
        """Make one call with the permit of the circuit breaker, which learns what the call shows."""
        if self._circuit_breaker is None:
            yield
            return
        lease = min(self._session.timeout, self._remaining(request)) + LEASE_MARGIN
        credentials = connection.credentials
        permit = self._circuit_breaker.acquire(
            connection.version,
            credentials_id=credentials.id,
            refusals=credentials.refusals_per_call,
            lease=lease,
            deadline=self._deadline,
        )
        result = CallResult.UNKNOWN
        try:
            yield
            result = CallResult.ACCEPTED
        except GaussDBBackupError as error:
            result = _result_of(error, request)
            raise
        finally:
            self._circuit_breaker.release(permit, result)

    def _remaining(self, request: ApiRequest) -> timedelta:
        remaining = self._deadline.remaining
        if remaining < MIN_CALL_TIME:
            text = f"{request.operation}: no call was made, since this function's time is nearly over: repeat it later"
            raise TryLater(text, api_call=FailedApiCall(request.operation, is_sent=False))
        return remaining


def _result_of(error: GaussDBBackupError, request: ApiRequest) -> CallResult:
    """Return what a failed call shows: any response of the API but a refusal proves the credentials, one of IAM not."""
    if isinstance(error, CredentialsRefused):
        return CallResult.REFUSED
    api_call = error.api_call
    if api_call is not None and not api_call.is_sent:
        return CallResult.NOT_SENT
    is_response = api_call is not None and api_call.http_status is not None and api_call.operation == request.operation
    return CallResult.ACCEPTED if is_response else CallResult.UNKNOWN


def _is_worth_repeating(error: BaseException) -> bool:
    if isinstance(error, CircuitBreakerOpen):
        return False
    return isinstance(error, TryLater) and (error.retry_after is None or error.retry_after <= MAX_IN_PROCESS_DELAY)


def _delay(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    retry_after = error.retry_after if isinstance(error, TryLater) else None
    return retry_after.total_seconds() if retry_after is not None else _jittered_delay(state)
