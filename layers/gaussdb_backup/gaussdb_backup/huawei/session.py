"""One connection to the API: whom to call as, on which path, and what is tried again."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import httpx

from gaussdb_backup.domain.models import Connection
from gaussdb_backup.errors import CredentialsRefused
from gaussdb_backup.huawei.auth import make_auth
from gaussdb_backup.huawei.error_body import parse_failure
from gaussdb_backup.huawei.error_table import make_error, parse_retry_after
from gaussdb_backup.huawei.http import Answer, Call, send
from gaussdb_backup.huawei.retries import retry_reads

USER_AGENT = "gaussdb-backup/1"

Guard = Callable[[Callable[[], Answer]], Answer]


class ConnectionSource(Protocol):
    """Where the client learns where and as whom to call."""

    def current(self) -> Connection:
        """Return the connection as last read."""

    def reread(self) -> Connection:
        """Read it anew."""


class Session:
    """Sends calls for one connection. Refused credentials are read again once. Not for several threads at a time."""

    def __init__(
        self,
        source: ConnectionSource,
        *,
        timeout: timedelta,
        now: Callable[[], datetime],
        guard: Guard = lambda call: call(),
        on_version_switch: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout` is for one call. `on_version_switch` is told when the documented path is gone for good.

        `guard` makes each call, or raises in its place.
        """
        self._source = source
        self._timeout = timeout
        self._now = now
        self._guard = guard
        self._on_version_switch = on_version_switch
        self._retry = retry_reads(sleep)
        self._transport = transport
        self._connection: Connection | None = None
        self._client: httpx.Client | None = None
        self._switched = False

    def close(self) -> None:
        """Close the connections that are kept open; the next call makes new ones."""
        if self._client is not None:
            self._client.close()
            self._client = self._connection = None

    def read(self, call: Call) -> Answer:
        """Make a call that only reads: it is tried three times."""
        answer: Answer = self._retry(self.call, call)
        return answer

    def call(self, call: Call) -> Answer:
        """Make a call; return its answer of success. Raises the errors of `gaussdb_backup.errors`."""
        return self._guard(lambda: self._call(call))

    def _call(self, call: Call) -> Answer:
        """Make one call; on the successor's path if that one is gone, with the secret read anew if refused."""
        try:
            return self._attempt(call, self._source.current())
        except CredentialsRefused:
            stale, fresh = self._connection, self._source.reread()
            if fresh == stale:
                raise
            return self._attempt(call, fresh)

    def _attempt(self, call: Call, connection: Connection) -> Answer:
        answer = self._send(call, connection)
        if call.family == "mysql/v3" and self._is_gone(answer):
            answer = self._send(replace(call, family="v3"), connection)
            self._switch(answer)
        if 200 <= answer.http_status < 300:  # noqa: PLR2004 - success
            return answer
        failure = parse_failure(answer.http_status, answer.headers, answer.content)
        retry_after = parse_retry_after(answer.headers.get("Retry-After"), now=self._now())
        raise make_error(failure, operation=call.operation, changes=call.changes, retry_after=retry_after)

    def _switch(self, answer: Answer) -> None:
        """Stay with the successor's path if that one is served; if it is not either, the address is wrong."""
        if not self._switched and not self._is_gone(answer):
            self._switched = True
            self._on_version_switch()

    def _send(self, call: Call, connection: Connection) -> Answer:
        client = self._connect(connection)
        url = f"{connection.endpoint}/{call.family}/{connection.project_id}{call.path}"
        content = None if call.body is None else json.dumps(call.body, ensure_ascii=False).encode()
        request = client.build_request(call.method, url, params=call.parameters or None, content=content)
        return send(client, request, call, timeout=self._timeout)

    def _connect(self, connection: Connection) -> httpx.Client:
        """Return the client for the connection, a new one when it has changed."""
        if self._client is None or connection != self._connection:
            self.close()
            self._client = httpx.Client(
                auth=make_auth(connection.credentials, project_id=connection.project_id, now=self._now),
                headers={"User-Agent": USER_AGENT, "Content-Type": "application/json", "X-Language": "en-us"},
                timeout=httpx.Timeout(self._timeout.total_seconds()),
                transport=self._transport or httpx.HTTPTransport(retries=1, trust_env=False),
                follow_redirects=False,
                trust_env=False,
            )
            self._connection = connection
        return self._client

    def family(self) -> str:
        """Return the beginning of the paths that the connection asks for, or what serves in its place."""
        return "v3" if self._switched else self._source.current().api_version

    @staticmethod
    def _is_gone(answer: Answer) -> bool:
        failure = parse_failure(answer.http_status, answer.headers, answer.content)
        code = (failure.error_code or "").replace("APIG.", "APIGW.", 1)
        return (failure.http_status, code) == (httpx.codes.NOT_FOUND, "APIGW.0101")
