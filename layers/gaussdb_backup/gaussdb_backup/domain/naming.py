"""Names of backups, rendered from templates and checked against the API's rule (docs/reference/backup_request.md).

No name is cut or repaired silently: one that breaks the rule is refused, with what is wrong with it.
The one exception is an instance's name, in which characters that the API does not allow become `-`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from string import Formatter
from zoneinfo import ZoneInfo

from gaussdb_backup.domain.validation import shorten
from gaussdb_backup.errors import FieldProblem, InvalidRequest

DEFAULT_NAME_TEMPLATE = "auto-{instance_id:.8}-{scheduled_time:%Y%m%dT%H%M%SZ}"
"""Shows UTC whatever the time zone of the request, as its `Z` says."""
MIN_LENGTH, MAX_LENGTH = 4, 64
FIELDS = ("instance_id", "instance_name", "schedule", "scheduled_time")

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")
_PRECISION = re.compile(r"(\.[0-9]{1,3})?")
_DIRECTIVES = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")
"""What Python documents for strftime; other letters mean different things on different systems."""

_RULE = f"{MIN_LENGTH} to {MAX_LENGTH} characters, a letter first, then letters, digits, - or _"

_SAMPLE_TIME = datetime(2026, 5, 1, tzinfo=UTC)


type _Part = tuple[str, str | None, str]
"""Literal text, the field behind it or `None`, the format spec of the field."""


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
    zone = "UTC" if template == DEFAULT_NAME_TEMPLATE else timezone
    values: dict[str, str | datetime | None] = {
        "instance_id": instance_id,
        "instance_name": None if instance_name is None else _NOT_ALLOWED.sub("-", instance_name),
        "schedule": schedule,
        "scheduled_time": scheduled_time.astimezone(_zone(zone)),
    }
    known = [field for field, value in values.items() if value is not None]
    name = "".join(literal + _render(field, spec, values) for literal, field, spec in _parse(template, known))
    if problem := _find_problem(name):
        text = f"{shorten(name)} ({len(name)} characters): {problem}"
        raise _invalid_template(_problem(f"a template that renders to {_RULE}", text))
    return name


def uses_instance_name(template: str) -> bool:
    """Return whether the template has the name of the instance. Raises `InvalidRequest` for a malformed template."""
    return any(field == "instance_name" for _, field, _ in _parse(template))


def shows_hour(template: str) -> bool:
    """Return whether two runs of one day, an hour apart, have different names. Raises as `uses_instance_name`."""
    shown = {
        "".join(_render(field, spec, {field: time}) for _, field, spec in _parse(template) if field == "scheduled_time")
        for time in (_SAMPLE_TIME, _SAMPLE_TIME + timedelta(hours=1))
    }
    return len(shown) > 1


def find_template_problems(template: str, known: Collection[str] = FIELDS) -> list[FieldProblem]:
    """Return all that is wrong with a template before it is rendered, one problem for each kind of fault.

    `known` are the fields that have a value.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return [_problem("Python format syntax", f"{shorten(template)} ({error})")]
    faults: dict[str, list[str]] = {}
    for _, field, spec, conversion in parts:
        if field is not None:
            for expected, given in _find_faults(field, spec or "", conversion):
                faults.setdefault(expected, []).append(given)
            if field in FIELDS and field not in known:
                faults.setdefault(f"a value for '{{{field}}}'", []).append(f"a request whose {field} is not known")
    return [_problem(expected, shorten(", ".join(dict.fromkeys(given)))) for expected, given in faults.items()]


def _find_faults(field: str, spec: str, conversion: str | None) -> Iterator[tuple[str, str]]:
    """Yield what was expected and what was given for each fault of one field: all but plain fields are refused."""
    if field not in FIELDS:
        yield f"only the fields {', '.join(f'{{{known}}}' for known in FIELDS)}", f"{{{field}}}"
    if conversion is not None:
        yield "no conversions", f"!{conversion}"
    if "{" in spec or "}" in spec:
        yield "no fields inside a field", f"{{{field}:{spec}}}"
    elif field == "scheduled_time":
        yield from (("strftime directives that mean the same everywhere", each) for each in _find_bad_directives(spec))
        if spec.replace("%%", "").endswith("%"):
            yield "a letter after the last %", f"{{{field}:{spec}}}"
    elif field in FIELDS and not _PRECISION.fullmatch(spec):
        yield "nothing but a precision such as '{instance_id:.8}'", f"{{{field}:{spec}}}"


def _find_bad_directives(spec: str) -> list[str]:
    return [f"%{each}" for each in re.findall(r"%(.)", spec, re.DOTALL) if each not in _DIRECTIVES]


def _problem(expected: str, given: str) -> FieldProblem:
    return FieldProblem("name_template", expected, given)


def _invalid_template(*problems: FieldProblem) -> InvalidRequest:
    return InvalidRequest("backup request", problems)


def _zone(key: str) -> tzinfo:
    return UTC if key == "UTC" else ZoneInfo(key)


def _parse(template: str, known: Collection[str] = FIELDS) -> list[_Part]:
    if problems := find_template_problems(template, known):
        raise _invalid_template(*problems)
    return [(literal, field, spec or "") for literal, field, spec, _ in Formatter().parse(template)]


def _render(field: str | None, spec: str, values: Mapping[str, str | datetime | None]) -> str:
    if field is None:
        return ""
    value = values[field]
    if isinstance(value, datetime) and not spec:
        return value.strftime("%Y%m%dT%H%M%S") + ("Z" if value.tzinfo is UTC else "")
    return format(value, spec)


def _find_problem(name: str) -> str | None:
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH:
        return f"it is too {'short' if len(name) < MIN_LENGTH else 'long'}"
    if match := _NOT_ALLOWED.search(name):
        return f"character {shorten(match.group())} at position {match.start() + 1} is not allowed"
    return None if name[0].isalpha() else f"it begins with {shorten(name[0])}, not with a letter"
