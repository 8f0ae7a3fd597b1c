"""The API gateway: authentication, the projects that a caller may see, and what the caller may do there."""

from dataclasses import dataclass
from datetime import datetime

from .accounts import Token
from .fleet import AccessKey
from .permissions import check_permission
from .request import Request
from .responses import ApiError, gateway_error
from .signatures import Authorization, check_signature, read_authorization, signing_time
from .state import Cloud

_NOT_AUTHENTICATED = "Incorrect IAM authentication information: "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Whoever made a request; `allowed_actions` is `None` for one who may do everything."""

    project_ids: frozenset[str]
    allowed_actions: frozenset[str] | None


def authorize(cloud: Cloud, request: Request) -> frozenset[str]:
    """Return the ids of the projects that the caller may see.

    Raises `ApiError`: 401 for a caller that cannot be authenticated, 403 for a project that is not the caller's
    (docs/reference/gaussdb_api.md, "Error codes of the gateway"), and for an operation that the caller may not call.
    """
    caller = _authenticate(cloud, request)
    if request.project_id is not None and request.project_id not in caller.project_ids:
        raise gateway_error(403, "APIGW.0310", "The project is unavailable.", request.request_id)
    check_permission(cloud, request, caller.allowed_actions)
    return caller.project_ids


def _authenticate(cloud: Cloud, request: Request) -> _Caller:
    value = request.headers.get("x-auth-token")
    with cloud.lock:
        if value is not None:
            token = _find_token(cloud, request, value)
            return _Caller(project_ids=_projects_of(token), allowed_actions=token.user.allowed_actions)
        key = _find_signing_key(cloud, request)
        return _Caller(project_ids=frozenset({key.project_id}), allowed_actions=key.allowed_actions)


def _not_authenticated(request: Request, message: str) -> ApiError:
    return gateway_error(401, "APIGW.0301", _NOT_AUTHENTICATED + message, request.request_id)


def _find_token(cloud: Cloud, request: Request, value: str) -> Token:
    token = cloud.accounts.tokens.get(value)
    if token is None:
        raise _not_authenticated(request, "decrypt token fail")
    if cloud.now() >= token.expires_at:
        raise gateway_error(401, "APIGW.0307", "The token must be updated.", request.request_id)
    return token


def _projects_of(token: Token) -> frozenset[str]:
    return frozenset(token.user.project_ids if token.project_id is None else {token.project_id})


def _find_signing_key(cloud: Cloud, request: Request) -> AccessKey:
    authorization = read_authorization(request.headers.get("authorization", ""))
    if authorization is None:
        raise _not_authenticated(request, "verify aksk signature fail, Authorization format is incorrect")
    key = cloud.accounts.keys.get(authorization.access_key)
    if key is None:
        raise _not_authenticated(request, f"Get secretKey failed,ak:{authorization.access_key},err:ak not exist")
    now = cloud.now()
    if cloud.accounts.is_locked(key.access_key, now):
        raise _not_authenticated(request, "AK access failed to reach the limit,forbidden.")
    problem = _find_problem(cloud, request, authorization, key, now)
    if problem is not None:
        cloud.accounts.record_failure(key.access_key, now, cloud.rules)
        raise _not_authenticated(request, problem)
    cloud.accounts.reset_failures(key.access_key)
    return key


def _find_problem(
    cloud: Cloud, request: Request, authorization: Authorization, key: AccessKey, now: datetime
) -> str | None:
    at = signing_time(request)
    if at is None:
        return "verify aksk signature fail, X-Sdk-Date is missing or malformed"
    if abs((now - at).total_seconds()) > cloud.rules.clock_skew_seconds:
        times = f"signature time:{at:%Y%m%dT%H%M%SZ},server time:{now:%Y%m%dT%H%M%SZ}"
        return f"calc aksk signature fail:signature expired, {times}"
    check = check_signature(request, authorization, key.secret_key, at)
    if not check.is_valid:
        return f"verify aksk signature fail, canonicalRequest:{check.canonical_request.replace('\n', '|')}"
    if key.security_token is not None and request.headers.get("x-security-token") != key.security_token:
        return "verify aksk signature fail, x-security-token is missing or wrong"
    return None
