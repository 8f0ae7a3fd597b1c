"""Which of an instance's backups is that of a run (docs/reference/guarantees.md, "One request, one backup")."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from gaussdb_backup.domain.backup_request import MAX_AHEAD, BackupRequest
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import CLOCK_TOLERANCE

SKEW_MARGIN = timedelta(minutes=1)
"""Added to a measured clock skew, which is known to within the duration of a call and a second."""


def earliest_begin(request: BackupRequest, *, clock_skew: timedelta | None) -> datetime:
    """Return from when on, by the API's clock, a backup can be that of the run of a request.

    One that began before is of another run, whatever its name: with a template without a time, or in two runs that
    read alike when daylight saving ends. A request that gives its time itself may have been executed ahead of it; any
    other time has passed already when the request is executed for the first time.

    `clock_skew` is how far the API's clock is ahead of ours. Where it is not known, or so great that the API would
    refuse our signatures and its `Date` must be wrong, its clock may be behind by that much. The time by our own clock
    plays no part: each delivery of a request finds the backup that another one made.
    """
    earliest = request.scheduled_time - (MAX_AHEAD if request.is_time_given else timedelta(0))
    if clock_skew is None or abs(clock_skew) > CLOCK_TOLERANCE:
        return earliest - CLOCK_TOLERANCE
    return earliest + clock_skew - SKEW_MARGIN


def find_own(backups: Iterable[Backup], name: str, *, earliest: datetime) -> Backup | None:
    """Return the backup of that name that began first, at `earliest` or later: a later run may have the same name.

    One without a begin time is returned only if there is no other.
    """
    found = [backup for backup in backups if backup.name == name and (backup.begin_time or earliest) >= earliest]
    return min(found, key=_age_order, default=None)


def _age_order(backup: Backup) -> tuple[bool, float, str]:
    begin = backup.begin_time.timestamp() if backup.begin_time else 0.0
    return (backup.begin_time is None, begin, backup.id)
