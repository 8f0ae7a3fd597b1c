"""The class of error of each API response: one table, by status and code, never by the text of a message.

Sources: docs/reference/gaussdb_api.md, "Error codes of the service" and "Error codes of the gateway". A code may have
another rule under another status, so the key is both; a code that is not in the table is classed by its status.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gaussdb_backup.domain.vendor_values import EARLIEST, LATEST
from gaussdb_backup.errors import (
    CredentialsRefused,
    FailedApiCall,
    FixConfiguration,
    FixRequest,
    GaussDBBackupError,
    GiveUp,
    InstanceBusy,
    NameTaken,
    PermissionDenied,
    TryLater,
)
from gaussdb_backup.huawei.error_body import ErrorBody

MAX_RETRY_AFTER = timedelta(hours=1)
"""A longer delay is cut to this: the backups of a run cannot wait for it."""


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """The class of error, and what its reader does next."""

    error: type[GaussDBBackupError]
    advice: str


BAD_REQUEST = ErrorRule(FixRequest, "correct the request; repeating it as it is will not help")
NO_INSTANCE = ErrorRule(FixRequest, "check instance_id and that the connection is the one of its project")
NO_BACKUP = ErrorRule(FixRequest, "the backup is gone already, or was never in this project")
TAKEN = ErrorRule(NameTaken, "put {scheduled_time} into the name_template, or delete the backup that has the name")
BUSY = ErrorRule(InstanceBusy, "another operation runs on the instance; repeat it later")
LATER = ErrorRule(TryLater, "repeat it later")
THROTTLED = ErrorRule(TryLater, "too many calls; repeat it later")
FROZEN = ErrorRule(GiveUp, "the instance is frozen: settle the account, then repeat it")
FULL = ErrorRule(GiveUp, "the instance's storage is full: extend it, then repeat it")
QUOTA = ErrorRule(GiveUp, "a quota of the project is used up: raise it, then repeat it")
REFUSED = ErrorRule(CredentialsRefused, "correct the credentials in the connection's secret (and this machine's clock)")
DENIED = ErrorRule(PermissionDenied, "give the cloud user the permission, or use another connection")
NO_PATH = ErrorRule(FixConfiguration, "check endpoint and api_version in the connection's secret")
NO_TOKEN = ErrorRule(
    FixConfiguration, "check iam_endpoint, domain_name, user_name and project_id in the connection's secret"
)
BROKEN = ErrorRule(GiveUp, "the gateway is misconfigured: open a support case with the request id")


def _rows(status: int, codes: Iterable[str], rule: ErrorRule) -> dict[tuple[int, str], ErrorRule]:
    return {(status, code): rule for code in codes}


def _dbs(numbers: str) -> list[str]:
    return [f"DBS.{number}" for number in numbers.split()]


def _apigw(numbers: str) -> list[str]:
    return [f"APIGW.{number}" for number in numbers.split()]


TABLE: dict[tuple[int, str], ErrorRule] = {
    **_rows(400, _dbs("200001 200004 280001 290000 280204 212017 200006 280277 280127 280404 280439"), BAD_REQUEST),
    **_rows(400, _dbs("280216 280253 201103 201101 201106 280250 280251 201210 280124 201204"), BAD_REQUEST),
    **_rows(400, _dbs("280449"), FROZEN),
    **_rows(400, _dbs("200086 201014"), BUSY),
    **_rows(400, _dbs("200543 201208"), LATER),
    **_rows(400, _dbs("201203 280214"), NO_BACKUP),
    **_rows(403, _dbs("200010 200604 200044 201003 280015"), DENIED),
    **_rows(403, _dbs("280056"), REFUSED),
    **_rows(404, _dbs("200002 200045 200408 200602 201028 290005 290011"), NO_INSTANCE),
    **_rows(404, _dbs("201010 290013"), NO_BACKUP),
    **_rows(409, _dbs("201205 200011 200019 200047 201202 212006 280406"), BUSY),
    **_rows(409, _dbs("201014 201015 212033 05000084"), BUSY),  # from the provider's retry set
    **_rows(409, _dbs("200316"), FULL),
    **_rows(409, _dbs("201209"), TAKEN),
    **_rows(413, _dbs("200046 290003"), QUOTA),
    **_rows(422, _dbs("212019"), BAD_REQUEST),
    **_rows(400, _apigw("0201"), BAD_REQUEST),
    **_rows(413, _apigw("0201"), BAD_REQUEST),
    **_rows(414, _apigw("0201"), BAD_REQUEST),
    **_rows(494, _apigw("0201"), BAD_REQUEST),
    **_rows(400, _apigw("0602"), BROKEN),
    **_rows(401, _apigw("0301 0303 0305 0307"), REFUSED),
    **_rows(403, _apigw("0302 0304 0306 0310 0802"), DENIED),
    **_rows(404, _apigw("0101"), NO_PATH),
    **_rows(429, _apigw("0308"), THROTTLED),
}
"""Every 5xx is `LATER` by its status."""

BY_STATUS: dict[int, ErrorRule] = {401: REFUSED, 403: DENIED, 408: LATER, 409: BUSY, 413: BAD_REQUEST, 429: THROTTLED}
"""What a status means where the table does not list its code. An unknown conflict counts as busy: that ends at the
end of its start window, while refusing it for good might lose a backup over a code that is new."""

GONE = frozenset(code for (_, code), rule in TABLE.items() if rule is NO_BACKUP)
"""The codes that report that a backup does not exist, whatever the status: items of a batch have none."""
NOT_NOW = frozenset(code for (_, code), rule in TABLE.items() if rule in (BUSY, LATER))
"""The codes that report that a backup, or its instance, is in a status that will end."""


def find_rule(http_status: int, code: str) -> ErrorRule:
    """Return the rule for a response. `code` is normalized, and empty where there is none."""
    if known := TABLE.get((http_status, code)) or BY_STATUS.get(http_status):
        return known
    if http_status >= 500:  # noqa: PLR2004 - the class of server errors
        return LATER
    return BAD_REQUEST if http_status >= 400 else NO_PATH  # noqa: PLR2004 - a redirect means a wrong address


def make_error(
    body: ErrorBody, *, operation: str, is_mutating: bool, retry_after: timedelta | None = None
) -> GaussDBBackupError:
    """Make the error for an error response.

    After a server error, a call that `is_mutating` may have taken effect.
    """
    rule = find_rule(body.http_status, body.normalized_code)
    api_call = FailedApiCall(operation, body.http_status, body.error_code, body.request_id)
    code = f" {body.error_code}" if body.error_code else ""
    text = f"{operation}: the API returned {body.http_status}{code}{_quote(body, rule)}: {rule.advice}"
    if issubclass(rule.error, TryLater):
        effect = is_mutating and body.http_status >= 500  # noqa: PLR2004 - the class of server errors
        return rule.error(text, api_call=api_call, retry_after=retry_after, may_have_taken_effect=effect)
    return rule.error(text, api_call=api_call)


def make_iam_error(body: ErrorBody, *, operation: str) -> GaussDBBackupError:
    """Make the error for a token that IAM does not issue: the secret is to be corrected, not a request.

    IAM's words are never quoted: it was sent the password, and may show it in a form that is not recognized.
    """
    rule = find_rule(body.http_status, "")
    if rule in (BAD_REQUEST, NO_PATH):
        rule = NO_TOKEN
    api_call = FailedApiCall(operation, body.http_status, body.error_code, body.request_id)
    return rule.error(f"{operation}: IAM returned {body.http_status}: {rule.advice}", api_call=api_call)


def _quote(body: ErrorBody, rule: ErrorRule) -> str:
    """Quote the API's message, but not where it echoes what was signed, which may be a security token."""
    if not body.message or rule in (REFUSED, DENIED):
        return ""
    words = "".join(character if character.isprintable() else " " for character in body.message[:200])
    return f" ({words})"


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Parse a Retry-After header, in seconds or as a date; `None` where there is none that is well-formed."""
    try:
        delay = timedelta(seconds=int(value or "")) if (value or "").strip().isdigit() else _until(value, now)
    except (ValueError, OverflowError):
        return None
    return None if delay is None else min(max(delay, timedelta(0)), MAX_RETRY_AFTER)


def _until(value: str | None, now: datetime) -> timedelta | None:
    when = parse_date(value)
    return None if when is None else when - now


def parse_date(value: str | None) -> datetime | None:
    """Parse a time as headers have it; `None` where there is none, and for one that means nothing."""
    try:
        parsed = parsedate_to_datetime(value or "")
        when = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return when if EARLIEST <= when < LATEST else None
