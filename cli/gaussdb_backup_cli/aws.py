"""The AWS account that a command talks to, and its refusals in words that say what to do."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)

from gaussdb_backup_cli.failure import CommandFailed

LOCAL_ENDPOINT = "http://127.0.0.1:8002"
LOCAL_VARIABLE = "GAUSSDB_BACKUP_LOCAL_ENDPOINT"
LOCAL_REGION = "eu-central-1"
INVOCATION = Config(read_timeout=930, connect_timeout=10, retries={"total_max_attempts": 1}, tcp_keepalive=True)
"""Longer than the longest timeout of a function. One attempt: an invocation that is repeated may be another run."""
OTHERS = Config(read_timeout=30, connect_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})
DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
UNKNOWN_KEY = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "AuthFailure",
)
LOG_IN = "log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True, slots=True)
class Account:
    """An account in one region. `client` returns the boto3 client of a service, always the same one."""

    region: str
    client: Callable[[str], Any]
    is_local: bool = False


def open_account(*, profile: str | None, region: str | None, local: bool) -> Account:
    """Return the account of the given or the configured credentials; with `local` the one on this machine.

    Raises `CommandFailed` where there is no region, or there are no credentials. No call is made.
    """
    import boto3

    if local:
        session = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - no secret: the local endpoint takes any
            region_name=LOCAL_REGION,
        )
        return Account(LOCAL_REGION, _Clients(session, os.environ.get(LOCAL_VARIABLE, LOCAL_ENDPOINT)), is_local=True)
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            raise CommandFailed(
                "no_region", "no AWS region is set", "give --region, or: export AWS_DEFAULT_REGION=eu-central-1"
            )
        if session.get_credentials() is None:
            raise CommandFailed("no_credentials", "no AWS credentials were found", LOG_IN)
    except BotoCoreError as error:
        raise explain(error) from error
    return Account(session.region_name, _Clients(session, None))


class _Clients:
    """Makes each client once."""

    def __init__(self, session: Any, endpoint: str | None) -> None:
        self._session = session
        self._endpoint = endpoint
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._made:
            config = INVOCATION if service == "lambda" else OTHERS
            try:
                self._made[service] = self._session.client(service, endpoint_url=self._endpoint, config=config)
            except ValueError as error:
                if isinstance(error, BotoCoreError):
                    raise
                hint = f"correct {LOCAL_VARIABLE if self._endpoint else 'AWS_ENDPOINT_URL'}"
                raise CommandFailed("bad_endpoint", str(error), hint) from error
        return self._made[service]


def is_denied(error: ClientError) -> bool:
    """Return whether AWS refused the caller for want of a permission."""
    return any(part in str(error.response["Error"]["Code"]) for part in DENIED)


def explain(error: BotoCoreError | ClientError) -> CommandFailed:
    """Return what an error of AWS means to the person who typed the command."""
    text = " ".join(str(error).split())
    if isinstance(error, ClientError):
        return CommandFailed(*_explain_refusal(error, text))
    for kinds, code, hint in _MEANT:
        if isinstance(error, kinds):
            return CommandFailed(code, text, hint)
    return CommandFailed("aws_error", text, "check the AWS configuration: aws sts get-caller-identity")


_MEANT: tuple[tuple[tuple[type[BotoCoreError], ...], str, str], ...] = (
    ((ProfileNotFound,), "no_profile", "give a --profile that `aws configure list-profiles` lists"),
    ((NoCredentialsError, PartialCredentialsError), "no_credentials", LOG_IN),
    ((ReadTimeoutError,), "no_answer", "see what was done with `gaussdb-backup status`, then repeat it"),
    ((AwsConnectionError, HTTPClientError), "no_connection", "check the network, the proxy and the region"),
)


def _explain_refusal(error: ClientError, text: str) -> tuple[str, str, str]:
    code = str(error.response["Error"]["Code"])
    if is_denied(error):
        return "not_allowed", text, "get this permission (docs/deploying.md), then repeat it"
    if code in EXPIRED:
        return "expired_credentials", text, "log in to AWS again, then repeat it"
    if code in UNKNOWN_KEY:
        return "refused_credentials", text, f"check the credentials: {LOG_IN}"
    return "aws_error", text, "repeat it; if that does not help: gaussdb-backup doctor"
