"""Functions of a stack that return what a test gives, in place of the real ones."""

import io
import json
from collections.abc import Mapping
from typing import Any

from tests.helpers.command_line import StackUnderTest


def answer_by(stack: StackUnderTest, **answers: Any) -> list[tuple[str, Any]]:
    """Have functions return these answers, by name, each the next time the next of a list; return what is invoked.

    An answer with an `errorType` is that of a function that failed. Other functions are the real ones.
    """
    invoked: list[tuple[str, Any]] = []
    real = stack.client("lambda").invoke

    def invoke(*, FunctionName: str, Payload: bytes) -> Mapping[str, Any]:
        [name] = [key[: -len("FunctionAliasArn")] for key, arn in stack.outputs.items() if arn == FunctionName]
        invoked.append((name, json.loads(Payload)))
        if name not in answers:
            found: Mapping[str, Any] = real(FunctionName=FunctionName, Payload=Payload)
            return found
        answer = answers[name]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        failure = {"FunctionError": "Unhandled"} if isinstance(answer, dict) and "errorType" in answer else {}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **failure}

    stack.change("lambda", invoke=invoke)
    return invoked
