"""Strict reading of what we define ourselves: every wrong field at once, in words an operator can act on.

A field says what is expected in its `description`; that text is the error's, so the two cannot part.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gaussdb_backup.errors import FieldProblem, InvalidRequest

SHOWN = 80
"""Characters of a wrong value that a message shows."""


class Strict(BaseModel):
    """A value of ours: frozen, typed without coercion, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def shorten(value: object) -> str:
    """Show a value on one line of at most about `SHOWN` characters, its type where that is the news."""
    if isinstance(value, str):
        text = ascii(value) if not value.isprintable() else f"'{value}'"
    elif value is None or isinstance(value, bool | int | float):
        text = json.dumps(value) if not isinstance(value, int) or abs(value) < 10**SHOWN else "a huge number"
    else:
        return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def explain(error: ValidationError, model: type[BaseModel], *, show_values: bool = True) -> list[FieldProblem]:
    """Turn pydantic's findings into ours, one for each field, in the order of the model."""
    problems = {problem.field: problem for problem in (_explain(item, model, show_values) for item in error.errors())}
    return list(problems.values())


def _explain(item: Mapping[str, Any], model: type[BaseModel], show_values: bool) -> FieldProblem:  # noqa: FBT001
    path = [str(part) for part in item["loc"]]
    field = shorten(".".join(path)).strip("'")
    known = model.model_fields.get(path[0]) if path else None
    if item["type"] == "extra_forbidden":
        return FieldProblem(field, f"no such field (there are {', '.join(model.model_fields)})")
    expected = (known.description if known else None) or item["msg"]
    if item["type"] == "missing":
        return FieldProblem(field, expected, "nothing")
    came = shorten(item["input"]) if show_values else None
    reason = item.get("ctx", {}).get("error")
    return FieldProblem(field, expected, f"{came} ({reason})" if came and reason else came)


def parse_object(text: str | bytes, subject: str) -> dict[str, Any]:
    """Read a JSON object. Raises `InvalidRequest` that names `body` for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        came = "nothing" if not text.strip() else f"text that is not JSON ({shorten(str(error)).strip("'")})"
        raise InvalidRequest(subject, [FieldProblem("body", "a JSON object", came)]) from None
    return require_object(data, subject)


def require_object(data: object, subject: str) -> dict[str, Any]:
    """Return `data` if it is an object, else raise `InvalidRequest` that names `body`."""
    if not isinstance(data, dict):
        raise InvalidRequest(subject, [FieldProblem("body", "a JSON object", shorten(data))])
    return data


def parse_strictly[T: Strict](model: type[T], data: Mapping[str, Any], subject: str) -> T:
    """Read `data` as `model`. Raises `InvalidRequest` that names every wrong field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest(subject, explain(error, model)) from None
