"""Strict parsing of our own formats: every wrong field at once, in words that an operator can act on.

The `description` of a field is what its error gives as expected, so the two cannot differ.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from gaussdb_backup.errors import FieldProblem, InvalidRequest

MAX_SHOWN = 80
"""Characters of a wrong value that an error message shows."""


class Strict(BaseModel):
    """A value in a format of our own: frozen, typed without coercion, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def shorten(value: object) -> str:
    """Render a value on one line of about `MAX_SHOWN` characters at most; of an object or a list the type only."""
    if isinstance(value, str):
        text = ascii(value) if not value.isprintable() else f"'{value}'"
    elif value is None or isinstance(value, bool | int | float):
        text = json.dumps(value) if not isinstance(value, int) or abs(value) < 10**MAX_SHOWN else "a huge number"
    else:
        return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def to_field_problems(
    error: ValidationError, model: type[BaseModel], *, show_values: bool = True
) -> list[FieldProblem]:
    """Convert pydantic's errors: one problem for each field, in the order in which pydantic found them."""
    problems = {
        problem.field: problem for problem in (_to_field_problem(item, model, show_values) for item in error.errors())
    }
    return list(problems.values())


def _to_field_problem(item: Mapping[str, Any], model: type[BaseModel], show_values: bool) -> FieldProblem:  # noqa: FBT001
    field = shorten(".".join(str(part) for part in item["loc"])).strip("'")
    owner, known = _find_owner(model, item["loc"])
    if item["type"] == "extra_forbidden":
        return FieldProblem(field, f"no such field (there are {', '.join(owner.model_fields)})")
    expected = (known.description if known else None) or item["msg"]
    if item["type"] == "missing":
        return FieldProblem(field, expected, "nothing")
    given = shorten(item["input"]) if show_values else None
    reason = item.get("ctx", {}).get("error")
    return FieldProblem(field, expected, f"{given} ({reason})" if given and reason else given)


def _find_owner(model: type[BaseModel], path: Sequence[str | int]) -> tuple[type[BaseModel], FieldInfo | None]:
    """Return the innermost object that a path leads into, and its field on the path, if it has that."""
    known = model.model_fields.get(str(path[0])) if path else None
    kinds = (known.annotation, *get_args(known.annotation)) if known else ()
    inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    if len(path) > 1 and inner:
        return _find_owner(inner[0], path[1:])
    return model, known


def parse_object(text: str | bytes, subject: str) -> dict[str, Any]:
    """Parse a JSON object. Raises `InvalidRequest` that names `body` for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        given = "nothing" if not text.strip() else f"text that is not JSON ({shorten(str(error)).strip("'")})"
        raise InvalidRequest(subject, [FieldProblem("body", "a JSON object", given)]) from None
    return require_object(data, subject)


def require_object(data: object, subject: str) -> dict[str, Any]:
    """Return `data` if it is an object, else raise `InvalidRequest` that names `body`."""
    if not isinstance(data, dict):
        raise InvalidRequest(subject, [FieldProblem("body", "a JSON object", shorten(data))])
    return data


def parse_strictly[T: Strict](
    model: type[T], data: Mapping[str, Any], subject: str, *, context: Mapping[str, Any] | None = None
) -> T:
    """Validate `data` as `model`; its validators see the `context`. Raises `InvalidRequest` with every wrong field."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise InvalidRequest(subject, to_field_problems(error, model)) from None
