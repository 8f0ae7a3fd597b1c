"""The report of the demo: whether everything held, then what was seen. Pure: an outcome in, lines out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from gaussdb_backup.domain.coverage import Coverage, State
from gaussdb_backup.reports.texts import STATE_WORDS, count, show_size

from .layout import Layout
from .outcome import Morning, Outcome
from .scenario import NAMES, OVERDUE_AFTER_SECONDS
from .typed import Typed
from .verify import WITH_BACKUP, ReportedRequest

NAME, STATUS, STATE, DECISION, BACKUP = 10, 10, 9, 9, 28
"""Widths of columns."""
ENDS = 2
"""How many backups are shown of the beginning and the end of a long list."""
SHOWN = "orders"
"""The instance whose dry run is shown."""
STYLE = {"COMPLETED": "green", "FAILED": "red", "OVERDUE": "red", "MISSING": "red", "Failing": "red", "Late": "yellow"}
WORDS = {
    "created": "created",
    "adopted": "its backup was found, no second one made",
    "rejected": "in the dead-letter queue with its reason",
    "deferred": "still deferred",
}
URGENCY = ("FAILED", "OVERDUE", "MISSING", "rejected", "skipped")
RUN = f"""\
The demo sends each schedule's payload at once, as EventBridge Scheduler does when it is due. Time is shortened: a \
backup takes seconds, and is overdue after {OVERDUE_AFTER_SECONDS} s."""

TYPED = """\
The schedules are new, and none has been due yet: what the demo ran by their payloads is listed as `other`."""


def write_report(outcome: Outcome, layout: Layout, files: Mapping[str, str]) -> list[str]:
    """Return the lines. `files` are the paths of what the demo wrote, by what they are."""
    parts = (
        conclude(outcome, layout),
        _show_plan(outcome, layout),
        _show_run(outcome.requests, layout),
        _show_audit(outcome.morning, layout, files["page"]),
        _show_prune(outcome.morning, layout),
        _show_notification(outcome, layout),
        _show_typed(outcome.typed, layout),
        _close(outcome, layout, files),
    )
    lines = [line for part in parts for line in ("", *part)]
    return lines[1:]


def conclude(outcome: Outcome, layout: Layout) -> Iterator[str]:
    """Yield whether every guarantee held, and which did not."""
    if outcome.differences:
        broken = count(len(outcome.differences), "difference")
        text = f"BROKEN: {broken} between what was reported and the cloud's own list."
        yield from layout.paragraph(text, "bold", "red", indent=2)
        for difference in outcome.differences:
            yield from layout.paragraph(f"- {difference}", indent=2)
        return
    backups = len({one.backup_id for one in outcome.requests if one.backup_id})
    deleted = outcome.morning.prune["counts"]["deleted"]
    text = (
        f"Held: {len(outcome.requests)} requests made {backups} backups, none twice, every end reported; one backup "
        f"closed the gap that the audit found; the prune deleted the {deleted} that the page foresaw, nothing else. "
        "The cloud's own list agrees."
    )
    yield from layout.paragraph(text, "bold", "green", indent=2)


def _title(number: int, text: str, layout: Layout) -> Iterator[str]:
    return layout.paragraph(f"{number}. {text}", "bold", indent=3)


def _show_plan(outcome: Outcome, layout: Layout) -> Iterator[str]:
    yield from _title(1, "The plan file, and the schedules that it makes", layout)
    yield from layout.quote(outcome.plan_file, is_wrapped=False)
    yield from _show_command(outcome.applied, layout)


def _show_command(typed: Typed, layout: Layout) -> Iterator[str]:
    yield layout.style(f"$ {typed.line}", "bold")
    yield from typed.printed.rstrip("\n").splitlines()


def _show_run(requests: Sequence[ReportedRequest], layout: Layout) -> Iterator[str]:
    yield from _title(2, "The run: each instance, its requests and how they ended", layout)
    yield from layout.paragraph(RUN, "dim")
    groups = [list(group) for _, group in groupby(sorted(requests, key=_name_of), key=_name_of)]
    known: set[str] = set()
    for group in sorted(groups, key=lambda each: min(map(_urgency, each))):
        name = _name_of(group[0])
        for one in group:
            status = one.status or one.outcome
            cells = [(name, NAME, ""), (status, STATUS, STYLE.get(status, "yellow"))]
            yield from layout.row(cells, f"{one.title}: {_result_of(one, known)}")
            known |= {one.backup_id} if one.backup_id else set()
            name = ""


def _name_of(one: ReportedRequest) -> str:
    return NAMES.get(one.instance_id, one.instance_id)


def _urgency(one: ReportedRequest) -> int:
    status = one.status or one.outcome
    return URGENCY.index(status) if status in URGENCY else len(URGENCY)


def _result_of(one: ReportedRequest, known: set[str]) -> str:
    """Return the outcome in words; `known` are the ids of the backups of the lines above."""
    if one.outcome == "adopted" and one.backup_id in known:
        return "the same backup"
    if one.outcome == "skipped":
        return one.reason
    words = WORDS.get(one.outcome, f"{one.outcome} {one.reason}".rstrip())
    return f"deferred, then {words}" if one.first == "deferred" and one.outcome in WITH_BACKUP else words


def _show_audit(morning: Morning, layout: Layout, page: str) -> Iterator[str]:
    yield from _title(3, "The audit of the next morning", layout)
    first, second = morning.audit, morning.audit_afterwards
    for one in first.instances:
        if one.state is not State.OK:
            requested = "; a backup is requested" if one.instance_id in first.catch_up else ""
            name, word = one.instance_name or one.instance_id, STATE_WORDS[one.state]
            yield from layout.row([(name, NAME, ""), (word, STATE, STYLE.get(word, ""))], f"{one.reason}{requested}")
    fine = sum(one.state is State.OK for one in first.instances)
    yield from layout.paragraph(f"The other {fine} are OK. Once the requested backup was there:")
    for name, before, after in _changes(first, second):
        yield from layout.row([(name, NAME, ""), (after, STATE, "green")], f"before: {before}")
    yield from layout.paragraph(f"The page of this audit, with every instance and its last thirty days: {page}")


def _changes(first: Coverage, second: Coverage) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each instance whose state changed, and its states."""
    before = {one.instance_id: STATE_WORDS[one.state] for one in first.instances}
    for one in second.instances:
        was, now = before.get(one.instance_id, "not audited"), STATE_WORDS[one.state]
        if was != now:
            yield one.instance_name or one.instance_id, was, now


def _show_prune(morning: Morning, layout: Layout) -> Iterator[str]:
    yield from _title(4, f"The prune: its dry run, of {SHOWN}, then what it deleted", layout)
    kept, gone = (_of_one(morning.dry_run[name]) for name in ("kept", "deleted"))
    for word, entries in (("keep", kept), ("would go", gone)):
        yield from _show_entries(word, entries, layout)
    done = morning.prune
    size = show_size(sum(each.get("size_mb") or 0 for each in done["deleted"]))
    counts = done["counts"]
    yield from layout.paragraph(
        f"Of all instances: deleted {counts['deleted']} ({size}), kept {counts['kept']}, failed {counts['failed']}."
    )


def _show_entries(word: str, entries: Sequence[Mapping[str, Any]], layout: Layout) -> Iterator[str]:
    """Yield the first two and the last two, where there are many more."""
    is_cut = len(entries) > 2 * ENDS + 1
    for number, each in enumerate(entries):
        if is_cut and number == ENDS:
            yield f"{word:<{DECISION}} {len(entries) - 2 * ENDS} others"
        if not is_cut or not ENDS <= number < len(entries) - ENDS:
            reasons = ", ".join(each.get("reasons") or [each.get("reason", "no rule keeps it")])
            yield from layout.row([(word, DECISION, ""), (each["backup_name"], BACKUP, "")], reasons)


def _of_one(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in entries if NAMES.get(each["instance_id"]) == SHOWN]


def _show_notification(outcome: Outcome, layout: Layout) -> Iterator[str]:
    yield from _title(5, f"What is mailed to {outcome.address}", layout)
    yield from layout.quote(outcome.notification)


def _show_typed(typed: Sequence[Typed], layout: Layout) -> Iterator[str]:
    yield from _title(6, "What an operator types", layout)
    yield from layout.paragraph(TYPED, "dim")
    for one in typed:
        yield ""
        yield from _show_command(one, layout)


def _close(outcome: Outcome, layout: Layout, files: Mapping[str, str]) -> Iterator[str]:
    for what, path in files.items():
        if what == "page":
            continue  # it has its line where the audit is
        yield from layout.row([(f"{what}:", 8, "")], path)
    style, word = ("red", "BROKEN: see the beginning of this report") if outcome.differences else ("green", "Held")
    yield layout.style(f"{word}.", "bold", style)
