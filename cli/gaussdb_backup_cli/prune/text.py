"""A prune as text: what goes and what stays of each instance, and why, then the totals."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from zoneinfo import ZoneInfo

from gaussdb_backup.reports.texts import clean, count, show_size, show_time
from gaussdb_backup_cli.audit.coverage_table import columns, fit
from gaussdb_backup_cli.prune.result import LISTS, Entry, Pruned

DONE = {"failed": "FAILED", "deferred": "deferred", "deleted": "deleted", "kept": "kept"}
FORESEEN = DONE | {"deleted": "would go"}
WORD, TIME, SIZE = 8, 16, 7
"""Widths of the columns; the name has what the longest needs, the reason what is left."""


def render_prune(pruned: Pruned, *, width: int, hint: str) -> str:
    """Return lines of at most `width` columns, but for a longer name of a backup, which is never cut.

    `hint` is the command that makes of a dry run a prune.
    """
    groups = _group(pruned)
    longest = max((columns(clean(each.backup_name)) for group in groups for each in group), default=0)
    is_wide = 2 + WORD + 2 + TIME + 2 + longest + 2 + SIZE + 2 + 20 <= width
    lines = [*_head(pruned, width)]
    for group in groups:
        lines += ["", _title(group[0].instance_id, pruned.names)]
        lines += [line for each in group for line in _draw(each, pruned, width, longest if is_wide else None)]
    lines += ["", *(part for line in _close(pruned) for part in wrap(line, width, subsequent_indent="  "))]
    if pruned.is_dry_run and pruned.counts["deleted"] and not pruned.refused:
        lines.append(f"delete them: {hint}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def describe_deletion(pruned: Pruned) -> str:
    """Return what is about to be deleted, by a dry run."""
    instances = len({each.instance_id for each in pruned.entries() if each.outcome == "deleted"})
    of_all = "" if pruned.cut else f" of {count(instances, 'instance')}"
    kept = pruned.counts["kept"]
    return f"{count(pruned.counts['deleted'], 'backup')}{of_all}, {_show_size(pruned)}; {kept:,} are kept"


def _group(pruned: Pruned) -> list[list[Entry]]:
    """Return the entries by instance; those of which a deletion failed first, then those of which something goes."""
    entries = sorted(pruned.entries(), key=lambda each: each.instance_id)
    groups = [list(group) for _, group in groupby(entries, key=lambda each: each.instance_id)]

    def rank(group: Sequence[Entry]) -> tuple[int, str, str]:
        id_ = group[0].instance_id
        return min(LISTS.index(each.outcome) for each in group), pruned.names.get(id_, "~"), id_

    return sorted(groups, key=rank)


def _head(pruned: Pruned, width: int) -> Iterator[str]:
    zone = pruned.payload.get("timezone", "UTC")
    what = "dry run, nothing is deleted" if pruned.is_dry_run else "deletes"
    yield from wrap(f"PRUNE  plan {clean(pruned.plan)} · {what} (times in {zone})", width, subsequent_indent="  ")
    keep = pruned.payload.get("keep")
    rules = ", ".join(f"{key} {value}" for key, value in keep.items()) if isinstance(keep, Mapping) else "-"
    prefix = str(pruned.payload.get("name_prefix", ""))
    of_names = f"of names that begin with {prefix}" if prefix else "of any name"
    yield from wrap(f"rules: {clean(rules)}; {clean(of_names)}", width, subsequent_indent="  ")
    floor = pruned.minimum_good
    good = "newest good backup stays" if floor == 1 else f"{floor} newest good backups stay"
    yield from wrap(f"floor: of each instance the {good} (minimum_good)", width, subsequent_indent="  ")
    if pruned.refused:
        yield from wrap(f"REFUSED  {clean(pruned.refused)}", width, subsequent_indent="  ")


def _title(instance_id: str, names: Mapping[str, str]) -> str:
    name = names.get(instance_id)
    if name is None:
        return f"{clean(instance_id)} (not, or no longer, in the project)" if instance_id else "of no instance"
    return f"{clean(name)}  {clean(instance_id)}"


def _draw(each: Entry, pruned: Pruned, width: int, name_width: int | None) -> Iterator[str]:
    word = (FORESEEN if pruned.is_dry_run else DONE)[each.outcome]
    zone = ZoneInfo(str(pruned.payload.get("timezone", "UTC")))
    time = show_time(each.begin_time, zone) if each.begin_time else "no begin"
    size = show_size(each.size_mb) if each.size_mb is not None else "?"
    head = f"  {word:<{WORD}}  {time:<{TIME}}"
    name, reason = clean(each.backup_name), clean(each.reason)
    if name_width is not None:
        line = f"{head}  {fit(name, name_width)}  {size:>{SIZE}}  "
        first, *more = wrap(reason, width - columns(line)) or [""]
        yield line + first
        yield from (" " * columns(line) + part for part in more)
        return
    yield from wrap(f"{head[2:]}  {size:>{SIZE}}  {reason}", width, initial_indent="  ", subsequent_indent=" " * 12)
    yield f"{'':12}{name}"


def _close(pruned: Pruned) -> Iterator[str]:
    counts = pruned.counts
    for name, listed in pruned.cut:
        part = f"the first {listed:,} of {counts[name]:,} are listed"
        yield f"{DONE[name]}: {part}, a response of Lambda has 6 MB at most"
    if pruned.response["not_found"]:
        yield f"not found: {clean(', '.join(pruned.response['not_found']))}"
    if counts["failed"]:
        yield f"FAILED: {count(counts['failed'], 'backup')}, which the next prune tries again"
    if counts["deferred"]:
        yield f"deferred: {count(counts['deferred'], 'backup')}, which a later prune deletes"
    verb = "would go" if pruned.is_dry_run else "deleted"
    yield f"{verb}: {count(counts['deleted'], 'backup')}, {_show_size(pruned)}; kept: {counts['kept']:,}"


def _show_size(pruned: Pruned) -> str:
    return f"{'' if pruned.is_size_known else 'at least '}{show_size(pruned.size_mb)}"
