"""How the schedules of a file differ from those that are deployed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.plans.desired import DesiredSchedule, flatten, is_owned
from gaussdb_backup_cli.schedules import DeployedSchedule


class Action(StrEnum):
    """What is done about a schedule."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"
    NONE = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One setting: what is deployed, and what the file has; `None` where it is absent."""

    field: str
    deployed: str | None
    file: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What is done about one schedule. `desired` is `None` for one that is removed."""

    action: Action
    name: str
    desired: DesiredSchedule | None = None
    fields: Sequence[FieldChange] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """All of it: changes and creations by name, then removals, then what stays. `twins` are schedules of others."""

    changes: Sequence[Change]
    twins: Sequence[DeployedSchedule] = ()

    def of(self, *actions: Action) -> list[Change]:
        """Return the changes of these kinds."""
        return [change for change in self.changes if change.action in actions]

    @property
    def pending(self) -> list[Change]:
        """What there is to do, in the order in which it is done."""
        return [*self.of(Action.CREATE, Action.CHANGE), *self.of(Action.REMOVE)]


def compare(desired: Sequence[DesiredSchedule], deployed: Sequence[DeployedSchedule], *, now: datetime) -> Difference:
    """Compare. Raises `CommandFailed` where a schedule of somebody else has the name of one that is wanted."""
    by_name = {schedule.name: schedule for schedule in deployed}
    for each in desired:
        if (found := by_name.get(each.name)) and not is_owned(found):
            raise foreign(each.name)
    wanted = {each.name for each in desired}
    changes = [compare_one(each, by_name.get(each.name), now=now) for each in desired]
    changes += [Change(Action.REMOVE, each.name) for each in deployed if is_owned(each) and each.name not in wanted]
    plans = {each.plan for each in desired}
    twins = [each for each in deployed if each.is_enabled and each.kind and each.plan in plans and not is_owned(each)]
    return Difference(changes, twins)


def compare_one(desired: DesiredSchedule, deployed: DeployedSchedule | None, *, now: datetime) -> Change:
    """Compare one schedule with the deployed one of its name, which is ours."""
    if deployed is None:
        return Change(Action.CREATE, desired.name, desired)
    before, after = flatten(deployed.raw, now=now), flatten(desired.request, now=now)
    fields = [
        FieldChange(name, before.get(name), after.get(name))
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    return Change(Action.CHANGE if fields else Action.NONE, desired.name, desired, fields)


def foreign(name: str) -> CommandFailed:
    """Return the error for a schedule that is wanted under the name of somebody else's."""
    return CommandFailed(
        "foreign_schedule",
        f"there is a schedule {name} that was not applied from a file: it is left alone",
        "rename the plan, or delete that schedule",
    )
