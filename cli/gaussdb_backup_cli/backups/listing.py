"""The manual backups of a project, as a dry run of a prune that keeps everything lists them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gaussdb_backup.domain.models import Backup
from gaussdb_backup_cli.backups.instances import list_instances
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.times.moments import show_utc

KEEP_ALL: Mapping[str, Any] = {"all_names": True, "name_prefix": "", "keep": {"last": -1}, "dry_run": True}
SHORTEST_ID = 8
"""Characters that are shown of an id at least."""
_LISTS = ("kept", "deleted", "deferred", "failed")


@dataclass(frozen=True, slots=True)
class ListedBackup:
    """A backup, whether the rules of the dry run that listed it keep it, and why."""

    backup: Backup
    is_kept: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupList:
    """Backups, the newest first. `total` is how many there are: more than are listed where the list was cut.

    A cut list is complete for the instances whose ids come before `complete_before`.
    """

    listed: Sequence[ListedBackup] = ()
    total: int = 0
    complete_before: str | None = None
    refused: str | None = None
    _by_instance: Mapping[str, Sequence[Backup]] = field(default_factory=dict)

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are listed: a response of Lambda has at most 6 MB."""
        return len(self.listed) < self.total

    @property
    def backups(self) -> Sequence[Backup]:
        """The backups, without what was decided about them."""
        return [one.backup for one in self.listed]

    def of_instance(self, instance_id: str) -> Sequence[Backup]:
        """Return the backups of an instance, the newest first."""
        return self._by_instance.get(instance_id, ())

    def is_complete_for(self, instance_id: str) -> bool:
        """Return whether no backup of an instance is missing from the list."""
        return self.complete_before is None or instance_id < self.complete_before


def list_backups(
    stack: Stack, connection: str, instance_ids: Sequence[str] | None = None, *, with_orphans: bool = False
) -> BackupList:
    """Return the manual backups of the instances that the project has; of all of them where none are given.

    With orphans also those of instances that the project no longer has. Nothing is deleted, counted or published by
    it. Raises as `Stack.invoke` does.
    """
    select = {} if instance_ids is None else {"select": {"instance_ids": list(instance_ids)}}
    event = {"connection": connection, **select, **KEEP_ALL, "include_orphans": with_orphans}
    return parse_list(stack.invoke("PruneBackups", event))


def list_all_backups(stack: Stack, connection: str) -> BackupList:
    """Return the manual backups of all instances of a project, with as many calls as their list needs.

    It is cut only where the backups of a single instance are more than a response has. Raises as `Stack.invoke` does.
    """
    parts = [list_backups(stack, connection)]
    if parts[0].is_cut:
        left = [one.id for one in list_instances(stack, connection)]
        while parts[-1].is_cut:
            before, left = len(left), [id_ for id_ in left if not parts[-1].is_complete_for(id_)]
            if len(left) == before and len(parts) > 1:
                break
            parts.append(list_backups(stack, connection, left))
    return _merge(parts)


def _merge(parts: Sequence[BackupList]) -> BackupList:
    """Return one list of several, the last of which is for the instances that the others are not complete for."""
    by_id = {one.backup.id: one for part in parts for one in part.listed}
    listed = sorted(by_id.values(), key=_newest_first)
    last = parts[-1]
    return BackupList(
        listed=listed,
        total=parts[0].total if last.is_cut else len(listed),
        complete_before=last.complete_before,
        _by_instance=_group(listed),
    )


def apply_retention(stack: Stack, payload: Mapping[str, Any], instance_id: str) -> BackupList:
    """Return what the prune of a schedule would do now about the backups of one instance: none if it is not selected.

    Raises as `Stack.invoke` does.
    """
    select = payload.get("select")
    narrowed = {**(select if isinstance(select, Mapping) else {}), "instance_ids": [instance_id]}
    named = select.get("instance_ids") if isinstance(select, Mapping) else None
    if isinstance(named, list) and instance_id not in named:
        return BackupList()
    event = {key: value for key, value in payload.items() if key != "scheduled_time"}
    return parse_list(stack.invoke("PruneBackups", {**event, "select": narrowed, "dry_run": True}))


def parse_list(response: Mapping[str, Any]) -> BackupList:
    """Return the backups of the response of a prune."""
    counts = response.get("counts", {})
    listed = [_parse(entry, is_kept=name == "kept") for name in _LISTS for entry in response.get(name, ())]
    total = sum(int(counts.get(name, 0)) for name in _LISTS)
    kept = response.get("kept", ())
    is_cut = len(listed) < total
    return BackupList(
        listed=sorted(listed, key=_newest_first),
        total=total,
        complete_before=(kept[-1]["instance_id"] if kept else "") if is_cut else None,
        refused=response.get("refused"),
        _by_instance=_group(sorted(listed, key=_newest_first)),
    )


def shorten_ids(backups: Iterable[Backup]) -> dict[str, str]:
    """Return by id its beginning that no other one of these backups has, of at least 8 characters."""
    ids = sorted({backup.id for backup in backups})
    short = {}
    for position, id_ in enumerate(ids):
        neighbours = ids[max(position - 1, 0) : position] + ids[position + 1 : position + 2]
        shared = max((_count_shared(id_, other) for other in neighbours), default=0)
        short[id_] = id_[: max(SHORTEST_ID, shared + 1)]
    return short


def describe(backup: Backup) -> dict[str, Any]:
    """Return the fields of a backup in the JSON form: times in UTC, the size in MB, seconds."""
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "instance_id": backup.instance_id,
        "status": backup.status.value,
        "begin_time": show_utc(backup.begin_time),
        "end_time": show_utc(backup.end_time),
        "duration_seconds": backup.duration_seconds,
        "size_mb": backup.size_mb,
    }


def _parse(entry: Mapping[str, Any], *, is_kept: bool) -> ListedBackup:
    names = {"id": entry["backup_id"], "name": entry.get("backup_name")}
    backup = Backup.model_validate({**entry, **names})
    return ListedBackup(backup, is_kept, tuple(str(reason) for reason in entry.get("reasons", ())))


def _newest_first(one: ListedBackup) -> tuple[float, str]:
    """One without a begin comes last."""
    begin = one.backup.begin_time
    return (-begin.timestamp() if begin else 0.0, one.backup.id)


def _group(listed: Iterable[ListedBackup]) -> dict[str, list[Backup]]:
    groups: dict[str, list[Backup]] = {}
    for one in listed:
        groups.setdefault(one.backup.instance_id, []).append(one.backup)
    return groups


def _count_shared(one: str, other: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
