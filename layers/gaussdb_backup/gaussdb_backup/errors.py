"""The one tree of errors, classed by what whoever receives one does next.

GaussDBBackupError
├── FixRequest               the request can never succeed as it is: correct it
│   ├── InvalidRequest       … because one or more of its fields are wrong
│   ├── NameTaken            … because an older backup has the name
│   └── TooManyBackups       … because its instance has had as many as may be made in a day
├── FixConfiguration         settings, secret or permissions: an operator must act
│   ├── InvalidSettings      … the function's environment
│   ├── InvalidConnection    … the connection's secret: missing or malformed
│   ├── CredentialsRefused   … the API or IAM refused the credentials
│   └── PermissionDenied     … the credentials are good, but may not do this
├── TryLater                 nothing is wrong with the request: repeat it after a while
│   ├── InstanceBusy         … another operation runs on the instance
│   ├── CircuitBreakerOpen   … no call is made, since it might be one refused call too many
│   └── StateChangeRefused   … the event bus takes no event
└── GiveUp                   repeating will not help, and neither will another request
    └── StartWindowMissed    … the message was received after its start window
        └── PoisonMessage    … having ended its function again and again

Which class an API response becomes is decided in one place, `huawei/error_table.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

MAX_NAMED = 30
"""Wrong fields that a message names: a log record has an end, and a list of ids may have ten thousand."""


@dataclass(frozen=True, slots=True)
class FailedApiCall:
    """The API call that an error comes from; `None` where the response did not have it.

    `operation` is the client's name of the call ("create backup"); `request_id` is the API's, for support cases.
    `is_sent` is whether the API may have received it.
    """

    operation: str
    http_status: int | None = None
    error_code: str | None = None
    request_id: str | None = None
    is_sent: bool = True


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of a request, setting or secret: which, what was expected, what was given.

    `given` is `None` where nothing was given, and where the value must not be shown.
    """

    field: str
    expected: str
    given: str | None = None

    def __str__(self) -> str:
        """One clause of a message."""
        return f"{self.field}: expected {self.expected}" + ("" if self.given is None else f"; got {self.given}")


class GaussDBBackupError(Exception):
    """Base of every error of this application. `api_call` is set when the API returned the error."""

    def __init__(self, message: str, *, api_call: FailedApiCall | None = None) -> None:
        super().__init__(message)
        self.api_call = api_call

    @property
    def error_code(self) -> str | None:
        """The vendor's code, `DBS.…` or `APIGW.…`."""
        return self.api_call.error_code if self.api_call else None


class FixRequest(GaussDBBackupError):
    """The request can never succeed as it is."""


class _FieldErrors(GaussDBBackupError):
    """All wrong fields of one object. `subject` names the object ("backup request", "settings")."""

    def __init__(self, subject: str, problems: Sequence[FieldProblem]) -> None:
        more = [f"and {len(problems) - MAX_NAMED} more"] if len(problems) > MAX_NAMED else []
        super().__init__(f"invalid {subject}: " + " | ".join([*map(str, problems[:MAX_NAMED]), *more]))
        self.problems = tuple(problems)


class InvalidRequest(_FieldErrors, FixRequest):
    """Fields of a request are wrong; the message names each, of very many the first."""


class NameTaken(FixRequest):
    """Another backup of the instance has the name."""


class TooManyBackups(FixRequest):
    """The instance has had as many manual backups as may be made in a day."""


class FixConfiguration(GaussDBBackupError):
    """An operator must change settings, a secret or permissions."""


class InvalidSettings(_FieldErrors, FixConfiguration):
    """The function's environment is incomplete or wrong."""


class InvalidConnection(_FieldErrors, FixConfiguration):
    """A connection's secret is missing or malformed. Never carries a value of the secret."""


class CredentialsRefused(FixConfiguration):
    """The API or IAM refused the credentials. More than five of these in a row lock the access key."""


class PermissionDenied(FixConfiguration):
    """The credentials are known, but may not do this."""


class TryLater(GaussDBBackupError):
    """Repeat after `retry_after`, or after a delay of the caller's choice where that is `None`.

    `may_have_taken_effect` is true when the API may have done the work although no good response was received:
    list the backups before the call is repeated.
    """

    def __init__(
        self,
        message: str,
        *,
        api_call: FailedApiCall | None = None,
        retry_after: timedelta | None = None,
        may_have_taken_effect: bool = False,
    ) -> None:
        super().__init__(message, api_call=api_call)
        self.retry_after = retry_after
        self.may_have_taken_effect = may_have_taken_effect


class InstanceBusy(TryLater):
    """Another operation, perhaps another backup, runs on the instance."""


class CircuitBreakerOpen(TryLater):
    """No call was made, since credentials that are refused too often are locked.

    `is_refused` is true when these very credentials were refused a moment ago: read the secret again.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None, is_refused: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.is_refused = is_refused


class StateChangeRefused(TryLater):
    """The event bus refuses the event of a final status, which is logged and counted already."""


class GiveUp(GaussDBBackupError):
    """Neither repeating nor another request will help; a person must act."""


class StartWindowMissed(GiveUp):
    """A message was received so long after it was sent that it is not started any more, or not once more."""


class PoisonMessage(StartWindowMissed):
    """Each function that received the message ended before it had finished with it, until its start window was over."""
