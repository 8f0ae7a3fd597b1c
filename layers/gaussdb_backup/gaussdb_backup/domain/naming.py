"""Names of backups, rendered from templates and checked against the API's rule (docs/reference/backup_request.md).

No name is cut or repaired silently: one that breaks the rule is refused, with what is wrong with it.
The one exception is an instance's name, in which characters that the API does not allow become `-`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from string import Formatter
from zoneinfo import ZoneInfo

from gaussdb_backup.domain.validation import shorten
from gaussdb_backup.errors import FieldProblem, InvalidRequest

MIN_LENGTH, MAX_LENGTH = 4, 64
FIELDS = ("instance_id", "instance_name", "schedule", "scheduled_time")

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
_PRECISION = re.compile(r"(\.[0-9]{1,3})?")
_DIRECTIVES = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")
"""What Python documents for strftime; other letters mean different things on different systems."""

_RULE = f"{MIN_LENGTH} to {MAX_LENGTH} characters, a letter first, then letters, digits, - or _"


def render_backup_name(
    template: str,
    *,
    instance_id: str,
    scheduled_time: datetime,
    timezone: str = "UTC",
    schedule: str | None = None,
    instance_name: str | None = None,
) -> str:
    """Render the name of the backup of one instance in one run.

    `scheduled_time` is aware and is shown in `timezone`. Raises `InvalidRequest` that says what is wrong with the
    template, or shows the rendered name with its length and the offending character. Same input, same name.
    """
    values: dict[str, str | datetime | None] = {
        "instance_id": instance_id,
        "instance_name": None if instance_name is None else _NOT_ALLOWED.sub("-", instance_name),
        "schedule": schedule,
        "scheduled_time": scheduled_time.astimezone(_zone(timezone)),
    }
    name = "".join(literal + _render(field, spec, values) for literal, field, spec in _parse(template))
    if problem := _find_problem(name):
        raise _invalid_template(
            f"a template that renders to {_RULE}", f"{shorten(name)} ({len(name)} characters): {problem}"
        )
    return name


def uses_instance_name(template: str) -> bool:
    """Return whether the template has the name of the instance. Raises `InvalidRequest` for a malformed template."""
    return any(field == "instance_name" for _, field, _ in _parse(template))


def _invalid_template(expected: str, given: str) -> InvalidRequest:
    return InvalidRequest("backup request", [FieldProblem("name_template", expected, given)])


def _zone(key: str) -> tzinfo:
    return UTC if key == "UTC" else ZoneInfo(key)


def _parse(template: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield (literal text, field or None, format spec), refusing all but plain fields."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise _invalid_template("Python format syntax", f"{shorten(template)} ({error})") from None
    for literal, field, spec, conversion in parts:
        if field is not None and field not in FIELDS:
            fields = ", ".join(f"{{{known}}}" for known in FIELDS)
            raise _invalid_template(f"only the fields {fields}", shorten(f"{{{field}}}"))
        if conversion is not None:
            raise _invalid_template("no conversions", f"{shorten('!' + conversion)} in {shorten(template)}")
        if "{" in (spec or "") or "}" in (spec or ""):
            raise _invalid_template("no fields inside a field", shorten(f"{{{field}:{spec}}}"))
        yield literal, field, spec or ""


def _render(field: str | None, spec: str, values: Mapping[str, str | datetime | None]) -> str:
    if field is None:
        return ""
    value = values[field]
    if value is None:
        raise _invalid_template(f"a value for '{{{field}}}'", f"a request whose {field} is not known")
    return _render_time(value, spec) if isinstance(value, datetime) else _render_text(field, value, spec)


def _render_text(field: str, value: str, spec: str) -> str:
    if not _PRECISION.fullmatch(spec):
        raise _invalid_template(f"nothing but a precision such as '{{{field}:.8}}'", shorten(f"{{{field}:{spec}}}"))
    return format(value, spec)


def _render_time(value: datetime, spec: str) -> str:
    if not spec:
        return value.strftime("%Y%m%dT%H%M%S") + ("Z" if value.tzinfo is UTC else "")
    directives = re.findall(r"%(.?)", spec, re.DOTALL)
    if wrong := next((each for each in directives if each not in _DIRECTIVES or not each), None):
        raise _invalid_template(
            "strftime directives that mean the same everywhere", f"{shorten('%' + wrong)} in {shorten(spec)}"
        )
    if spec.endswith("%") and len(directives[-1]) == 0:
        raise _invalid_template("a letter after the last %", shorten(f"{{scheduled_time:{spec}}}"))
    return value.strftime(spec)


def _find_problem(name: str) -> str | None:
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH:
        return f"it is too {'short' if len(name) < MIN_LENGTH else 'long'}"
    if match := _NOT_ALLOWED.search(name):
        return f"character {shorten(match.group())} at position {match.start() + 1} is not allowed"
    return None if name[0].isalpha() else f"it begins with {shorten(name[0])}, not with a letter"
