"""Lambda's API for the functions of the stack, which run in this process.

What a client that operates a stack calls: Invoke, GetFunctionConfiguration, GetAccountSettings, GetEventSourceMapping,
and UpdateEventSourceMapping to disable one and enable it again.
"""

import json
import re
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from .physical_ids import Mapped, find_mappings
from .stack import FUNCTION, Stack
from .wsgi import Request, Response, respond_json

ALIAS, VERSION = "live", "1"
_FUNCTION = re.compile(r"/2015-03-31/functions/(?:arn:aws:lambda:[^:]+:\d+:function:)?([\w-]+)(?::([^/]+))?/(\w+)")
_MAPPING = re.compile(r"/2015-03-31/event-source-mappings/([\w-]+)/?")
_LIMITS = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
"""Of an account that nobody has changed."""
_SHARED = ("Architectures", "Handler", "MemorySize", "Runtime", "Timeout")

type Invoke = Callable[[str, object], Any]
"""Runs a function, by its logical id, with an event; returns its response, or raises what it raises."""


@dataclass
class LambdaApi:
    """Handles Lambda's calls. `disabled` are the queues, by logical id, whose messages are not delivered.

    An asynchronous invocation is attempted once: that Lambda repeats one, and where a failed one goes, is not emulated.
    """

    stack: Stack
    invoke: Invoke
    disabled: set[str] = field(default_factory=set)
    _later: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    def close(self) -> None:
        """Wait for the asynchronous invocations that run; those that wait are dropped."""
        self._later.shutdown(cancel_futures=True)

    def __call__(self, request: Request) -> Response:
        """Handle a call."""
        if found := _FUNCTION.fullmatch(request.path.rstrip("/")):
            name, qualifier, operation = found.groups()
            qualifier = qualifier or request.query.get("Qualifier")
            logical_id = self._names.get(name)
            if logical_id is None or qualifier not in (None, ALIAS, VERSION, "$LATEST"):
                return _missing(f"Function not found: {name}:{qualifier or '$LATEST'}")
            match request.method, operation:
                case "POST", "invocations":
                    return self._invoke(logical_id, request)
                case "GET", "configuration":
                    return respond_json(HTTPStatus.OK, self._configuration(logical_id, qualifier))
        if found := _MAPPING.fullmatch(request.path):
            return self._handle_mapping(found[1], request)
        if request.path.rstrip("/") == "/2016-08-19/account-settings":
            return respond_json(HTTPStatus.OK, {"AccountLimit": _LIMITS})
        return _missing(f"Lambda is emulated without {request.method} {request.path}", "UnknownOperationException")

    @property
    def _names(self) -> dict[str, str]:
        resources = self.stack.template["Resources"].items()
        return {self.stack.resources[name]: name for name, each in resources if each["Type"] == FUNCTION}

    def _invoke(self, logical_id: str, request: Request) -> Response:
        try:
            event = json.loads(request.body or b"{}")
        except ValueError as error:
            message = {"Type": "User", "message": f"Could not parse request body into json: {error}"}
            return respond_json(HTTPStatus.BAD_REQUEST, message, x_amzn_ErrorType="InvalidRequestContentException")
        match request.headers.get("X_AMZ_INVOCATION_TYPE", "RequestResponse"):
            case "DryRun":
                return Response(HTTPStatus.NO_CONTENT)
            case "Event":
                self._later.submit(self.invoke, logical_id, event)
                return Response(HTTPStatus.ACCEPTED)
        headers = {"X_Amz_Executed_Version": VERSION}
        try:
            return respond_json(HTTPStatus.OK, self.invoke(logical_id, event), **headers)
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime reports whatever a function raises
            return respond_json(HTTPStatus.OK, _describe(error), **headers, X_Amz_Function_Error="Unhandled")

    def _configuration(self, logical_id: str, qualifier: str | None) -> dict[str, Any]:
        own = self.stack.resolve(self.stack.template["Resources"][logical_id]["Properties"])
        shared = self.stack.resolve(self.stack.template["Globals"]["Function"])
        arn = self.stack.attributes[f"{logical_id}.Arn"]
        return {
            "FunctionName": self.stack.resources[logical_id],
            "FunctionArn": f"{arn}:{qualifier}" if qualifier else arn,
            "Description": own["Description"],
            "Role": own["Role"],
            **{name: own.get(name, shared[name]) for name in _SHARED},
            "Environment": {"Variables": self.stack.environment(logical_id)},
            "Version": "$LATEST" if qualifier in (None, "$LATEST") else VERSION,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
        }

    def _handle_mapping(self, uuid: str, request: Request) -> Response:
        mapped = next((each for each in find_mappings(self.stack) if each.uuid == uuid), None)
        if mapped is None:
            return _missing("The resource you requested does not exist.")
        if request.method == "PUT" and "Enabled" in (changed := json.loads(request.body)):
            (self.disabled.discard if changed["Enabled"] else self.disabled.add)(mapped.queue)
        return respond_json(HTTPStatus.OK, self._describe_mapping(mapped))

    def _describe_mapping(self, mapped: Mapped) -> Mapping[str, Any]:
        return {
            "UUID": mapped.uuid,
            "BatchSize": mapped.properties["BatchSize"],
            "EventSourceArn": mapped.properties["Queue"],
            "FunctionArn": f"{self.stack.attributes[f'{mapped.function}.Arn']}:{ALIAS}",
            "State": "Disabled" if mapped.queue in self.disabled else "Enabled",
            "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": mapped.properties["FunctionResponseTypes"],
        }


def _describe(error: Exception) -> dict[str, Any]:
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _missing(message: str, kind: str = "ResourceNotFoundException") -> Response:
    return respond_json(HTTPStatus.NOT_FOUND, {"Type": "User", "Message": message}, x_amzn_ErrorType=kind)
