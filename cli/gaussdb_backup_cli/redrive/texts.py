"""Dead letters as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from textwrap import wrap

from gaussdb_backup.reports.texts import clean, count, show_age
from gaussdb_backup_cli.redrive.dead_letter_queue import DeadLetter
from gaussdb_backup_cli.redrive.listing import Listed, describe
from gaussdb_backup_cli.redrive.sending import Redriven
from gaussdb_backup_cli.times.moments import show_zone

SHOWN_ID = 8
"""Characters of an id: enough to name a message by."""


def render_list(listed: Sequence[Listed], *, zone: tzinfo, now: datetime, width: int, hint: str) -> str:
    """Return the messages of each queue with their age and reason; `hint` is the command that sends them again."""
    total = sum(each.count for each in listed)
    if not total and not any(each.stopped_by for each in listed):
        return f"No dead letters: {count(len(listed), 'queue')} empty.\n"
    lines = [f"DEAD LETTERS  {total:,}"]
    can_be_sent = False
    for each in listed:
        if each.count or each.stopped_by:
            lines += ["", *_render_queue(each, zone=zone, now=now, width=width)]
            can_be_sent = can_be_sent or (each.queue.advice is None and bool(each.count))
    if can_be_sent:
        lines += ["", "Remove the cause, then send them again:", f"  {hint}"]
    return "\n".join(lines) + "\n"


def _render_queue(listed: Listed, *, zone: tzinfo, now: datetime, width: int) -> Iterator[str]:
    yield f"{listed.queue.name}: {listed.count:,}"
    for message in listed.messages:
        yield from _render_message(message, zone=zone, now=now, width=width)
    if listed.not_received:
        yield from wrap(
            f"about {listed.not_received:,} more: another receiver holds them, or there are too many to list",
            width, initial_indent="  ", subsequent_indent="    ",
        )  # fmt: skip
    if listed.stopped_by:
        yield from wrap(clean(f"FAILED  it could not be read: {listed.stopped_by}"), width, initial_indent="  ")
    if listed.queue.advice:
        yield from wrap(f"→ {listed.queue.advice}", width, initial_indent="  ", subsequent_indent="    ")


def _render_message(message: DeadLetter, *, zone: tzinfo, now: datetime, width: int) -> Iterator[str]:
    subject = describe(message)
    names = {"instance": subject.instance_id, "plan": subject.schedule, "backup": subject.backup_id}
    about = "  ".join(f"{key} {clean(value)}" for key, value in names.items() if value) or "body of another form"
    text = f"{message.id[:SHOWN_ID]}  {show_age(message.sent_at, now)} ago, {show_zone(message.sent_at, zone)}  {about}"
    yield from wrap(text, width, initial_indent="  ", subsequent_indent=" " * 12, break_on_hyphens=False)
    codes = dict.fromkeys(each for each in (subject.error_type, subject.error_code) if each)
    why = " ".join(codes) or "no reason: SQS moved it after the most deliveries"
    reason = f"{why}: {subject.error_message}" if subject.error_message else why
    indent = " " * 12
    yield from wrap(clean(reason), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def render_redriven(results: Mapping[str, Redriven], others: Mapping[str, int], advice: Mapping[str, str]) -> str:
    """Return what became of the messages of each queue; `others` counts those that cannot be sent again."""
    lines = [f"{name}: {clean(str(result))}" for name, result in results.items()]
    lines += [f"{name}: {number:,} left  → {advice[name]}" for name, number in others.items() if number]
    if any(result.needs_you for result in results.values()):
        lines.append("Not all messages were sent again. Remove the cause, then run it again.")
    return "\n".join(lines) + "\n"
