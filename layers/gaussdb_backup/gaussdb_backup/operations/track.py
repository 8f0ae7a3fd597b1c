"""Poll tracked backups, for far less than one call each, and report every status."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import Observation, TrackingMessage, evaluate


class BackupSource(Protocol):
    """The backups of each connection."""

    def find(self, connection: str, messages: Iterable[TrackingMessage], *, deadline: Deadline) -> Mapping[str, Backup]:
        """Return the backups of these messages of a connection, by id."""


class EventBus(Protocol):
    """Where state changes are published."""

    def publish(self, details: Sequence[Mapping[str, Any]]) -> Sequence[str | None]:
        """Publish one event for each detail; return for each why the bus refused it, or `None`."""


class Reporter(Protocol):
    """What logs and counts."""

    def status_observed(self, observation: Observation) -> None:
        """Report a status."""

    def poll_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        """Report that the backups of a connection could not be polled."""


def track_backups[Key](
    tracked: Mapping[Key, TrackingMessage],
    *,
    backups: BackupSource,
    event_bus: EventBus,
    reporter: Reporter,
    now: Callable[[], datetime],
    deadline: Deadline,
) -> set[Key]:
    """Poll every tracked backup once; return which of them have a final status, and need no further poll.

    The calls of the API end by the `deadline`. A connection that fails holds up no other: the failure is
    reported, and its backups count as not final. A final status counts, and is reported, once the bus took its event.
    Running it again, for a message that is delivered twice or whose function was killed, finds the same status again
    and repeats its event, record and metric. After OVERDUE or MISSING it may find the end of the backup.
    """
    observations: dict[Key, Observation] = {}
    for connection, group in _by_connection(tracked).items():
        try:
            listed = backups.find(connection, group.values(), deadline=deadline)
        except Exception as error:  # noqa: BLE001 - reported with its traceback; the other connections go on
            reporter.poll_failed(error, connection=connection, backups=len(group))
            continue
        for key, message in group.items():
            observations[key] = evaluate(message, listed.get(message.backup_id), now=now())
    final = {key: observation for key, observation in observations.items() if observation.status.is_final}
    published = event_bus.publish([observation.log_fields for observation in final.values()])
    done = {key for key, refusal in zip(final, published, strict=True) if refusal is None}
    for key, observation in observations.items():
        if key in done or not observation.status.is_final:
            reporter.status_observed(observation)
    return done


def _by_connection[Key](tracked: Mapping[Key, TrackingMessage]) -> Mapping[str, Mapping[Key, TrackingMessage]]:
    groups: dict[str, dict[Key, TrackingMessage]] = {}
    for key, message in tracked.items():
        groups.setdefault(message.connection, {})[key] = message
    return groups
