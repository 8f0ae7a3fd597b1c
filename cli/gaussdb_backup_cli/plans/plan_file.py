"""Reading a file with plans: all that is wrong with it at once, each with its line."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.plan import parse_plan
from gaussdb_backup.domain.prune import parse_prune
from gaussdb_backup.domain.validation import shorten
from gaussdb_backup.errors import FieldProblem, InvalidRequest
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.plans import yaml_lines
from gaussdb_backup_cli.plans.models import PLAN_NAME, PlanFile, PlanOfFile
from gaussdb_backup_cli.plans.payloads import find_prefix, make_payloads
from gaussdb_backup_cli.plans.yaml_lines import Document, Place, Problem, Unquoted, read_yaml, show_path
from gaussdb_backup_cli.schedules import Kind
from gaussdb_backup_cli.times.timetable import parse_timetable

MOST_BYTES = 1_000_000
MOST_INPUT = 256 * 1024
"""Bytes of the payload of a schedule."""
PARTS = {Kind.BACKUP: "backup", Kind.AUDIT: "audit", Kind.PRUNE: "keep"}
"""Where a plan of the file has what becomes a schedule of each kind."""


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of a file that are right, and the problems of the others. `places` are those of the plans' names."""

    plans: Mapping[str, PlanOfFile]
    problems: list[Problem]
    document: Document

    def place_of(self, name: str, *path: str) -> Place:
        """Return the place of a plan, or of something in it."""
        return self.document.place_of(("plans", name, *path), key=not path)


def read_plan_file(path: Path) -> str:
    """Return the text of a file. Raises `CommandFailed` where it cannot be one with plans."""
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise _not_a_plan_file(path, f"is larger than {MOST_BYTES:,} bytes", "split it")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_a_plan_file(path, f"is not UTF-8 (byte {error.start + 1})", "save it as UTF-8") from None
    except IsADirectoryError:
        raise _not_a_plan_file(path, "is a folder", "name the file in it") from None
    except FileNotFoundError:
        raise _not_a_plan_file(path, "does not exist", "name a file with plans") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _not_a_plan_file(path, f"cannot be read: {reason}", "name a file with plans") from None


def _not_a_plan_file(path: Path, why: str, hint: str) -> CommandFailed:
    return CommandFailed("unreadable_file", f"{shorten(str(path)).strip("'")} {why}", hint, exit_code=Exit.USAGE)


def parse_plans(text: str, *, now: datetime) -> Plans:
    """Parse a file. A plan with a problem is not among its plans."""
    document = read_yaml(text)
    problems = list(document.problems)
    found: dict[str, PlanOfFile] = {}
    if document.data is None and problems:
        return Plans({}, problems, document)
    for name, data in _list_plans(document, problems):
        plan, wrong = _parse_plan(name, data, document, now)
        problems += wrong
        if plan and not wrong:
            found[name] = plan
    wrong_lines = {problem.path.split(".")[1] for problem in problems if problem.path.startswith("plans.")}
    right = {name: plan for name, plan in found.items() if name not in wrong_lines}
    return Plans(right, sorted(_without_consequences(problems, document)), document)


def _without_consequences(problems: list[Problem], document: Document) -> set[Problem]:
    """Leave out what is wrong with a value only because YAML has no value there that is meant."""
    misread = {problem.path for problem in document.problems}
    return {problem for problem in problems if problem in document.problems or problem.path not in misread}


def _list_plans(document: Document, problems: list[Problem]) -> Iterator[tuple[str, Any]]:
    """Yield the plans by their names; what is wrong with the file around them becomes problems.

    Only `plans: {}` has none: a file that is empty by mistake must not remove every plan.
    """
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("plans"), dict):
        path = ("plans",) if isinstance(data, dict) and "plans" in data else ()
        given = (
            "nothing" if data is None or (path and data["plans"] is None) else _shorten(data["plans"] if path else data)
        )
        message = f"expected {'plans by their names' if path else 'an object with plans'}; got {given}"
        problems.append(Problem(document.place_of(path), show_path(path), message))
    if not isinstance(data, dict):
        return
    for key in data:
        if key not in PlanFile.model_fields:
            message = "no such field (there is plans)"
            problems.append(Problem(document.place_of((key,), key=True), key, message))
    plans = data.get("plans")
    yield from plans.items() if isinstance(plans, dict) else ()


def _parse_plan(name: str, data: Any, document: Document, now: datetime) -> tuple[PlanOfFile | None, list[Problem]]:
    path = ("plans", name)
    problems: list[Problem] = []
    if not re.fullmatch(PLAN_NAME, name, re.ASCII):
        message = "a plan's name has 1 to 56 letters, digits, _ or -"
        problems.append(Problem(document.place_of(path, key=True), show_path(path), message))
    if not isinstance(data, dict):
        message = f"expected an object with a backup; got {_shorten(data)}"
        return None, [*problems, Problem(document.place_of(path), show_path(path), message)]
    try:
        plan = PlanOfFile.model_validate(data)
    except ValidationError as error:
        problems += [_explain(item, path, document) for item in error.errors()]
        return None, problems
    if not problems:
        problems = [*_find_wrong_schedules(plan, path, document, now), *_find_refused(name, plan, document, now)]
    return plan, problems


def _explain(item: Mapping[str, Any], base: yaml_lines.Path, document: Document) -> Problem:
    """Return one of pydantic's errors in words, at the line of its value."""
    inner: yaml_lines.Path = tuple(part for part in item["loc"] if part != "[key]")
    path = (*base, *inner)
    owner, description = _find_field(PlanOfFile, inner)
    if item["type"] == "extra_forbidden":
        known = ", ".join(field.alias or name for name, field in owner.model_fields.items())
        return Problem(document.place_of(path, key=True), show_path(path), f"no such field (there are {known})")
    expected = description or item["msg"]
    if item["type"] == "missing":
        return Problem(document.place_of(path), show_path(path), f"expected {expected}; got nothing")
    reason = item.get("ctx", {}).get("error")
    given = _shorten(item["input"]) + (f" ({reason})" if reason else "")
    message = f"expected {expected}; got {given}"
    if path in document.plain and item["type"] == "string_type":
        message = f'{document.plain[path]} is no text in YAML: write "{document.plain[path]}", in quotes'
    return Problem(document.place_of(path), show_path(path), message)


def _shorten(value: object) -> str:
    return value.text if isinstance(value, Unquoted) else shorten(value)


def _find_field(model: type[BaseModel], path: yaml_lines.Path) -> tuple[type[BaseModel], str | None]:
    """Return the innermost object that a path leads into, and the description of the field that it ends in."""
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    field = known.get(str(path[0])) if path else None
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    if len(path) > 1 and inner:
        return _find_field(inner[0], path[1:])
    return model, field.description if field else None


def _find_wrong_schedules(
    plan: PlanOfFile, path: yaml_lines.Path, document: Document, now: datetime
) -> Iterator[Problem]:
    for part in PARTS.values():
        content = getattr(plan, part)
        if content is None:
            continue
        where: yaml_lines.Path = (*path, part, "schedule")
        try:
            parse_timetable(content.schedule, plan.timezone, anchor=now)
        except ValueError as error:
            yield Problem(document.place_of(where), show_path(where), str(error))
    if plan.start and plan.end and plan.start >= plan.end:
        where = (*path, "until")
        yield Problem(document.place_of(where), show_path(where), "this is not later than from")


def _find_refused(name: str, plan: PlanOfFile, document: Document, now: datetime) -> Iterator[Problem]:
    """Yield what the functions would refuse in the payloads."""
    base: yaml_lines.Path = ("plans", name)
    where: yaml_lines.Path = (*base, "keep")
    if plan.keep and find_prefix(name, plan) is None:
        message = "expected a name_prefix: the names of name_template have no common beginning of two characters"
        yield Problem(document.place_of(where, key=True), show_path(where), message)
    for kind, payload in make_payloads(name, plan).items():
        size = len(encode(payload).encode())
        if size > MOST_INPUT:
            message = f"the payload has {size:,} bytes of at most {MOST_INPUT:,}: select fewer instances by their ids"
            yield Problem(document.place_of(base, key=True), show_path(base), message)
        for problem in _find_refused_fields(kind, payload, now):
            if problem.field.endswith("name_prefix") and find_prefix(name, plan) is None:
                continue
            where = _find_origin(base, kind, problem.field)
            yield Problem(document.place_of(where), show_path(where), str(problem).removeprefix(f"{problem.field}: "))


def _find_refused_fields(kind: Kind, payload: Mapping[str, Any], now: datetime) -> list[FieldProblem]:
    """Return what a function finds wrong with a payload."""
    data = {**payload, "scheduled_time": now.isoformat()}
    try:
        if kind is Kind.BACKUP:
            parse_plan(data, now=now)
        elif kind is Kind.AUDIT:
            parse_audit(data, default_time=now, now=now)
        else:
            parse_prune(data)
    except InvalidRequest as error:
        return list(error.problems)
    return []


def _find_origin(base: yaml_lines.Path, kind: Kind, field: str) -> yaml_lines.Path:
    """Return the path in the file of a field of a payload."""
    parts = field.removeprefix("prune.").split(".")
    if parts[0] == "name_template":
        return (*base, "backup", *parts)
    if parts[0] in PlanOfFile.model_fields:
        return (*base, *parts)
    return (*base, "keep" if field.startswith("prune.") else PARTS[kind], *parts)


def encode(payload: Mapping[str, Any]) -> str:
    """Return a payload as the schedules have it."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
