"""Waiting until each backup of a run has ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from gaussdb_backup.reports.texts import clean, show_duration, show_size
from gaussdb_backup_cli.backups.listing import BackupList
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.runs.run import Expected, InstanceRun, Limits, Moment, State, match_run
from gaussdb_backup_cli.stack import TEMPORARY_ERRORS
from gaussdb_backup_cli.times.moments import show_zone

FIRST_INTERVAL, MAX_INTERVAL = 15.0, 60.0
"""Seconds between two polls; they grow by half each time."""
GROWTH = 1.5
OVERLOADED = frozenset({"TooManyRequestsException", "ThrottlingException", "ServiceException", "EC2ThrottledException"})
"""Errors of an invocation that the next one need not have."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What waiting needs: the list of backups, a clock, and where changes are written."""

    read: Callable[[], BackupList]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    note: Callable[[str], None]
    limits: Limits
    zone: tzinfo


def wait_for(
    expected: Sequence[Expected], scheduled_time: datetime, *, timeout: timedelta, watch: Watch
) -> list[InstanceRun]:
    """Return what became of each expected backup, once each has ended or the timeout is over.

    A request that has no backup yet is waited for: its instance may be busy. A list that fails for now is read again;
    any other error is raised.
    """
    requested = watch.now()
    interval = FIRST_INTERVAL
    states = {one.instance.id: one.state for one in expected}
    backups = BackupList()
    while True:
        backups = _read(watch) or backups
        now = watch.now()
        found = match_run(expected, backups, scheduled_time, Moment(now, watch.limits, requested))
        for one in found:
            if states[one.instance.id] is not one.state:
                states[one.instance.id] = one.state
                watch.note(f"{show_zone(now, watch.zone)}  {describe_change(one)}")
        left = (requested + timeout - now).total_seconds()
        if all(one.state.is_final for one in found) or left <= 0:
            return found
        watch.sleep(min(interval, left))
        interval = min(interval * GROWTH, MAX_INTERVAL)


def _read(watch: Watch) -> BackupList | None:
    """Return the list, `None` where it fails for now. Raises what another attempt would raise too."""
    try:
        return watch.read()
    except CommandFailed as failure:
        if failure.code not in TEMPORARY_ERRORS:
            raise
        reason = failure.message
    except (HTTPClientError, AwsConnectionError) as error:
        reason = str(error)
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVERLOADED:
            raise
        reason = str(error)
    watch.note(f"{show_zone(watch.now(), watch.zone)}  the list failed, and is read again: {clean(reason)}")
    return None


def describe_change(one: InstanceRun) -> str:
    """Return the state of an instance in one line."""
    return f"{one.state.value}  {one.instance.title}  {describe_run(one)}".rstrip()


def describe_run(one: InstanceRun) -> str:
    """Return what is known of the backup of an instance in a run: how long it took, its size, or the reason."""
    parts = [clean(one.reason)] if one.reason else []
    if one.backup and one.state is not State.MADE_UP:
        if one.backup.duration_seconds is not None:
            parts.append(show_duration(one.backup.duration_seconds))
        if one.backup.size_mb is not None and one.state is State.OK:
            parts.append(show_size(one.backup.size_mb))
    return ", ".join(parts)
