"""The backups of one instance, and what the stack's prunes would do about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gaussdb_backup.reports.texts import clean, count, show_duration, show_size, show_time
from gaussdb_backup_cli.backups.instances import Instance
from gaussdb_backup_cli.backups.listing import BackupList, ListedBackup, apply_retention, describe, shorten_ids
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.tables import align, colour
from gaussdb_backup_cli.times.moments import find_zone

SHOWN = 30
"""Backups that are shown unless all are requested."""
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Prune:
    """The prune of a schedule that selects the instance, and what it would do now."""

    schedule: DeployedSchedule
    decided: BackupList

    @property
    def deletes(self) -> bool:
        """Whether its runs delete anything."""
        return self.schedule.is_enabled and self.schedule.payload.get("dry_run") is False

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        fields = {"schedule": self.schedule.name, "plan": self.schedule.plan, "is_enabled": self.schedule.is_enabled}
        return {**fields, "deletes": self.deletes, "refused": self.decided.refused}


@dataclass(frozen=True, slots=True)
class InstanceBackups:
    """The backups of an instance, the newest first, and the prunes that select it."""

    instance: Instance
    connection: str
    timezone: str
    listed: BackupList
    prunes: Sequence[Prune]
    shown: int | None = SHOWN

    @property
    def rows(self) -> Sequence[ListedBackup]:
        """The backups that are shown, as the only prune has decided about them."""
        decided = {one.backup.id: one for one in self.prunes[0].decided.listed} if len(self.prunes) == 1 else {}
        return [decided.get(one.backup.id, one) for one in self.listed.listed[: self.shown]]

    def to_json(self) -> dict[str, Any]:
        """Return the result of the JSON form; what is kept is known where one prune selects the instance."""
        is_known = len(self.prunes) == 1
        return {
            "instance_id": self.instance.id,
            "instance_name": self.instance.name,
            "connection": self.connection,
            "timezone": self.timezone,
            "total": self.listed.total,
            "is_cut": self.listed.is_cut,
            "size_mb": _sum_sizes(self.listed),
            "prunes": [prune.to_json() for prune in self.prunes],
            "backups": [
                {
                    **describe(one.backup),
                    "is_kept": one.is_kept if is_known else None,
                    "reasons": list(one.reasons) if is_known else [],
                }
                for one in self.rows
            ],
        }

    def draw(self, width: int) -> str:
        """Return the text, of at most `width` columns."""
        zone, short = find_zone(self.timezone), shorten_ids(self.listed.backups)
        begins = [one.backup.begin_time for one in self.rows if one.backup.begin_time]
        names = {begin.astimezone(zone).tzname() or "" for begin in begins}
        shown_zone = names.pop() if len(names) == 1 else self.timezone
        rows = [["ID", f"BEGUN ({shown_zone})", "TOOK", "SIZE", "STATE", "KEPT BECAUSE"]]
        for one in self.rows:
            backup = one.backup
            rows.append(
                [
                    clean(short[backup.id]),
                    show_time(backup.begin_time, zone) if backup.begin_time else UNKNOWN,
                    UNKNOWN if backup.duration_seconds is None else show_duration(backup.duration_seconds),
                    show_size(backup.size_mb) if backup.size_mb else UNKNOWN,
                    backup.status.value,
                    self._explain(one),
                ]
            )
        head = [f"{self.instance.title}  {clean(self.instance.id)}"]
        table = align(rows, width=width, right={2, 3}) if self.listed.listed else []
        return "\n".join([*head, *map(colour, table), *self._end()])

    def _explain(self, one: ListedBackup) -> str:
        if len(self.prunes) != 1:
            return UNKNOWN
        reasons = " · ".join(clean(reason) for reason in one.reasons)
        return reasons if one.is_kept else f"would go: {reasons or 'no rule keeps it'}"

    def _end(self) -> list[str]:
        lines = [f"{count(self.listed.total, 'backup')}, {show_size(_sum_sizes(self.listed))}"]
        if self.listed.is_cut:
            lines[0] += f" in the {len(self.listed.listed):,} that could be listed"
        if len(self.rows) < len(self.listed.listed):
            lines[0] += f"; the newest {len(self.rows):,} are shown, --all shows all"
        return [*lines, *self._describe_prunes()]

    def _describe_prunes(self) -> list[str]:
        if not self.prunes:
            return ["no prune selects this instance: nothing is deleted by a schedule"]
        names = ", ".join(clean(prune.schedule.name) for prune in self.prunes)
        if len(self.prunes) > 1:
            return [f"{len(self.prunes)} prunes select this instance, each deletes by its own rules: {names}"]
        [prune] = self.prunes
        lines = [] if prune.deletes else [f"the prune {names} is disabled or a dry run: it deletes nothing"]
        refused = prune.decided.refused
        return [*lines, f"the prune {names} is refused: {clean(refused)}"] if refused else lines


def read_prunes(
    stack: Stack,
    schedules: Sequence[DeployedSchedule],
    connection: str,
    instance: Instance,
    *,
    note: Callable[[str], None],
) -> list[Prune]:
    """Return the prunes that select an instance and any backup of it, each by a dry run.

    One that its function refuses deletes nothing either, and is a note. Raises as `Stack.invoke` does.
    """
    prunes = []
    for each in schedules:
        if each.kind is not Kind.PRUNE or each.payload.get("connection", "default") != connection:
            continue
        try:
            decided = apply_retention(stack, each.payload, instance.id)
        except CommandFailed as failure:
            if failure.code != "InvalidRequest":
                raise
            note(f"note: the prune {clean(each.name)} is wrong: {clean(failure.message)}")
            continue
        if decided.total:
            prunes.append(Prune(each, decided))
    return prunes


def _sum_sizes(listed: BackupList) -> float:
    return sum(backup.size_mb or 0 for backup in listed.backups)
