"""Functions of a stack that return what a test gives, in place of the real ones."""

import io
import json
from collections.abc import Mapping
from typing import Any

from tests.helpers.command_line import StackUnderTest


def respond_by(stack: StackUnderTest, **responses: Any) -> list[tuple[str, Any]]:
    """Have functions return these responses, by name, each the next time the next of a list; return what is invoked.

    A response with an `errorType` is that of a function that failed. Other functions are the real ones.
    """
    invoked: list[tuple[str, Any]] = []
    real = stack.client("lambda").invoke

    def invoke(*, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:
        [name] = [key[: -len("FunctionAliasArn")] for key, arn in stack.outputs.items() if arn == FunctionName]
        invoked.append((name, json.loads(Payload)))
        if name not in responses:
            found: Mapping[str, Any] = real(FunctionName=FunctionName, Payload=Payload)
            return found
        response = responses[name]
        response = response.pop(0) if isinstance(response, list) else response
        failure = {"FunctionError": "Unhandled"} if isinstance(response, dict) and "errorType" in response else {}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(response).encode()), **failure}

    stack.change("lambda", invoke=invoke)
    return invoked
