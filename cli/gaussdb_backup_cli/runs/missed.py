"""Which backups of past runs were missed, rather than made and pruned since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gaussdb_backup.domain.models import Backup, BackupStatus
from gaussdb_backup.domain.naming import DEFAULT_NAME_TEMPLATE, render_backup_name
from gaussdb_backup.domain.prune import Prune, parse_prune
from gaussdb_backup.domain.retention import decide
from gaussdb_backup.errors import InvalidRequest
from gaussdb_backup_cli.backups.listing import BackupList
from gaussdb_backup_cli.runs.run import Expected, InstanceRun, Moment, State, expect_run, match_run
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind
from gaussdb_backup_cli.stack import Stack

SUPPOSED = "supposed"
"""The id of a backup that is supposed to have been made, to see whether it would still be there."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a plan, and what became of each instance in it."""

    scheduled_time: datetime
    instances: Sequence[InstanceRun]

    def of_state(self, *states: State) -> list[InstanceRun]:
        """Return the instances in these states."""
        return [one for one in self.instances if one.state in states]

    @property
    def missed(self) -> list[InstanceRun]:
        """The instances whose backup can be made still: none was made, nor a later one in its place."""
        return self.of_state(State.MISSING)


def read_prunes(schedules: Iterable[DeployedSchedule], connection: str) -> list[Prune]:
    """Return the prunes of a project, of disabled schedules too: these may have been enabled before.

    One that the function would refuse has deleted nothing, and is left out.
    """
    prunes = []
    for each in schedules:
        if each.kind is Kind.PRUNE and each.payload.get("connection", "default") == connection:
            fields = {key: value for key, value in each.payload.items() if key != "scheduled_time"}
            try:
                prunes.append(parse_prune(fields))
            except InvalidRequest:
                continue
    return prunes


def read_past_runs(
    stack: Stack,
    payload: Mapping[str, Any],
    times: Sequence[datetime],
    *,
    backups: BackupList,
    prunes: Sequence[Prune],
    moment: Moment,
) -> list[PastRun]:
    """Return what became of the runs at these times, the oldest first: all nominal runs since the first of them.

    They are of the instances that the plan selects now. Raises as `expect_run` does.
    """
    if not times:
        return []
    selected = expect_run(stack, payload, times[-1], now=moment.now)
    runs = []
    for time, next_time in zip(times, [*times[1:], None], strict=True):
        expected = [_rename(one, payload, time) for one in selected]
        found = match_run(expected, backups, time, replace(moment, until=next_time))
        past = _Past(time, backups, prunes, now=moment.now)
        checked = [_doubt(one, past) if next_time else one for one in found]
        runs.append(PastRun(time, checked))
    return runs


@dataclass(frozen=True, slots=True)
class _Past:
    """A run before the newest one, and what may have deleted its backups since."""

    time: datetime
    listed: BackupList
    prunes: Sequence[Prune]
    now: datetime


def _rename(one: Expected, payload: Mapping[str, Any], time: datetime) -> Expected:
    """Return what is expected in the run of another time."""
    if one.backup_name is None:
        return one
    name = render_backup_name(
        payload.get("name_template", DEFAULT_NAME_TEMPLATE),
        instance_id=one.instance.id,
        scheduled_time=time,
        timezone=payload.get("timezone", "UTC"),
        schedule=payload.get("schedule"),
        instance_name=one.instance.name,
    )
    return replace(one, backup_name=name)


def _doubt(one: InstanceRun, past: _Past) -> InstanceRun:
    """Return that an absent backup is unknown where it need not have been missed.

    It may have been pruned, or the instance may not have existed yet.
    """
    if one.state is not State.MISSING:
        return one
    backups = past.listed.of_instance(one.instance.id)
    begins = [each.begin_time for each in backups if each.begin_time]
    if not begins or past.time < min(begins):
        return replace(one, state=State.UNKNOWN, reason="older than its oldest backup")
    name = one.expected.backup_name or ""
    if all(would_be_kept(name, past.time, backups, prune, now=past.now) for prune in past.prunes):
        return one
    return replace(one, state=State.UNKNOWN, reason="perhaps pruned since")


def would_be_kept(name: str, begin: datetime, backups: Sequence[Backup], prune: Prune, *, now: datetime) -> bool:
    """Return whether a good backup that began then would not have been deleted by a prune.

    A rule must keep it among the backups that there are, or its name is none that the prune deletes. That it would be
    the oldest, or one of the last good ones, shows nothing: before, there may have been others.
    """
    supposed = Backup(id=SUPPOSED, name=name, status=BackupStatus.COMPLETED, begin_time=begin)
    decisions = decide([*backups, supposed], prune.policy(prune.zone), now=now)
    [reasons] = [each.reasons for each in decisions if each.backup.id == SUPPOSED]
    return any(not reason.startswith(("oldest ", "minimum_good")) for reason in reasons)
