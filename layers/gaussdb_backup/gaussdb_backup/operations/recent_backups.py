"""The manual backups of one connection, listed at most once in a short while."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import PAGE_SIZE, Backup
from gaussdb_backup.domain.tracking import PollResult, TrackingMessage
from gaussdb_backup.errors import FixConfiguration, TryLater

LIST_MAX_AGE = timedelta(seconds=20)
"""How long ago a list may have been read from which statuses are taken: at most the shortest delay between polls."""
LISTED_SPAN = timedelta(days=1)
"""A list that goes back to backups begun earlier than the others by more than this would have too many pages."""
MAX_SINGLE_READS = 10
"""How many backups a poll of a connection reads one by one: the API may allow no more than 60 calls a minute."""
TURN_KEPT = timedelta(hours=1)
"""How long it is remembered when a backup was last read by itself: the longest delay between two polls."""
MAX_CONNECTIONS = 16
"""Of how many connections a list is kept."""

_NEVER, _NEVER_YET = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class BackupList(Protocol):
    """The calls of the API that tracking needs."""

    def list_backups(
        self,
        *,
        backup_id: str | None = None,
        instance_id: str | None = None,
        backup_type: str | None = None,
        begin_time: datetime | None = None,
    ) -> Iterable[Backup]:
        """List backups that began at or after `begin_time`, or the one with this id."""


class BackupLists(Protocol):
    """The API of each connection."""

    def for_connection(self, connection: str, *, deadline: Deadline) -> BackupList:
        """Return the API of a connection, whose calls end by the deadline."""


class RecentBackups:
    """The list of a connection's manual backups, read anew once it is older than `max_age`.

    Batches of messages are received in quick succession, and each of them would need every page of the same list. A
    status of a moment ago is still the API's: a final one stays final, a building backup is polled again later. The
    age counts from the end of reading, so that a list that takes long serves the next batches too.
    """

    def __init__(self, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        self._now = now
        self._max_age = max_age
        self._backups: dict[str, Backup] = {}
        self._since = _NEVER_YET
        self._read_from = self._read_until = _NEVER
        self._turns: dict[TrackingMessage, datetime] = {}

    def find(self, messages: Iterable[TrackingMessage], *, api: BackupList) -> PollResult:
        """Return what the API lists of these messages' backups.

        Costs one page of the list for 100 backups that began since the oldest of them, and at most `MAX_SINGLE_READS`
        calls more for those that are on none of the pages. What fails costs no other backup its status: those on the
        pages that were read have one, and each single read fails by itself.
        """
        wanted, now = list(dict.fromkeys(messages)), self._now()
        error = self._refresh(wanted, now, api)
        listed = {message: backup for message in wanted if (backup := self._get(message, now))}
        others = [message for message in wanted if message not in listed]
        if error:
            return PollResult(listed, dict.fromkeys(others, error))
        single, errors = self._read_each(others, now, api)
        return PollResult({**listed, **single}, errors)

    def _refresh(self, wanted: Sequence[TrackingMessage], now: datetime, api: BackupList) -> Exception | None:
        """Read the list again if need be; return why that failed. What was read until then is kept for this poll."""
        if now - self._read_until > self._max_age:
            self._forget()
        since = _list_since(wanted, now)
        if since is None or (self._since <= since and self._suffices(wanted, now)):
            return None
        self._forget()
        self._read_from = now
        try:
            for backup in api.list_backups(backup_type="manual", begin_time=since):
                self._backups[backup.id] = backup
        except Exception as error:  # noqa: BLE001 - returned; a status that was read before it is one all the same
            return error
        self._since, self._read_until = since, self._now()
        return None

    def _forget(self) -> None:
        self._backups, self._since, self._read_until = {}, _NEVER_YET, _NEVER

    def _suffices(self, wanted: Sequence[TrackingMessage], now: datetime) -> bool:
        """Return whether reading single backups costs less than reading the pages again.

        The pages can have news of a backup only if it began, or became due, after they were read.
        """
        news = sum(
            1
            for message in wanted
            if self._is_out_of_date(message, now)
            or (message.backup_id not in self._backups and (message.begin_time or _NEVER) >= self._read_from)
        )
        return news <= len(self._backups) / PAGE_SIZE

    def _get(self, message: TrackingMessage, now: datetime) -> Backup | None:
        return None if self._is_out_of_date(message, now) else self._backups.get(message.backup_id or "")

    def _is_out_of_date(self, message: TrackingMessage, now: datetime) -> bool:
        """Return whether the listed status is one from before the deadline of a backup that is due now.

        No backup may become overdue by a list from before it ended.
        """
        listed = self._backups.get(message.backup_id or "")
        return listed is not None and not listed.status.is_final and self._read_from < message.deadline <= now

    def _read_each(
        self, messages: Iterable[TrackingMessage], now: datetime, api: BackupList
    ) -> tuple[dict[TrackingMessage, Backup | None], dict[TrackingMessage, Exception]]:
        """Read single backups, first those whose turn was the longest ago; return them, and why one could not be read.

        An error that the next one would get too ends it; the turn of the others is at the next poll.
        """
        found: dict[TrackingMessage, Backup | None] = {}
        errors: dict[TrackingMessage, Exception] = {}
        self._turns = {message: when for message, when in self._turns.items() if now - when < TURN_KEPT}
        for message in sorted(messages, key=lambda message: self._turns.get(message, _NEVER))[:MAX_SINGLE_READS]:
            self._turns[message] = now
            try:
                found[message] = _read_one(message, api)
            except (TryLater, FixConfiguration) as error:
                errors[message] = error
                break
            except Exception as error:  # noqa: BLE001 - returned; it is about this backup only
                errors[message] = error
        return found, errors


def _list_since(wanted: Iterable[TrackingMessage], now: datetime) -> datetime | None:
    """Return since when to list, or `None` where it costs less to read each backup by itself.

    That is the begin of the oldest backup within `LISTED_SPAN` of the newest one. A few old ones are not worth the
    pages of all backups that were made since.
    """
    begun = [min(message.begin_time, now) for message in wanted if message.begin_time and message.backup_id]
    newest = max(begun, default=now)
    recent = [begin for begin in begun if newest - begin <= LISTED_SPAN]
    is_old = now - newest > LISTED_SPAN
    return None if is_old and len(recent) <= MAX_SINGLE_READS else min(recent, default=None)


def _read_one(message: TrackingMessage, api: BackupList) -> Backup | None:
    if message.backup_id:
        listed = api.list_backups(backup_id=message.backup_id)
    else:
        listed = api.list_backups(
            instance_id=message.instance_id, backup_type="manual", begin_time=message.earliest_begin
        )
    return next((backup for backup in listed if message.identifies(backup)), None)


class RecentBackupLists:
    """The recent backups of each connection, kept for the life of the execution environment."""

    def __init__(self, apis: BackupLists, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        """`max_age` is how long ago a list may have been read from which backups are returned."""
        self._apis = apis
        self._now = now
        self._max_age = max_age
        self._lists: dict[str, RecentBackups] = {}

    def find(self, connection: str, messages: Iterable[TrackingMessage], *, deadline: Deadline) -> PollResult:
        """Return what the API lists of these messages' backups. Raises what has no client of the connection made."""
        api = self._apis.for_connection(connection, deadline=deadline)
        recent = self._lists.pop(connection, None) or RecentBackups(now=self._now, max_age=self._max_age)
        self._lists[connection] = recent  # the newest is the last
        if len(self._lists) > MAX_CONNECTIONS:
            del self._lists[next(iter(self._lists))]
        return recent.find(messages, api=api)
