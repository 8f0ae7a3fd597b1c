"""Instances of a connection's project, found by what a person types."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gaussdb_backup.reports.texts import clean
from gaussdb_backup_cli.failure import CommandFailed, Exit
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind
from gaussdb_backup_cli.stack import Stack

MAX_NAMED = 10
"""Candidates that an error names."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: its id and its name."""

    id: str
    name: str

    @property
    def title(self) -> str:
        """What a person knows it by: the name, without what would change how a terminal shows it."""
        return clean(self.name) or clean(self.id)


def choose_connection(given: str | None, schedules: Sequence[DeployedSchedule]) -> str:
    """Return the connection that was given, or that of the stack's own plan, the first of its backup schedules."""
    if given:
        return given
    plans = [each for each in schedules if each.kind is Kind.BACKUP]
    found = plans[0].payload.get("connection") if plans else None
    return found if isinstance(found, str) and found else "default"


def list_instances(stack: Stack, connection: str) -> list[Instance]:
    """Return the instances of a project, by a dry run of a plan that selects all. Raises as `Stack.invoke` does."""
    response = stack.invoke("DispatchBackups", {"connection": connection, "dry_run": True})
    entries = [entry for action in ("queued", "skipped", "rejected") for entry in response.get(action, ())]
    return [Instance(entry["instance_id"], entry.get("instance_name") or "") for entry in entries]


def choose_instance(instances: Iterable[Instance], given: str) -> Instance:
    """Return the instance of this name or id, or the only one whose name or id begins so. Raises `CommandFailed`."""
    known = sorted(instances, key=lambda one: (one.name, one.id))
    whole = [one for one in known if given in (one.name, one.id)]
    found = whole or [one for one in known if one.name.startswith(given) or one.id.startswith(given)]
    if len(found) == 1:
        return found[0]
    if found:
        names = _name(found, with_ids=len({one.name for one in found}) < len(found))
        raise CommandFailed(
            "ambiguous_instance", f"several instances are meant by {given}", f"name one: {names}", exit_code=Exit.USAGE
        )
    raise CommandFailed(
        "no_instance",
        f"the project has no instance whose name or id begins with {given}",
        f"there are: {_name(known, with_ids=False)}",
        exit_code=Exit.USAGE,
    )


def _name(instances: Sequence[Instance], *, with_ids: bool) -> str:
    names = [f"{one.title} ({one.id})" if with_ids else one.title for one in instances[:MAX_NAMED]]
    more = len(instances) - len(names)
    return (", ".join(names) or "none") + (f" and {more:,} more" if more else "")
