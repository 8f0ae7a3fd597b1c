"""Parsing of a connection's secret: flat JSON, one cloud project (docs/reference/connection.md).

No value of a secret ever gets into an error: the errors name keys and what is expected of them.
"""

import json
import re
from ipaddress import IPv4Address, ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.domain.validation import Strict, to_field_problems
from gaussdb_backup.errors import FieldProblem, InvalidConnection

_BY_KEY = ("access_key", "secret_key")
_BY_PASSWORD = ("iam_endpoint", "domain_name", "user_name", "password")

_ADDRESS = re.compile(r"https?://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MAX_HOST, _MAX_PORT = 253, 65535
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What can be sent as a header; a blank or a line break comes from copying."""
_NAME_OF_A_KEY = re.compile(r"[A-Za-z_]{1,32}")
"""What an unknown key of a secret must look like for an error to name it: it might be a value in the wrong column."""


def _check_endpoint(value: str) -> str:
    address = _ADDRESS.fullmatch(value.lower())
    if address is None or not _is_host(address["host"]) or not 1 <= int(address["port"] or 443) <= _MAX_PORT:
        raise ValueError("not an address")
    return value.lower().rstrip("/")


def _is_host(host: str) -> bool:
    labels = host.split(".")
    try:
        if host.startswith("["):
            ip_address(host.strip("[]"))
        elif labels[-1].isdigit():
            IPv4Address(host)
    except ValueError:
        return False
    return host.startswith("[") or (len(host) <= _MAX_HOST and all(map(_LABEL.fullmatch, labels)))


def _check_visible(value: SecretStr) -> SecretStr:
    if not _VISIBLE.fullmatch(value.get_secret_value()):
        raise ValueError("other characters")
    return value


def _check_printable(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError("other characters")
    return value


_TEXT = "text without spaces around it"
_VISIBLE_TEXT = "printable ASCII characters without spaces or line breaks"
_ADDRESS_TEXT = "an address without path and query such as https://"

Filled = Annotated[str, Field(min_length=1, strict=True, pattern=r"^\S(.*\S)?$")]
Visible = Annotated[str, Field(strict=True, pattern=r"^[\x21-\x7e]+$")]
Hidden = Annotated[SecretStr, Field(min_length=1), AfterValidator(_check_printable)]
HiddenVisible = Annotated[SecretStr, Field(min_length=1), AfterValidator(_check_visible)]
Endpoint = Annotated[str, AfterValidator(_check_endpoint)]


class _Secret(Strict):
    endpoint: Endpoint = Field(description=f"{_ADDRESS_TEXT}gaussdb-mysql.eu-de.otc.t-systems.com")
    project_id: str = Field(pattern=r"^[A-Za-z0-9]{32}$", description="32 letters or digits")
    access_key: Visible | None = Field(default=None, description=_VISIBLE_TEXT)
    secret_key: HiddenVisible | None = Field(default=None, description=_VISIBLE_TEXT)
    security_token: HiddenVisible | None = Field(default=None, description=_VISIBLE_TEXT)
    iam_endpoint: Endpoint | None = Field(default=None, description=f"{_ADDRESS_TEXT}iam.eu-de.otc.t-systems.com")
    domain_name: Filled | None = Field(default=None, description=_TEXT)
    user_name: Filled | None = Field(default=None, description=_TEXT)
    password: Hidden | None = Field(default=None, description="text without line breaks and other control characters")
    api_version: Literal["mysql/v3", "v3"] = Field(default="mysql/v3", description="mysql/v3 or v3")


def parse_connection(name: str, text: str | bytes, *, allow_http: bool = False) -> Connection:
    """Parse the secret of the connection `name`. Raises `InvalidConnection` that names every wrong key.

    `allow_http` admits endpoints without TLS, for local runs.
    """
    subject = f"secret of connection '{name}'"
    data = {key: value for key, value in _parse_object(text, subject).items() if value not in ("", None)}
    secret, problems = _validate(data)
    if secret is not None:
        problems = [*_check_tls(secret, allow_http=allow_http), *_check_pairs(frozenset(data))]
    if secret is None or problems:
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


def _validate(data: dict[str, Any]) -> tuple[_Secret | None, list[FieldProblem]]:
    """Return errors as values: one that is raised while another is handled would keep that, and the secret in it."""
    unknown = [key for key in data if key not in _Secret.model_fields and not _NAME_OF_A_KEY.fullmatch(key)]
    if unknown:
        expected = f"no other keys than {', '.join(_Secret.model_fields)}"
        return None, [FieldProblem("SecretString", expected, f"{len(unknown)} that are no words")]
    try:
        return _Secret.model_validate(data), []
    except ValidationError as error:
        return None, to_field_problems(error, _Secret, show_values=False)


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
    if methods[0] is _BY_PASSWORD and "security_token" in keys:
        expected = "no such key beside user_name and password: it belongs to a temporary access_key"
        return [FieldProblem("security_token", expected)]
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
