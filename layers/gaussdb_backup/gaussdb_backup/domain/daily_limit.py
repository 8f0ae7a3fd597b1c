"""How many backups of an instance may be made in a day: a faulty producer must not cause costs without end."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.errors import TooManyBackups

COUNTED = timedelta(hours=23, minutes=30)
"""For how long a backup counts as one of a day: less than 24 hours, so that one each hour may be half an hour late."""


def check_daily_limit(backups: Iterable[Backup], *, maximum: int, now: datetime) -> None:
    """Raise `TooManyBackups` if one more would be too many.

    `backups` are the manual ones of the instance, at least those of the last day. Whoever made them and however they
    ended, they count; one whose begin the API does not give does not.
    """
    counted = sum(1 for backup in backups if backup.begin_time is not None and backup.begin_time > now - COUNTED)
    if counted >= maximum:
        raise TooManyBackups(
            f"the instance has had {counted} manual backups within a day, of at most {maximum} that may be made: "
            "look for who requests so many, or raise MAXIMUM_BACKUPS_PER_DAY"
        )
