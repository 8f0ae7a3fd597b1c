"""Connections from Secrets Manager (docs/reference/connection.md)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup.aws.error_code import aws_error_code
from gaussdb_backup.domain.connection import parse_connection
from gaussdb_backup.domain.models import Connection
from gaussdb_backup.errors import FieldProblem, InvalidConnection, TryLater

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

MAX_AGE = timedelta(minutes=5)
"""How long a secret is kept. No longer than a refused one is left alone: it is tried again only as it is then."""
_UNUSABLE = frozenset({"ResourceNotFoundException", "InvalidRequestException", "AccessDeniedException"})
"""The secret does not exist; it is marked for deletion; this function may not read it."""


class SecretConnection:
    """One connection, whose secret is kept for `MAX_AGE`."""

    def __init__(
        self,
        name: str,
        *,
        client: "SecretsManagerClient",
        prefix: str,
        allow_http: bool,
        now: Callable[[], datetime],
        on_read: Callable[[], None] | None = None,
    ) -> None:
        """`prefix` and `name` make the name of the secret; `on_read` is called each time that it was read."""
        self._name = name
        self._client = client
        self._secret_id = f"{prefix}{name}"
        self._allow_http = allow_http
        self._now = now
        self._on_read = on_read
        self._kept: tuple[Connection, datetime] | None = None

    def current(self, *, max_age: timedelta = MAX_AGE) -> Connection:
        """Return the connection, as read no longer than `max_age` ago.

        Raises `InvalidConnection`, or `TryLater` if Secrets Manager does not respond.
        """
        if self._kept and timedelta(0) <= self._now() - self._kept[1] < max_age:
            return self._kept[0]
        return self._read()

    def reread(self) -> Connection:
        """Return the connection as it is now. Raises as `current` does."""
        return self._read()

    def _read(self) -> Connection:
        read_at = self._now()
        try:
            secret = self._client.get_secret_value(SecretId=self._secret_id)
        except (BotoCoreError, ClientError) as error:
            raise self._make_error(error) from error
        if self._on_read:
            self._on_read()
        text = secret.get("SecretString") or secret.get("SecretBinary", b"")
        parsed = parse_connection(self._name, text, allow_http=self._allow_http)
        connection = parsed.model_copy(update={"version": secret["VersionId"]})
        self._kept = connection, read_at
        return connection

    def _make_error(self, error: BotoCoreError | ClientError) -> InvalidConnection | TryLater:
        code = aws_error_code(error)
        if code in _UNUSABLE:
            expected = f"a secret named '{self._secret_id}' that this function may read"
            return InvalidConnection(f"connection '{self._name}'", [FieldProblem("connection", expected, code)])
        return TryLater(
            f"Secrets Manager did not return the secret '{self._secret_id}' ({code}): it is read again later"
        )
