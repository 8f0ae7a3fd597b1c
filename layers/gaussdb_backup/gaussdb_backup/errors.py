"""The one tree of errors, classed by what whoever receives one does next.

GaussDBBackupError
├── FixRequest               the request can never succeed as it is: correct it
│   ├── InvalidRequest       … because one or more of its fields are wrong
│   └── NameTaken            … because an older backup has the name
├── FixConfiguration         settings, secret or permissions: an operator must act
│   ├── InvalidSettings      … the function's environment
│   ├── InvalidConnection    … the connection's secret: missing or malformed
│   ├── CredentialsRefused   … the API or IAM refused the credentials
│   └── PermissionDenied     … the credentials are good, but may not do this
├── TryLater                 nothing is wrong with the request: repeat it after a while
│   ├── InstanceBusy         … another operation runs on the instance
│   ├── ConnectionPaused     … no call is made until the credentials had time to be corrected
│   └── NeverAnswered        … the function ended, time and again, before it could answer
└── GiveUp                   repeating will not help, and neither will another request

Whether an API answer becomes one or the other is decided in one place, `huawei/classification.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What is known of the API call an error came from; `None` where the answer did not say.

    `operation` is the name of the client's call ("create backup"); `request_id` is the API's, for support cases.
    """

    operation: str
    http_status: int | None = None
    error_code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of a request, setting or secret that is wrong: where, what was expected, what came.

    `came` is `None` where nothing came, and where what came must not be shown.
    """

    field: str
    expected: str
    came: str | None = None

    def __str__(self) -> str:
        """Read as one clause of a message."""
        return f"{self.field}: expected {self.expected}" + ("" if self.came is None else f"; got {self.came}")


class GaussDBBackupError(Exception):
    """Base of every error of ours. `api` is set when the error comes from an answer of the API."""

    def __init__(self, message: str, *, api: ApiAnswer | None = None) -> None:
        """Take the text for the reader and, where there was one, the API's answer."""
        super().__init__(message)
        self.api = api

    @property
    def error_code(self) -> str | None:
        """The vendor's code, `DBS.…` or `APIGW.…`."""
        return self.api.error_code if self.api else None


class FixRequest(GaussDBBackupError):
    """The request can never succeed as it is."""


class _FieldErrors(GaussDBBackupError):
    """An error made of the fields that are wrong, all of them at once."""

    def __init__(self, subject: str, problems: Sequence[FieldProblem]) -> None:
        """`subject` says what was read ("backup request", "settings")."""
        super().__init__(f"invalid {subject}: " + " | ".join(map(str, problems)))
        self.problems = tuple(problems)


class InvalidRequest(_FieldErrors, FixRequest):
    """Fields of a request are wrong; the message names each."""


class NameTaken(FixRequest):
    """Another backup of the instance has the name."""


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

    `may_have_taken_effect` is true when the API may have done the work although no good answer came:
    look before asking again.
    """

    def __init__(
        self,
        message: str,
        *,
        api: ApiAnswer | None = None,
        retry_after: timedelta | None = None,
        may_have_taken_effect: bool = False,
    ) -> None:
        """Take what the base takes, the wait the API asked for, and whether the work may be done already."""
        super().__init__(message, api=api)
        self.retry_after = retry_after
        self.may_have_taken_effect = may_have_taken_effect


class InstanceBusy(TryLater):
    """Another operation, perhaps another backup, runs on the instance."""


class ConnectionPaused(TryLater):
    """The credentials were refused a moment ago; calls go on by themselves after a pause."""


class NeverAnswered(TryLater):
    """Each function that took the message ended before it could answer."""


class GiveUp(GaussDBBackupError):
    """Neither repeating nor another request will help; a person must look."""
