"""The session of one connection: endpoint, API prefix, authentication."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from gaussdb_backup import __version__
from gaussdb_backup.domain.models import Connection
from gaussdb_backup.huawei.auth import make_auth
from gaussdb_backup.huawei.error_body import parse_error_body
from gaussdb_backup.huawei.error_table import make_error, parse_retry_after
from gaussdb_backup.huawei.http import ApiRequest, ApiResponse, send

USER_AGENT = f"gaussdb-backup/{__version__}"


class Session:
    """Sends requests for one connection. Not safe for several threads."""

    def __init__(
        self,
        *,
        timeout: timedelta,
        now: Callable[[], datetime],
        on_api_version_switch: Callable[[], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout` is the most that one call may take.

        `on_api_version_switch` is called once, when the documented path is gone.
        """
        self.timeout = timeout
        self._now = now
        self._on_api_version_switch = on_api_version_switch
        self._transport = transport
        self._connection: Connection | None = None
        self._client: httpx.Client | None = None
        self._has_switched = False

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the API's clock is ahead of ours, by its last response; `None` where that is not known."""
        return None

    def close(self) -> None:
        """Close the connections that are kept open; the next request makes new ones."""
        if self._client is not None:
            self._client.close()
            self._client = self._connection = None

    def send(self, request: ApiRequest, connection: Connection, *, timeout: timedelta) -> ApiResponse:
        """Send a request; return the response of a success. Raises the errors of `gaussdb_backup.errors`.

        Where the documented path is no longer served, the request is sent to its successor's.
        """
        api_prefix = request.api_prefix or ("v3" if self._has_switched else connection.api_version)
        response = self._send_once(replace(request, api_prefix=api_prefix), connection, timeout)
        if api_prefix == "mysql/v3" and _is_unknown_path(response):
            response = self._send_once(replace(request, api_prefix="v3"), connection, timeout)
            self._switch_api_version(response)
        if 200 <= response.http_status < 300:  # noqa: PLR2004 - success
            return response
        body = parse_error_body(response.http_status, response.headers, response.content)
        retry_after = parse_retry_after(response.headers.get("Retry-After"), now=self._now())
        raise make_error(body, operation=request.operation, is_mutating=request.is_mutating, retry_after=retry_after)

    def _switch_api_version(self, response: ApiResponse) -> None:
        """Stay with the successor's path if that one is served; if it is not either, the endpoint is wrong."""
        if self._has_switched or _is_unknown_path(response):
            return
        self._has_switched = True
        if self._on_api_version_switch:
            self._on_api_version_switch()

    def _send_once(self, request: ApiRequest, connection: Connection, timeout: timedelta) -> ApiResponse:
        client = self._client_for(connection)
        url = f"{connection.endpoint}/{request.api_prefix}/{connection.project_id}{request.path}"
        content = None if request.body is None else json.dumps(request.body, ensure_ascii=False).encode()
        http_request = client.build_request(request.method, url, params=request.parameters or None, content=content)
        return send(client, http_request, request, timeout=timeout)

    def _client_for(self, connection: Connection) -> httpx.Client:
        """Return the HTTP client of the connection, a new one when it has changed."""
        if self._client is None or connection != self._connection:
            self.close()
            self._client = httpx.Client(
                auth=make_auth(connection.credentials, project_id=connection.project_id, now=self._now),
                headers={"User-Agent": USER_AGENT, "Content-Type": "application/json", "X-Language": "en-us"},
                timeout=httpx.Timeout(self.timeout.total_seconds()),
                transport=self._transport or httpx.HTTPTransport(retries=1, trust_env=False),
                follow_redirects=False,
                trust_env=False,
            )
            self._connection = connection
        return self._client


def _is_unknown_path(response: ApiResponse) -> bool:
    """Return whether the gateway does not know the path (docs/reference/gaussdb_api.md, "Paths and versions")."""
    body = parse_error_body(response.http_status, response.headers, response.content)
    return (body.http_status, body.normalized_code) == (httpx.codes.NOT_FOUND, "APIGW.0101")
