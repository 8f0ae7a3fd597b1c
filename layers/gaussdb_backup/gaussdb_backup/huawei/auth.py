"""The two ways to authenticate, as `httpx.Auth`. The rules of signing are in `signing.py`."""

import json
import re
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx

from gaussdb_backup.domain.models import AccessKey, PasswordUser
from gaussdb_backup.domain.vendor_values import EARLIEST, LATEST
from gaussdb_backup.errors import FailedApiCall, TryLater
from gaussdb_backup.huawei import signing
from gaussdb_backup.huawei.error_body import parse_body, parse_error_body, request_id
from gaussdb_backup.huawei.error_table import make_iam_error
from gaussdb_backup.huawei.http import OPERATION
from gaussdb_backup.huawei.redaction import PART, Redactor

Clock = Callable[[], datetime]

SIGNED = ("content-type", "host", "x-language", "x-project-id", "x-sdk-date", "x-security-token")
"""Headers that are signed: our own, and none that a proxy might change."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What can be sent as a header."""


class AccessKeyAuth(httpx.Auth):
    """Signs each request with an access key."""

    requires_request_body = True

    def __init__(self, credentials: AccessKey, *, project_id: str, now: Clock) -> None:
        self._credentials = credentials
        self._project_id = project_id
        self._now = now
        token = credentials.security_token
        sent = [credentials.access_key, token.get_secret_value() if token else ""]
        self.sent_secrets = Redactor(sent)
        self.secrets = Redactor([*sent, credentials.secret_key.get_secret_value(), project_id])

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Sign the request as it is sent."""
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
    """Requests a token from IAM, uses it until shortly before it expires, and requests another when the API refuses it.

    At most one new token for each call, and none where the refused one is new: a wrong user is not tried in a loop.
    """

    requires_response_body = True
    margin = timedelta(minutes=5)
    default_lifetime = timedelta(hours=1)
    max_lifetime = timedelta(hours=24)
    """What a token has (docs/reference/gaussdb_api.md, "Tokens from IAM"); later times are not believed."""
    operation = "request IAM token"

    def __init__(self, user: PasswordUser, *, project_id: str, now: Clock) -> None:
        self._user = user
        self._project_id = project_id
        self._now = now
        self._valid_until: datetime
        self._use("", EARLIEST)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Put a token on the request; on refusal put a new one on it and send it again, once."""
        is_new = self._now() >= self._valid_until
        if is_new:
            self._keep((yield self._token_request(request)))
        request.headers["X-Auth-Token"] = self._token
        response = yield request
        if _is_token_refused(response) and not is_new:
            self._keep((yield self._token_request(request)))
            request.headers["X-Auth-Token"] = self._token
            response = yield request
        if _is_token_refused(response):
            self._valid_until = EARLIEST

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        """Make the request for a token, which belongs to the call that needs it."""
        user = {
            "name": self._user.user_name,
            "password": self._user.password.get_secret_value(),
            "domain": {"name": self._user.domain_name},
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": {"id": self._project_id}}}}
        url = f"{self._user.iam_endpoint}/v3/auth/tokens?nocatalog=true"
        headers = {"Content-Type": "application/json", "User-Agent": request.headers.get("User-Agent", "")}
        extensions = {**request.extensions, OPERATION: self.operation}
        return httpx.Request("POST", url, content=json.dumps(body), headers=headers, extensions=extensions)

    def _keep(self, response: httpx.Response) -> None:
        if not response.is_success:
            body = parse_error_body(response.status_code, response.headers, response.content, self.secrets)
            raise make_iam_error(body, operation=self.operation)
        token = response.headers.get("X-Subject-Token", "")
        if not _TOKEN.fullmatch(token):
            id_ = self.secrets.clean(request_id(response.headers))
            api_call = FailedApiCall(self.operation, response.status_code, None, id_)
            raise TryLater(f"{self.operation}: IAM returned no token: repeat it later", api_call=api_call)
        now = self._now()
        expiry = _parse_expiry(response.content) or now + self.default_lifetime
        self._use(token, min(expiry, now + self.max_lifetime) - self.margin)

    def _use(self, token: str, valid_until: datetime) -> None:
        self._token = token
        self._valid_until = valid_until
        user = self._user
        password = user.password.get_secret_value()
        # IAM got the password, and may be the API's host. A short one or a short name may be a word of any response.
        self.sent_secrets = Redactor([token, *_long([password])])
        self.secrets = Redactor([token, password, *_long([user.user_name, user.domain_name, self._project_id])])


type ConnectionAuth = AccessKeyAuth | TokenAuth
"""`secrets` are all values that no error may show, `sent_secrets` those that the API could echo anywhere."""


def make_auth(credentials: AccessKey | PasswordUser, *, project_id: str, now: Clock) -> ConnectionAuth:
    """Return the way to authenticate that the credentials are for."""
    if isinstance(credentials, AccessKey):
        return AccessKeyAuth(credentials, project_id=project_id, now=now)
    return TokenAuth(credentials, project_id=project_id, now=now)


def _long(values: Iterable[str]) -> list[str]:
    return [value for value in values if len(value) >= PART]


def _is_token_refused(response: httpx.Response) -> bool:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return True
    body = parse_error_body(response.status_code, response.headers, response.content)
    return (body.http_status, body.error_code) == (httpx.codes.FORBIDDEN, "DBS.280056")


def _parse_expiry(content: bytes) -> datetime | None:
    """Return when a token expires; `None` where that is missing or means nothing."""
    token = (parse_body(content) or {}).get("token")
    try:
        parsed = datetime.fromisoformat(str(token["expires_at"]))  # type: ignore[index]  # TypeError is caught
        expiry = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return expiry if EARLIEST <= expiry < LATEST else None
