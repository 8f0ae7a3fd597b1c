"""Authentication as `httpx.Auth`: the rules are in `signing.py`, these only apply them."""

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx

from gaussdb_backup.domain.models import AccessKey, PasswordUser
from gaussdb_backup.errors import ApiAnswer, TryLater
from gaussdb_backup.huawei import signing
from gaussdb_backup.huawei.error_body import parse_body, parse_failure, request_id
from gaussdb_backup.huawei.error_table import make_iam_error

Clock = Callable[[], datetime]

SIGNED = ("content-type", "host", "x-language", "x-project-id", "x-sdk-date", "x-security-token")
"""Headers that are signed: ours, and none that a proxy might touch."""


class AccessKeyAuth(httpx.Auth):
    """Signs each request with an access key."""

    requires_request_body = True

    def __init__(self, credentials: AccessKey, *, project_id: str, now: Clock) -> None:
        """Take the key, the project it is used for and the clock."""
        self._credentials = credentials
        self._project_id = project_id
        self._now = now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Sign the request as it will be sent."""
        self._sign(request)
        yield request

    def _sign(self, request: httpx.Request) -> None:
        parameters = parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
        # httpx writes a space as `+`, the signature has `%20`: send the query that is signed.
        query = signing.canonical_query(parameters)
        raw_path = request.url.raw_path.partition(b"?")[0]
        request.url = request.url.copy_with(raw_path=raw_path + (b"?" + query.encode("ascii") if query else b""))
        request.headers[signing.DATE_HEADER] = signing.format_date(self._now())
        request.headers["X-Project-Id"] = self._project_id
        if token := self._credentials.security_token:
            request.headers["X-Security-Token"] = token.get_secret_value()
        headers = {name: request.headers[name] for name in SIGNED if name in request.headers}
        signed = signing.canonical_request(
            request.method, raw_path.decode("ascii"), parameters, headers, request.content
        )
        text = signing.string_to_sign(request.headers[signing.DATE_HEADER], signed)
        signature = signing.signature(self._credentials.secret_key.get_secret_value(), text)
        request.headers["Authorization"] = signing.authorization(self._credentials.access_key, headers, signature)


class TokenAuth(httpx.Auth):
    """Buys a token from IAM, uses it until shortly before its end, and buys one anew when the API refuses it.

    One new token for each refused request, so a wrong user is not asked for in a loop. Two threads may buy one token
    each; both are good.
    """

    requires_response_body = True
    margin = timedelta(minutes=5)
    operation = "get IAM token"

    def __init__(self, user: PasswordUser, *, project_id: str, now: Clock) -> None:
        """Take the user, the project the token is for and the clock."""
        self._user = user
        self._project_id = project_id
        self._now = now
        self._token = ""
        self._good_until = datetime.min.replace(tzinfo=UTC)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Put a token on the request; on refusal put a new one on it and send it again, once."""
        bought = self._now() >= self._good_until
        if bought:
            self._keep((yield self._ask()))
        request.headers["X-Auth-Token"] = self._token
        response = yield request
        if _refuses_token(response) and not bought:
            self._keep((yield self._ask()))
            request.headers["X-Auth-Token"] = self._token
            yield request

    def _ask(self) -> httpx.Request:
        user = {
            "name": self._user.user_name,
            "password": self._user.password.get_secret_value(),
            "domain": {"name": self._user.domain_name},
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": {"id": self._project_id}}}}
        url = f"{self._user.iam_endpoint}/v3/auth/tokens?nocatalog=true"
        return httpx.Request("POST", url, content=json.dumps(body), headers={"Content-Type": "application/json"})

    def _keep(self, response: httpx.Response) -> None:
        token = response.headers.get("X-Subject-Token")
        if response.is_success and token:
            self._token = token
            self._good_until = _read_end(response.content, default=self._now() + timedelta(hours=1)) - self.margin
            return
        if response.is_success:
            api = ApiAnswer(self.operation, response.status_code, None, request_id(response.headers))
            raise TryLater(f"{self.operation}: IAM answered without a token: ask again later", api=api)
        failure = parse_failure(response.status_code, response.headers, response.content)
        raise make_iam_error(failure, operation=self.operation)


def make_auth(credentials: AccessKey | PasswordUser, *, project_id: str, now: Clock) -> httpx.Auth:
    """Pick the way to authenticate that the credentials are for."""
    if isinstance(credentials, AccessKey):
        return AccessKeyAuth(credentials, project_id=project_id, now=now)
    return TokenAuth(credentials, project_id=project_id, now=now)


def _refuses_token(response: httpx.Response) -> bool:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return True
    failure = parse_failure(response.status_code, response.headers, response.content)
    return (failure.http_status, failure.error_code) == (httpx.codes.FORBIDDEN, "DBS.280056")


def _read_end(content: bytes, *, default: datetime) -> datetime:
    token = (parse_body(content) or {}).get("token")
    try:
        return datetime.fromisoformat(str(token["expires_at"])).astimezone(UTC)  # type: ignore[index]  # TypeError is caught
    except (KeyError, TypeError, ValueError):
        return default
