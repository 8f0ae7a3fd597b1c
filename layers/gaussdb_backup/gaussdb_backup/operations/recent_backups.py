"""The manual backups of one connection, listed at most once in a short while."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import PAGE_SIZE, Backup
from gaussdb_backup.domain.tracking import TrackingMessage

LIST_MAX_AGE = timedelta(seconds=20)
"""How old a list may be from which statuses are taken: no more than the shortest delay between two polls."""


class BackupList(Protocol):
    """The calls of the API that tracking needs."""

    def list_backups(
        self, *, backup_id: str | None = None, backup_type: str | None = None, begin_time: datetime | None = None
    ) -> Iterable[Backup]:
        """List backups that began at or after `begin_time`, or the one with this id."""


class BackupLists(Protocol):
    """The API of each connection."""

    def for_connection(self, connection: str, *, deadline: Deadline) -> BackupList:
        """Return the API of a connection, whose calls end by the deadline."""


class RecentBackups:
    """The list of a connection's manual backups, read at most once in `max_age`.

    Batches of messages are received in quick succession, and each of them would need every page of the same list. A
    status a few seconds old is still the API's: a final one stays final, a building backup is polled again later.
    """

    def __init__(self, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        """`max_age` is how old a list may be from which backups are returned."""
        self._now = now
        self._max_age = max_age
        self._read_at: datetime | None = None
        self._since: datetime | None = None
        self._backups: Mapping[str, Backup] = {}

    def find(self, messages: Iterable[TrackingMessage], *, api: BackupList) -> Mapping[str, Backup]:
        """Return the backups of these messages, by id; one that is absent is not listed. Raises what the API raises.

        Costs one page of the list for 100 backups that began since the oldest of them, and one call more for each
        that is on none of the pages.
        """
        wanted = {message.backup_id: message for message in messages}
        begun = [message.begin_time for message in wanted.values() if message.begin_time]
        if begun and not (self._covers(min(begun)) and self._suffices(wanted)):
            self._read(min(begun), api)
        found = {backup_id: self._backups.get(backup_id) or self._read_one(backup_id, api) for backup_id in wanted}
        return {backup_id: backup for backup_id, backup in found.items() if backup}

    def _covers(self, since: datetime) -> bool:
        if self._read_at is None or self._since is None:
            return False
        return self._since <= since and self._now() - self._read_at <= self._max_age

    def _suffices(self, wanted: Mapping[str, TrackingMessage]) -> bool:
        """Return whether the list as it is will do.

        No backup may become overdue by a list from before it ended, and reading the pages again may be cheaper than
        reading single backups.
        """
        listed = [(message, self._backups.get(backup_id)) for backup_id, message in wanted.items()]
        is_due = any(
            message.deadline <= self._now() for message, backup in listed if backup and not backup.status.is_final
        )
        missing = sum(1 for _, backup in listed if backup is None)
        return not is_due and missing <= len(self._backups) / PAGE_SIZE

    def _read(self, since: datetime, api: BackupList) -> None:
        read_at = self._now()
        backups = api.list_backups(backup_type="manual", begin_time=since)
        self._backups = {backup.id: backup for backup in backups}
        self._read_at, self._since = read_at, since

    @staticmethod
    def _read_one(backup_id: str, api: BackupList) -> Backup | None:
        return next((backup for backup in api.list_backups(backup_id=backup_id) if backup.id == backup_id), None)


class RecentBackupLists:
    """The recent backups of each connection, kept for the life of the execution environment."""

    def __init__(self, apis: BackupLists, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        """`max_age` is how old a list may be from which backups are returned."""
        self._apis = apis
        self._now = now
        self._max_age = max_age
        self._lists: dict[str, RecentBackups] = {}

    def find(self, connection: str, messages: Iterable[TrackingMessage], *, deadline: Deadline) -> Mapping[str, Backup]:
        """Return the backups of these messages of a connection, by id. Raises what the API raises."""
        if connection not in self._lists:
            self._lists[connection] = RecentBackups(now=self._now, max_age=self._max_age)
        api = self._apis.for_connection(connection, deadline=deadline)
        return self._lists[connection].find(messages, api=api)
