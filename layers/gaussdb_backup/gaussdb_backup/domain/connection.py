"""Parsing of a connection's secret: flat JSON, one cloud project (docs/reference/connection.md).

No value of a secret ever gets into an error: the errors name keys and what is expected of them.
"""

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.domain.validation import Strict, to_field_problems
from gaussdb_backup.errors import FieldProblem, InvalidConnection

_BY_KEY = ("access_key", "secret_key")
_BY_PASSWORD = ("iam_endpoint", "domain_name", "user_name", "password")


def _check_endpoint(value: str) -> str:
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise ValueError("not an address")
    if parts.path not in ("", "/") or any(c.isspace() for c in value) or (parts.port == 0):
        raise ValueError("not an address")
    return value.rstrip("/")


Filled = Annotated[str, Field(min_length=1, strict=True, pattern=r"^\S(.*\S)?$")]
Hidden = Annotated[SecretStr, Field(min_length=1)]
Endpoint = Annotated[str, AfterValidator(_check_endpoint)]


class _Secret(Strict):
    endpoint: Endpoint = Field(description="an address such as https://gaussdb-mysql.eu-de.otc.t-systems.com")
    project_id: str = Field(pattern=r"^[A-Za-z0-9]{32}$", description="32 letters or digits")
    access_key: Filled | None = Field(default=None, description="text without spaces around it")
    secret_key: Hidden | None = Field(default=None, description="text")
    security_token: Hidden | None = Field(default=None, description="text")
    iam_endpoint: Endpoint | None = Field(
        default=None, description="an address such as https://iam.eu-de.otc.t-systems.com"
    )
    domain_name: Filled | None = Field(default=None, description="text without spaces around it")
    user_name: Filled | None = Field(default=None, description="text without spaces around it")
    password: Hidden | None = Field(default=None, description="text")
    api_version: Literal["mysql/v3", "v3"] = Field(default="mysql/v3", description="mysql/v3 or v3")


def parse_connection(name: str, text: str | bytes, *, allow_http: bool = False) -> Connection:
    """Parse the secret of the connection `name`. Raises `InvalidConnection` that names every wrong key.

    `allow_http` admits endpoints without TLS, for local runs.
    """
    subject = f"secret of connection '{name}'"
    data = {key: value for key, value in _parse_object(text, subject).items() if value not in ("", None)}
    try:
        secret = _Secret.model_validate(data)
    except ValidationError as error:
        raise InvalidConnection(subject, to_field_problems(error, _Secret, show_values=False)) from None
    if problems := [*_check_tls(secret, allow_http=allow_http), *_check_pairs(frozenset(data))]:
        raise InvalidConnection(subject, problems)
    return Connection(
        endpoint=secret.endpoint,
        project_id=secret.project_id,
        api_version=secret.api_version,
        credentials=_credentials(secret),
    )


def _parse_object(text: str | bytes, subject: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidConnection(
            subject, [FieldProblem("SecretString", "a flat JSON object (docs/reference/connection.md has its keys)")]
        )
    return data


def _check_tls(secret: _Secret, *, allow_http: bool) -> list[FieldProblem]:
    addresses = {"endpoint": secret.endpoint, "iam_endpoint": secret.iam_endpoint or ""}
    plain = [key for key, address in addresses.items() if address.startswith("http:") and not allow_http]
    return [FieldProblem(key, "an https address (http only where ALLOW_HTTP_ENDPOINT is true)") for key in plain]


def _check_pairs(keys: frozenset[str]) -> list[FieldProblem]:
    """Exactly one way to authenticate, and all of it."""
    methods = [method for method in (_BY_KEY, _BY_PASSWORD) if keys.intersection(method)]
    if len(methods) != 1:
        given = "both" if methods else "neither"
        expected = f"either {' and '.join(_BY_KEY)}, or {', '.join(_BY_PASSWORD)}"
        return [FieldProblem("credentials", expected, given)]
    return [
        FieldProblem(key, f"a value, since {next(key for key in methods[0] if key in keys)} is given", "nothing")
        for key in methods[0]
        if key not in keys
    ]


def _credentials(secret: _Secret) -> AccessKey | PasswordUser:
    if secret.access_key and secret.secret_key:
        return AccessKey(
            access_key=secret.access_key, secret_key=secret.secret_key, security_token=secret.security_token
        )
    return PasswordUser.model_validate(secret.model_dump(include=set(_BY_PASSWORD)))
