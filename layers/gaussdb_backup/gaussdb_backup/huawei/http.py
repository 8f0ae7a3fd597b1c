"""One HTTP request and its whole response by a deadline, or an error that names the operation."""

from dataclasses import dataclass, field

import httpx

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.errors import FailedApiCall, FixConfiguration, GaussDBBackupError, TryLater
from gaussdb_backup.huawei.network import Failure
from gaussdb_backup.huawei.transport import CallFailed

OPERATION = "operation"
"""The extension of a request that names its operation, where that is not the one of the API that was asked for."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the API. `path` is what follows the project id; `is_mutating` means that it changes the cloud.

    `api_prefix` is the first part of the path; `None` for that of the connection.
    """

    operation: str
    method: str
    path: str
    api_prefix: str | None = None
    is_mutating: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A whole response."""

    http_status: int
    headers: httpx.Headers
    content: bytes


def send(
    client: httpx.Client, http_request: httpx.Request, api_request: ApiRequest, *, deadline: Deadline
) -> ApiResponse:
    """Send one request, with whatever its authentication needs, and return the whole response.

    Raises `TryLater` for whatever may pass, `FixConfiguration` for what does not. Neither keeps an error of a library.
    """
    http_request.extensions["deadline"] = deadline
    failed = None
    try:
        response = client.send(http_request)
        return ApiResponse(response.status_code, response.headers, response.content)
    except CallFailed as error:
        failed = error.failure, error.request
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):  # from the values that are put into the request
        failed = Failure.ILLEGAL_REQUEST, http_request
    raise _make_error(*failed, api_request)


def _make_error(failure: Failure, failed: httpx.Request, api_request: ApiRequest) -> GaussDBBackupError:
    operation, host = failed.extensions.get(OPERATION, api_request.operation), failed.url.host
    api_call = FailedApiCall(operation, is_sent=failure.is_sent)
    if failure is Failure.CERTIFICATE:
        text = f"the certificate of {host} is not trusted: check the endpoint in the secret"
        return FixConfiguration(f"{operation}: {text}", api_call=api_call)
    if failure is Failure.ILLEGAL_REQUEST:
        return FixConfiguration(f"{operation}: {failure.value}: check the values in the secret", api_call=api_call)
    problem = f"{'no good response from' if failure.is_sent else 'no connection to'} {host} ({failure.value})"
    return TryLater(
        f"{operation}: {problem}: repeat it later; if it stays, check the endpoint in the secret",
        api_call=api_call,
        may_have_taken_effect=failure.is_sent and api_request.is_mutating and operation == api_request.operation,
    )
