"""Connections from Secrets Manager, through Powertools Parameters (design, section 3.3)."""

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
    """One connection: reads its secret, remembers it for `MAX_AGE_SECONDS`, reads it anew when asked to."""

    def __init__(self, name: str, *, secrets: SecretsProvider, prefix: str, allow_http: bool) -> None:
        """`prefix` and `name` make the name of the secret."""
        self._name = name
        self._secrets = secrets
        self._secret_id = f"{prefix}{name}"
        self._allow_http = allow_http

    def current(self) -> Connection:
        """Return the connection as last read. Raises `InvalidConnection`, or `TryLater` if AWS does not answer."""
        return self._read(force_fetch=False)

    def reread(self) -> Connection:
        """Return the connection as it is in the store now. Raises as `current` does."""
        return self._read(force_fetch=True)

    def _read(self, *, force_fetch: bool) -> Connection:
        try:
            text = self._secrets.get(self._secret_id, max_age=MAX_AGE_SECONDS, force_fetch=force_fetch)
        except GetParameterError as error:
            raise self._explain(error) from error
        # Powertools says it might be a mapping, which it is only for those who ask it to read JSON.
        return parse_connection(self._name, cast("str | bytes", text), allow_http=self._allow_http)

    def _explain(self, error: GetParameterError) -> InvalidConnection | TryLater:
        # Powertools wraps the AWS error, whose code is all that tells a wrong name from a bad moment.
        cause = error.__context__
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
        if code in _MISSING or code == "AccessDeniedException":
            expected = f"a secret named '{self._secret_id}' that this function may read"
            return InvalidConnection(f"connection '{self._name}'", [FieldProblem("connection", expected, code)])
        return TryLater(
            f"Secrets Manager did not give the secret '{self._secret_id}' ({code}): it is asked again later"
        )
