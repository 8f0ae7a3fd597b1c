"""Which answer of the API means what: one table, by status and code, never by the text of a message.

Sources: contract, sections 7.2 (service) and 7.3 (gateway). A code may mean different things under different statuses,
so both are looked up; what the table does not list is decided by its status.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gaussdb_backup.errors import (
    ApiAnswer,
    CredentialsRefused,
    FixConfiguration,
    FixRequest,
    GaussDBBackupError,
    GiveUp,
    InstanceBusy,
    NameTaken,
    PermissionDenied,
    TryLater,
)
from gaussdb_backup.huawei.error_body import Failure

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A longer wait than this, which the API may ask for, is cut: a night's backups cannot wait for it."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The class of error, and what its reader does next."""

    error: type[GaussDBBackupError]
    advice: str


BAD_REQUEST = Meaning(FixRequest, "correct the request; repeating it as it is will not help")
NO_INSTANCE = Meaning(FixRequest, "check instance_id and that the connection is the one of its project")
NO_BACKUP = Meaning(FixRequest, "the backup is gone already, or was never in this project")
TAKEN = Meaning(NameTaken, "put {scheduled_time} into the name_template, or delete the backup that has the name")
BUSY = Meaning(InstanceBusy, "another operation runs on the instance; ask again later")
LATER = Meaning(TryLater, "ask again later")
THROTTLED = Meaning(TryLater, "too many calls; ask again later")
FROZEN = Meaning(GiveUp, "the instance is frozen: settle the account, then ask again")
FULL = Meaning(GiveUp, "the instance's storage is full: extend it, then ask again")
QUOTA = Meaning(GiveUp, "a quota of the project is used up: raise it, then ask again")
REFUSED = Meaning(CredentialsRefused, "correct the credentials in the connection's secret (and this machine's clock)")
DENIED = Meaning(PermissionDenied, "give the cloud user the permission, or use another connection")
NO_PATH = Meaning(FixConfiguration, "check endpoint and api_version in the connection's secret")
BROKEN = Meaning(GiveUp, "the gateway is misconfigured: open a support case with the request id")


def _rows(status: int, codes: Iterable[str], meaning: Meaning) -> dict[tuple[int, str], Meaning]:
    return {(status, code): meaning for code in codes}


def _dbs(numbers: str) -> list[str]:
    return [f"DBS.{number}" for number in numbers.split()]


def _apigw(numbers: str) -> list[str]:
    return [f"APIGW.{number}" for number in numbers.split()]


TABLE: dict[tuple[int, str], Meaning] = {
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

BY_STATUS: dict[int, Meaning] = {401: REFUSED, 403: DENIED, 408: LATER, 409: BUSY, 413: BAD_REQUEST, 429: THROTTLED}
"""What a status means where the table does not list its code. An unknown conflict counts as busy: that ends at the
deadline of its request, while refusing it for good might lose a backup over a code that is new."""


def find_meaning(http_status: int, error_code: str | None) -> Meaning:
    """Look an answer up; older gateways write `APIG.` for `APIGW.`."""
    code = (error_code or "").replace("APIG.", "APIGW.", 1)
    if known := TABLE.get((http_status, code)) or BY_STATUS.get(http_status):
        return known
    if http_status >= 500:  # noqa: PLR2004 - the class of server errors
        return LATER
    return BAD_REQUEST if http_status >= 400 else NO_PATH  # noqa: PLR2004 - a redirect means a wrong address


def make_error(
    failure: Failure, *, operation: str, changes: bool, retry_after: timedelta | None = None
) -> GaussDBBackupError:
    """Make the error for an answer that is no success.

    `changes` tells that the call changes something in the cloud: a server error may then have come after the work.
    """
    meaning = find_meaning(failure.http_status, failure.error_code)
    api = ApiAnswer(operation, failure.http_status, failure.error_code, failure.request_id)
    code = f" {failure.error_code}" if failure.error_code else ""
    text = f"{operation}: the API answered {failure.http_status}{code}{_quote(failure, meaning)}: {meaning.advice}"
    if issubclass(meaning.error, TryLater):
        effect = changes and failure.http_status >= 500  # noqa: PLR2004 - the class of server errors
        return meaning.error(text, api=api, retry_after=retry_after, may_have_taken_effect=effect)
    return meaning.error(text, api=api)


def make_iam_error(failure: Failure, *, operation: str) -> GaussDBBackupError:
    """Make the error for a token that IAM does not give: the secret is to be corrected, not a request."""
    meaning = find_meaning(failure.http_status, None)
    if not issubclass(meaning.error, FixRequest):
        return make_error(replace(failure, error_code=None), operation=operation, changes=False)
    api = ApiAnswer(operation, failure.http_status, failure.error_code, failure.request_id)
    advice = "check iam_endpoint, domain_name, user_name and project_id in the connection's secret"
    return FixConfiguration(f"{operation}: IAM answered {failure.http_status}: {advice}", api=api)


def _quote(failure: Failure, meaning: Meaning) -> str:
    """Quote the API's own words, but not where it echoes what was signed, which may be a security token."""
    if not failure.message or meaning in (REFUSED, DENIED):
        return ""
    words = "".join(character if character.isprintable() else " " for character in failure.message[:200])
    return f" ({words})"


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Read a Retry-After header, in seconds or as a date; `None` where there is none that can be read."""
    if not value:
        return None
    try:
        wait = timedelta(seconds=int(value)) if value.strip().isdigit() else _until(value, now)
    except (ValueError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


def _until(value: str, now: datetime) -> timedelta:
    when = parsedate_to_datetime(value)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
