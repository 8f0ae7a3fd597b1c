"""Applying a difference: the schedules of a stack become those of a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.aws import explain
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.plans.desired import DesiredSchedule, is_owned
from gaussdb_backup_cli.plans.difference import Action, Change, Difference, compare_one, foreign
from gaussdb_backup_cli.schedules import read_schedule
from gaussdb_backup_cli.stack import Stack


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done, what was not, and why not. The first of `left` is the one that failed."""

    done: Sequence[Change]
    left: Sequence[Change] = ()
    failure: CommandFailed | None = field(default=None, compare=False)


def apply(difference: Difference, stack: Stack, *, now: datetime) -> Applied:
    """Create, change, then remove. The first error ends it; to apply the file again does the rest."""
    pending = difference.pending
    for position, change in enumerate(pending):
        try:
            _apply_one(change, stack, now)
        except (BotoCoreError, ClientError) as error:
            return Applied(pending[:position], pending[position:], explain(error))
        except CommandFailed as failure:
            return Applied(pending[:position], pending[position:], failure)
    return Applied(pending)


def _apply_one(change: Change, stack: Stack, now: datetime) -> None:
    client = stack.client("scheduler")
    if change.desired is None:
        _remove(client, stack.output("ScheduleGroupName"), change.name)
    elif change.action is Action.CHANGE:
        _update(client, change.desired)
    else:
        _create(client, change.desired, stack, now)


def _remove(client: Any, group: str, name: str) -> None:
    try:
        client.delete_schedule(GroupName=group, Name=name)
    except client.exceptions.ResourceNotFoundException:
        return  # somebody else removed it


def _update(client: Any, desired: DesiredSchedule) -> None:
    try:
        client.update_schedule(**desired.request)
    except client.exceptions.ResourceNotFoundException:
        client.create_schedule(**desired.request)  # somebody removed it since it was read


def _create(client: Any, desired: DesiredSchedule, stack: Stack, now: datetime) -> None:
    """Create a schedule; one that somebody else has created since the schedules were read is compared once more."""
    try:
        client.create_schedule(**desired.request)
    except client.exceptions.ConflictException:
        found = read_schedule(stack, desired.name)
        if found is None:
            raise
        if not is_owned(found):
            raise foreign(desired.name) from None
        if compare_one(desired, found, now=now).action is Action.CHANGE:
            client.update_schedule(**desired.request)
