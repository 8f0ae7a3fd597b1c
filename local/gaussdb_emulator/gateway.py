"""The API gateway's part: who is calling, and may they."""

from datetime import datetime

from .accounts import Token
from .fleet import AccessKey
from .request import Call
from .responses import Refused, refuse_at_gateway
from .signatures import Authorization, read_authorization, signing_time, verify
from .state import Cloud

_NO_IDENTITY = "Incorrect IAM authentication information: "


def admit(cloud: Cloud, call: Call) -> frozenset[str]:
    """Return the ids of the projects that the caller may see. Raises `Refused` for anybody else.

    A call about a project that is not the caller's is refused with 403 `APIGW.0310`.
    """
    projects = _identify(cloud, call)
    if call.project_id is not None and call.project_id not in projects:
        raise refuse_at_gateway(403, "APIGW.0310", "The project is unavailable.", call.request_id)
    return projects


def _identify(cloud: Cloud, call: Call) -> frozenset[str]:
    token = call.headers.get("x-auth-token")
    with cloud.lock:
        if token is not None:
            return _by_token(cloud, call, token)
        return frozenset({_by_signature(cloud, call).project_id})


def _refuse(call: Call, message: str) -> Refused:
    return refuse_at_gateway(401, "APIGW.0301", _NO_IDENTITY + message, call.request_id)


def _by_token(cloud: Cloud, call: Call, value: str) -> frozenset[str]:
    token = cloud.accounts.tokens.get(value)
    if token is None:
        raise _refuse(call, "decrypt token fail")
    if cloud.now() >= token.expires_at:
        raise refuse_at_gateway(401, "APIGW.0307", "The token must be updated.", call.request_id)
    return _projects_of(token)


def _projects_of(token: Token) -> frozenset[str]:
    return frozenset(token.user.project_ids if token.project_id is None else {token.project_id})


def _by_signature(cloud: Cloud, call: Call) -> AccessKey:
    authorization = read_authorization(call.headers.get("authorization", ""))
    if authorization is None:
        raise _refuse(call, "verify aksk signature fail, Authorization format is incorrect")
    key = cloud.accounts.keys.get(authorization.access_key)
    if key is None:
        raise _refuse(call, f"Get secretKey failed,ak:{authorization.access_key},err:ak not exist")
    now = cloud.now()
    if cloud.accounts.is_locked(key.access_key, now):
        raise _refuse(call, "AK access failed to reach the limit,forbidden.")
    problem = _find_problem(cloud, call, authorization, key, now)
    if problem is not None:
        cloud.accounts.note_failure(key.access_key, now, cloud.rules)
        raise _refuse(call, problem)
    cloud.accounts.note_success(key.access_key)
    return key


def _find_problem(cloud: Cloud, call: Call, authorization: Authorization, key: AccessKey, now: datetime) -> str | None:
    at = signing_time(call)
    if at is None:
        return "verify aksk signature fail, X-Sdk-Date is missing or malformed"
    if abs((now - at).total_seconds()) > cloud.rules.clock_skew_seconds:
        times = f"signature time:{at:%Y%m%dT%H%M%SZ},server time:{now:%Y%m%dT%H%M%SZ}"
        return f"calc aksk signature fail:signature expired, {times}"
    verdict = verify(call, authorization, key.secret_key, at)
    if not verdict.is_good:
        return f"verify aksk signature fail, canonicalRequest:{verdict.canonical_request.replace('\n', '|')}"
    if key.security_token is not None and call.headers.get("x-security-token") != key.security_token:
        return "verify aksk signature fail, x-security-token is missing or wrong"
    return None
