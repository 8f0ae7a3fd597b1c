"""Look at every followed backup of one connection, for far less than one call each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import Finding, TrackingMessage, judge
from gaussdb_backup.telemetry.log_fields import readable

PAGE = 100
"""Backups on one page of the list (contract, section 2.2)."""


class BackupList(Protocol):
    """What following needs of the cloud."""

    def list_backups(
        self, *, backup_id: str | None = None, backup_type: str | None = None, begin_time: datetime | None = None
    ) -> Iterable[Backup]:
        """List backups that began at or after `begin_time`, or the one with this id."""


class RecentBackups:
    """The list of a connection's manual backups, read at most once in `max_age`.

    Batches of messages come in quick succession, and each of them would need every page of the same list. A status a
    few seconds old is still the API's word: one that has ended stays so, one that builds is looked at again later.
    """

    def __init__(self, api: BackupList, *, now: Callable[[], datetime], max_age: timedelta) -> None:
        """Take where to read, the clock, and how old what was read may be."""
        self._api = api
        self._now = now
        self._max_age = max_age
        self._read_at: datetime | None = None
        self._since: datetime | None = None
        self._backups: Mapping[str, Backup] = {}

    def find(self, messages: Iterable[TrackingMessage]) -> Mapping[str, Backup]:
        """Return the backups of these messages, by id; one that is not there is not listed. Raises what the API raises.

        Costs one page of the list for 100 backups that began since the oldest of them, and one call more for each
        that the pages did not show.
        """
        wanted = {message.backup_id: message for message in messages}
        begun = [message.begin_time for message in wanted.values() if message.begin_time]
        if begun and (not self._covers(min(begun)) or self._falls_short(wanted)):
            self._read(min(begun))
        found = {backup_id: self._backups.get(backup_id) or self._look_up(backup_id) for backup_id in wanted}
        return {backup_id: backup for backup_id, backup in found.items() if backup}

    def _falls_short(self, wanted: Mapping[str, TrackingMessage]) -> bool:
        """Whether what was listed a moment ago will not do.

        It must not make a backup overdue that has ended since; and reading pages may be cheaper than looking up singly.
        """
        listed = [(message, self._backups.get(backup_id)) for backup_id, message in wanted.items()]
        due = any(
            message.deadline <= self._now() for message, backup in listed if backup and not backup.status.has_ended
        )
        return due or sum(1 for _, backup in listed if backup is None) > len(self._backups) / PAGE

    def _covers(self, since: datetime) -> bool:
        if self._read_at is None or self._since is None:
            return False
        return self._since <= since and self._now() - self._read_at <= self._max_age

    def _read(self, since: datetime) -> None:
        read_at = self._now()
        backups = self._api.list_backups(backup_type="manual", begin_time=since)
        self._backups = {backup.id: backup for backup in backups}
        self._read_at, self._since = read_at, since

    def _look_up(self, backup_id: str) -> Backup | None:
        return next((backup for backup in self._api.list_backups(backup_id=backup_id) if backup.id == backup_id), None)


class Report(Protocol):
    """Who is told what was found."""

    def backup_found(self, finding: Finding) -> None:
        """Tell a status."""

    def look_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        """Tell that the backups of a connection could not be looked at."""


def track_backups[Key](
    followed: Mapping[Key, TrackingMessage],
    *,
    recent: Callable[[str], RecentBackups],
    publish: Callable[[Sequence[Mapping[str, Any]]], Sequence[bool]],
    report: Report,
    now: Callable[[], datetime],
) -> set[Key]:
    """Look once at every followed backup; return which of them have ended and need no further look.

    One connection's trouble does not hold up the others: it is told, and its backups count as not ended. An end
    counts, and is told, once `publish` has taken its event. Running it again, for a message that is delivered twice or
    whose function was killed before it answered, finds the same end again and repeats its event, record and metric;
    it never turns one status into another.
    """
    findings: dict[Key, Finding] = {}
    for connection, group in _by_connection(followed).items():
        try:
            listed = recent(connection).find(group.values())
        except Exception as error:  # noqa: BLE001 - told with its traceback; the other connections go on
            report.look_failed(error, connection=connection, backups=len(group))
            continue
        findings |= {key: judge(message, listed.get(message.backup_id), now=now()) for key, message in group.items()}
    ended = _publish(findings, publish)
    for key, finding in findings.items():
        if key in ended or not finding.status.is_end:
            report.backup_found(finding)
    return ended


def _by_connection[Key](followed: Mapping[Key, TrackingMessage]) -> Mapping[str, Mapping[Key, TrackingMessage]]:
    groups: dict[str, dict[Key, TrackingMessage]] = {}
    for key, message in followed.items():
        groups.setdefault(message.connection, {})[key] = message
    return groups


def _publish[Key](
    findings: Mapping[Key, Finding], publish: Callable[[Sequence[Mapping[str, Any]]], Sequence[bool]]
) -> set[Key]:
    ends = {key: finding for key, finding in findings.items() if finding.status.is_end}
    taken = publish([readable(finding.facts) for finding in ends.values()])
    return {key for key, done in zip(ends, taken, strict=True) if done}
