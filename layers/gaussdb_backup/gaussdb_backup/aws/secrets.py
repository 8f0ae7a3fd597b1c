"""Connections from Secrets Manager, by Powertools Parameters (docs/reference/connection.md)."""

from typing import cast

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from gaussdb_backup.domain.connection import parse_connection
from gaussdb_backup.domain.models import Connection
from gaussdb_backup.errors import FieldProblem, InvalidConnection, TryLater

MAX_AGE_SECONDS = 300
_MISSING = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""The secret does not exist; it is marked for deletion."""


class SecretConnection:
    """One connection, whose secret is cached for `MAX_AGE_SECONDS`."""

    def __init__(self, name: str, *, secrets: SecretsProvider, prefix: str, allow_http: bool) -> None:
        """`prefix` and `name` make the name of the secret."""
        self._name = name
        self._secrets = secrets
        self._secret_id = f"{prefix}{name}"
        self._allow_http = allow_http

    def current(self) -> Connection:
        """Return the connection as last read. Raises `InvalidConnection`, or `TryLater` if AWS does not respond."""
        return self._read(force_fetch=False)

    def reread(self) -> Connection:
        """Return the connection as it is in the store now. Raises as `current` does."""
        return self._read(force_fetch=True)

    def _read(self, *, force_fetch: bool) -> Connection:
        try:
            text = self._secrets.get(self._secret_id, max_age=MAX_AGE_SECONDS, force_fetch=force_fetch)
        except GetParameterError as error:
            raise self._make_error(error) from error
        # By its annotation it may be a mapping, which it is only where Powertools is to parse JSON.
        return parse_connection(self._name, cast("str | bytes", text), allow_http=self._allow_http)

    def _make_error(self, error: GetParameterError) -> InvalidConnection | TryLater:
        # Powertools wraps the AWS error, whose code alone distinguishes a wrong name from an outage.
        cause = error.__context__
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
        if code in _MISSING or code == "AccessDeniedException":
            expected = f"a secret named '{self._secret_id}' that this function may read"
            return InvalidConnection(f"connection '{self._name}'", [FieldProblem("connection", expected, code)])
        return TryLater(
            f"Secrets Manager did not return the secret '{self._secret_id}' ({code}): it is read again later"
        )
