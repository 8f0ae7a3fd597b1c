"""The event of an audit by hand, made of the payload of a schedule."""

from collections.abc import Mapping
from datetime import UTC, datetime
from string import Formatter
from typing import Any


def make_audit_event(
    payload: Mapping[str, Any], *, now: datetime, catch_up: bool = False, days: int | None = None
) -> dict[str, Any]:
    """Return the event of an audit like that of a schedule, at the time `now`.

    It has no `schedule`, which is a dimension of the metrics: an audit by hand neither ends nor sets off an alarm
    about those of the schedule, and has a page of its own. Where names of catch-up backups show it, it is written
    into their template.
    """
    event = {key: value for key, value in payload.items() if key != "schedule"}
    label, template = payload.get("schedule"), payload.get("name_template")
    if isinstance(label, str) and isinstance(template, str):
        event["name_template"] = write_schedule(template, label)
    if days is not None:
        event["days"] = days
    return event | {"catch_up": catch_up, "scheduled_time": format_time(now)}


def format_time(at: datetime) -> str:
    """Return a time in UTC, to the second, as the functions read it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def write_schedule(template: str, label: str) -> str:
    """Return a name template with the label of a schedule in place of its field; a malformed one as it is."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return template
    return "".join(_write(*part, label=label) for part in parts)


def _write(literal: str, field: str | None, spec: str | None, conversion: str | None, *, label: str) -> str:
    text = literal.replace("{", "{{").replace("}", "}}")
    if field is None:
        return text
    if field == "schedule" and conversion is None:
        try:
            return text + format(label, spec or "").replace("{", "{{").replace("}", "}}")
        except ValueError:
            pass  # a spec that the function refuses, as it is
    converted = f"!{conversion}" if conversion else ""
    return f"{text}{{{field}{converted}{f':{spec}' if spec else ''}}}"
