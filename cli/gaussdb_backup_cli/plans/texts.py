"""How the commands for plan files show their results to a person."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gaussdb_backup.reports.texts import clean, count
from gaussdb_backup_cli.plans.difference import Action, Change

MOST_NAMED = 10
"""Instances of one kind that are listed."""
LABEL = 10
DONE = {Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed"}


def labelled(label: str, text: str, width: int, *, indent: int = 0) -> str:
    """Return a text behind a label, wrapped below itself. No word is broken."""
    first = f"{' ' * indent}{label:<{LABEL - 1}} "
    return textwrap.fill(
        clean(text),
        max(width, len(first) + 20),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def show_check(result: Mapping[str, Any], width: int) -> str:
    """Show what is wrong with a file, what is hardly meant, and when its schedules run."""
    file = result["file"]
    lines = [_summarize(result)]
    for kind, entries in (("ERROR", result["problems"]), ("WARNING", result["warnings"])):
        for entry in entries:
            about = ".".join(filter(None, [entry["plan"], entry["path"]])) if kind == "WARNING" else entry["path"]
            where = f"{file}:{entry['line']}:{entry['column']}: {about}{': ' if about else ''}"
            lines.append(labelled(kind, f"{where}{entry['message']}", width))
    for plan in result["plans"]:
        lines += ["", *_show_plan(plan, width)]
    return "\n".join(lines)


def _summarize(result: Mapping[str, Any]) -> str:
    problems, warnings, plans = (len(result[key]) for key in ("problems", "warnings", "plans"))
    file = clean(result["file"])
    if problems:
        return f"{file} has {count(problems, 'error')}"
    well = "" if warnings else ", all well"
    return f"{file} has {count(plans, 'plan')}{well}" + (f" and {count(warnings, 'warning')}" if warnings else "")


def _show_plan(plan: Mapping[str, Any], width: int) -> Iterator[str]:
    state = ", paused" if plan["paused"] else ""
    yield f"{clean(plan['name'])}{state}, times in {plan['timezone']}"
    zone = ZoneInfo(plan["timezone"])
    for schedule in plan["schedules"]:
        yield labelled(schedule["kind"], schedule["expression"], width, indent=2)
        for time in schedule["next"]:
            utc = datetime.fromisoformat(time["utc"])
            in_utc = "" if plan["timezone"] == "UTC" else f" = {utc:%Y-%m-%d %H:%M} UTC"
            yield f"{' ' * (LABEL + 2)}{utc.astimezone(zone):%Y-%m-%d %H:%M %Z}{in_utc}"
    if plan["instances"] is not None:
        yield from _show_instances(plan["instances"], width)


def _show_instances(instances: Mapping[str, Any], width: int) -> Iterator[str]:
    if instances["failure"]:
        yield labelled("instances", f"not known: {instances['failure']}", width, indent=2)
        return
    numbers = ", ".join(f"{len(instances[kind])} {kind}" for kind in ("rejected", "skipped", "queued"))
    yield labelled("instances", numbers, width, indent=2)
    for kind in ("rejected", "skipped"):
        for each in instances[kind][:MOST_NAMED]:
            yield labelled(kind, f"{_name(each)}: {each.get('reason') or 'no reason given'}", width, indent=4)
        yield from _rest(instances[kind])
    for each in instances["queued"][:MOST_NAMED]:
        yield labelled("name", str(each.get("backup_name") or _name(each)), width, indent=4)
    yield from _rest(instances["queued"])


def _rest(entries: Sequence[Any]) -> Iterator[str]:
    if len(entries) > MOST_NAMED:
        yield f"    … and {len(entries) - MOST_NAMED:,} more"


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("instance_name") or entry.get("instance_id") or "?")


def show_diff(pending: Sequence[Change], unchanged: int, width: int) -> str:
    """Show each difference, field by field."""
    lines: list[str] = []
    for change in pending:
        lines.append(f"{change.action.upper():<{LABEL - 1}} {clean(change.name)}")
        for field in change.fields:
            values = f"{_value(field.deployed)} → {_value(field.file)}"
            lines.append(labelled("", f"{field.field}: {values}", width))
    return "\n".join([*lines, summarize(pending, unchanged)])


def _value(value: str | None) -> str:
    return "absent" if value is None else clean(value)


def summarize(pending: Sequence[Change], unchanged: int) -> str:
    """Return how many schedules differ."""
    if not pending:
        return f"no difference: {count(unchanged, 'schedule')} as in the file"
    numbers = {action: sum(change.action is action for change in pending) for action in DONE}
    parts = ", ".join(f"{number} to {action}" for action, number in numbers.items() if number)
    return f"{count(len(pending), 'difference')}: {parts}; {unchanged} unchanged"


def show_applied(done: Sequence[Change], left: Sequence[Change], unchanged: int, *, is_failed: bool) -> str:
    """Show what was done, and what was not: failures first."""
    lines: list[str] = []
    if is_failed:
        lines.append(f"{'FAILED':<{LABEL - 1}} {clean(left[0].name)} ({left[0].action})")
    rest = left[1:] if is_failed else left
    lines += [f"{'not done':<{LABEL - 1}} {clean(change.name)} ({change.action})" for change in rest]
    lines += [f"{DONE[change.action]:<{LABEL - 1}} {clean(change.name)}" for change in done]
    if not done and not left:
        return summarize((), unchanged)
    return "\n".join([*lines, f"{len(done)} done, {len(left)} not done, {unchanged} unchanged"])
