"""The instances that a prune selects, with their names, which the response of a prune does not have."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gaussdb_backup.domain.backup_request import INSTANCE_ID
from gaussdb_backup.reports.texts import clean
from gaussdb_backup_cli.failure import CommandFailed, Exit

if TYPE_CHECKING:
    from gaussdb_backup_cli.stack import Stack

MAX_NAMED = 10
"""Candidates that an error names."""


def read_names(stack: "Stack", payload: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the selected instances that the project has, by their ids. Raises as `Stack.invoke` does.

    A dry run of a plan with the same criteria lists them.
    """
    plan = {key: payload[key] for key in ("connection", "select") if key in payload}
    response = stack.invoke("DispatchBackups", {**plan, "dry_run": True})
    entries = [entry for action in ("queued", "skipped", "rejected") for entry in response.get(action, ())]
    return {entry["instance_id"]: entry.get("instance_name") or "" for entry in entries if entry.get("instance_name")}


def choose_ids(given: Sequence[str], names: Mapping[str, str], payload: Mapping[str, Any]) -> list[str]:
    """Return the ids of the instances that were given by id or name. Raises `CommandFailed`.

    With `include_orphans` an id that the project does not have may be that of a deleted instance.
    """
    ids = [_choose(each, names, may_be_gone=payload.get("include_orphans") is True) for each in given]
    select = payload.get("select")
    allowed = select.get("instance_ids") if isinstance(select, Mapping) else None
    if allowed is not None and (others := [each for each in ids if each not in allowed]):
        raise _usage(f"the plan does not select {', '.join(others)}", names)
    return sorted(set(ids))


def _choose(given: str, names: Mapping[str, str], *, may_be_gone: bool) -> str:
    if given in names:
        return given
    found = sorted(id_ for id_, name in names.items() if name == given)
    if len(found) > 1:
        raise CommandFailed(
            "ambiguous_instance",
            f"several instances have the name {given}",
            f"name one by its id: {', '.join(found[:MAX_NAMED])}",
            exit_code=Exit.USAGE,
        )
    if not found and not (may_be_gone and re.fullmatch(INSTANCE_ID, given)):
        raise _usage(f"the plan selects no instance {given}", names)
    return found[0] if found else given


def _usage(message: str, names: Mapping[str, str]) -> CommandFailed:
    known = sorted(clean(name) for name in names.values())
    more = f" and {len(known) - MAX_NAMED:,} more" if len(known) > MAX_NAMED else ""
    hint = f"there are: {', '.join(known[:MAX_NAMED]) or 'none'}{more}"
    return CommandFailed("no_instance", message, hint, exit_code=Exit.USAGE)
