"""The session of one connection: endpoint, API prefix, authentication."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

import httpx

from gaussdb_backup import __version__
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import Connection, LastResponse
from gaussdb_backup.errors import FailedApiCall, FixConfiguration, FixRequest, TryLater
from gaussdb_backup.huawei.auth import ConnectionAuth, make_auth
from gaussdb_backup.huawei.error_body import parse_body, parse_error_body, request_id
from gaussdb_backup.huawei.error_table import make_error, parse_date, parse_retry_after
from gaussdb_backup.huawei.http import ApiRequest, ApiResponse, send
from gaussdb_backup.huawei.transport import BoundedTransport, NetworkTransport

USER_AGENT = f"gaussdb-backup/{__version__}"
MAX_QUERY = 8 * 1024
"""Characters of the encoded parameters of a request: gateways refuse much longer addresses."""


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
        self._auth: ConnectionAuth | None = None
        self._has_switched = False
        self._last_response: LastResponse | None = None

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the API's clock is ahead of ours, by its last response; `None` where that is not known."""
        return self._last_response.clock_skew if self._last_response else None

    @property
    def last_response(self) -> LastResponse | None:
        """Where the last response came from, and when; `None` before the first."""
        return self._last_response

    def close(self) -> None:
        """Close the connections that are kept open; the next request makes new ones."""
        if self._client is not None:
            self._client.close()
            self._client = self._connection = self._auth = None

    def send(self, request: ApiRequest, connection: Connection, *, timeout: timedelta) -> ApiResponse:
        """Send a request; return the response of a success. Raises the errors of `gaussdb_backup.errors`.

        Within `timeout` there is all that the call needs: name look-up, connects, a token, the request once more with a
        new token or, where the documented path is no longer served, to its successor's.
        """
        deadline = Deadline.after(min(timeout, self.timeout))
        api_prefix = request.api_prefix or ("v3" if self._has_switched else connection.api_version)
        response, auth = self._send_once(replace(request, api_prefix=api_prefix), connection, deadline)
        if api_prefix == "mysql/v3" and _is_unknown_path(response):
            response, auth = self._send_once(replace(request, api_prefix="v3"), connection, deadline)
            self._switch_api_version(response)
        if 200 <= response.http_status < 300:  # noqa: PLR2004 - success
            _refuse_echo(response, request, auth)
            return response
        body = parse_error_body(response.http_status, response.headers, response.content, auth.secrets)
        retry_after = parse_retry_after(response.headers.get("Retry-After"), now=self._now())
        raise make_error(body, operation=request.operation, is_mutating=request.is_mutating, retry_after=retry_after)

    def _switch_api_version(self, response: ApiResponse) -> None:
        """Stay with the successor's path if that one is served; if it is not either, the endpoint is wrong."""
        if self._has_switched or _is_unknown_path(response):
            return
        self._has_switched = True
        if self._on_api_version_switch:
            self._on_api_version_switch()

    def _send_once(
        self, request: ApiRequest, connection: Connection, deadline: Deadline
    ) -> tuple[ApiResponse, ConnectionAuth]:
        client, auth = self._client_for(connection)
        started_at = self._now()
        response = send(client, _build_request(client, request, connection), request, deadline=deadline)
        now, date = self._now(), parse_date(response.headers.get("Date"))
        skew = date - now if date else self.clock_skew
        self._last_response = LastResponse(path=request.api_prefix or "", clock_skew=skew, duration=now - started_at)
        return response, auth

    def _client_for(self, connection: Connection) -> tuple[httpx.Client, ConnectionAuth]:
        """Return the HTTP client of the connection and its authentication, new ones when it has changed."""
        if self._client is None or self._auth is None or connection != self._connection:
            self.close()
            self._auth = make_auth(connection.credentials, project_id=connection.project_id, now=self._now)
            self._client = httpx.Client(
                auth=self._auth,
                headers={"User-Agent": USER_AGENT, "Content-Type": "application/json", "X-Language": "en-us"},
                transport=BoundedTransport(self._transport or NetworkTransport()),
                follow_redirects=False,
                trust_env=False,
            )
            self._connection = connection
        return self._client, self._auth


def _build_request(client: httpx.Client, request: ApiRequest, connection: Connection) -> httpx.Request:
    """Make a request. Raises `FixConfiguration` for an endpoint, `FixRequest` for values that make no address."""
    api_call = FailedApiCall(request.operation, is_sent=False)
    if not _is_query(request.parameters):
        text = "the values to look for are too long for an address, or no text: correct them"
        raise FixRequest(f"{request.operation}: {text}", api_call=api_call)
    url = f"{connection.endpoint}/{request.api_prefix}/{connection.project_id}{request.path}"
    content = None if request.body is None else json.dumps(request.body, ensure_ascii=False).encode(errors="replace")
    with suppress(httpx.InvalidURL, UnicodeError):
        return client.build_request(request.method, url, params=request.parameters or None, content=content)
    text = "no address can be made of the endpoint: check it in the secret"
    raise FixConfiguration(f"{request.operation}: {text}", api_call=api_call)


def _is_query(parameters: Mapping[str, str]) -> bool:
    with suppress(UnicodeError):  # half a character
        return len(urlencode(parameters, quote_via=quote)) <= MAX_QUERY
    return False


def _refuse_echo(response: ApiResponse, request: ApiRequest, auth: ConnectionAuth) -> None:
    """Use no response that shows a secret as if it were a name or an id, since those are logged."""
    id_ = request_id(response.headers)
    if auth.secrets.clean(id_) == id_ and not auth.sent_secrets.is_in_any(parse_body(response.content)):
        return
    api_call = FailedApiCall(request.operation, response.http_status, None, auth.secrets.clean(id_))
    text = f"{request.operation}: the response shows credentials that it was sent: check the endpoint in the secret"
    raise TryLater(text, api_call=api_call, may_have_taken_effect=request.is_mutating)


def _is_unknown_path(response: ApiResponse) -> bool:
    """Return whether the gateway does not know the path (docs/reference/gaussdb_api.md, "Paths and versions")."""
    body = parse_error_body(response.http_status, response.headers, response.content)
    return (body.http_status, body.normalized_code) == (httpx.codes.NOT_FOUND, "APIGW.0101")
