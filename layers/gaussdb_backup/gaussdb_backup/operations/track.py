"""Poll tracked backups, for far less than one call each, and report every status."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.tracking import Observation, PollResult, Status, TrackingMessage
from gaussdb_backup.errors import StateChangeRefused

RETRY_TIME = timedelta(hours=4)
"""How long after its deadline a backup is tracked whose event the bus refuses, or whose status cannot be evaluated."""
MAX_REMEMBERED = 5_000
"""Of how many refused events it is remembered that their status is reported."""


class BackupSource(Protocol):
    """The backups of each connection."""

    def find(self, connection: str, messages: Iterable[TrackingMessage], *, deadline: Deadline) -> PollResult:
        """Return what the API lists of these messages' backups."""


class EventBus(Protocol):
    """Where state changes are published."""

    def publish(self, details: Sequence[Mapping[str, Any]]) -> Sequence[str | None]:
        """Publish one event for each detail; return for each why the bus refused it, or `None`."""


class Reporter(Protocol):
    """What logs and counts."""

    def status_observed(self, observation: Observation) -> None:
        """Report a status."""

    def poll_failed(self, errors: Mapping[TrackingMessage, Exception], *, connection: str) -> None:
        """Report why backups of a connection could not be polled."""

    def state_change_not_published(self, observation: Observation, *, cause: str) -> None:
        """Report that the bus refused the event of a status."""

    def unexpected_error(self, error: Exception, **log_fields: object) -> None:
        """Report a defect."""


class Unpublished:
    """The final statuses that are reported, and whose events the bus refused, as this execution environment knows them.

    Their events are published at a later delivery of the message. What is forgotten, or known to another environment
    only, is reported once more.
    """

    def __init__(self, *, maximum: int = MAX_REMEMBERED) -> None:
        """Remember so many statuses; of more, the oldest is forgotten."""
        self._maximum = maximum
        self._known: dict[tuple[TrackingMessage, Status], None] = {}

    def __contains__(self, observation: Observation) -> bool:
        return (observation.message, observation.status) in self._known

    def add(self, observation: Observation) -> None:
        """Remember a status."""
        self._known[observation.message, observation.status] = None
        if len(self._known) > self._maximum:
            del self._known[next(iter(self._known))]

    def discard(self, observation: Observation) -> None:
        """Forget a status, if it is known."""
        self._known.pop((observation.message, observation.status), None)


@dataclass(frozen=True, slots=True)
class TrackResult[Key]:
    """What becomes of each tracked backup: it is polled again, unless it is one of `done` or `expired`.

    `done` are reported and published; `expired` cannot be, with the reason; `waiting` were not polled, for want of
    their turn, and so may be sooner than others.
    """

    done: frozenset[Key]
    expired: Mapping[Key, Exception]
    waiting: frozenset[Key]


def track_backups[Key](
    tracked: Mapping[Key, TrackingMessage],
    *,
    backups: BackupSource,
    event_bus: EventBus,
    reporter: Reporter,
    unpublished: Unpublished,
    now: Callable[[], datetime],
    deadline: Deadline,
) -> TrackResult[Key]:
    """Poll every tracked backup once, report its status, and publish the final ones.

    The calls of the API end by the `deadline`, with an equal share of the time for each connection, so that one that
    fails holds up no other. A status is reported whether or not the bus takes its event; the event is published again
    at the next delivery, without another report as long as this environment remembers the first.
    Running it again, for a message that is delivered twice or whose function was killed, finds the same status again
    and repeats its event, record and metric. After OVERDUE or MISSING it may find the end of the backup.
    """
    observations: dict[Key, Observation] = {}
    errors: dict[Key, Exception] = {}
    waiting: set[Key] = set()
    for connection, group, share in _share_time(_by_connection(tracked), deadline):
        polled_at = now()
        poll = _poll(connection, group.values(), backups=backups, reporter=reporter, deadline=share)
        waiting |= {key for key, message in group.items() if message not in poll}
        for key, message in group.items():
            try:
                if observation := poll.observe(message, now=polled_at):
                    observations[key] = observation
                    if observation not in unpublished:
                        reporter.status_observed(observation)
            except Exception as error:  # noqa: BLE001 - reported with its traceback; the other backups go on
                reporter.unexpected_error(error, **message.log_fields)
                errors[key] = error
    final = {key: each for key, each in observations.items() if each.status.is_final and key not in errors}
    errors |= _publish(final, event_bus=event_bus, reporter=reporter, unpublished=unpublished)
    expired = {key: error for key, error in errors.items() if now() - tracked[key].deadline >= RETRY_TIME}
    return TrackResult(frozenset(final.keys() - errors.keys()), expired, frozenset(waiting))


def _share_time[T](groups: Mapping[str, T], deadline: Deadline) -> Iterator[tuple[str, T, Deadline]]:
    """Yield each connection with the deadline of its poll: an equal share of the time that is left by then."""
    for index, (connection, group) in enumerate(groups.items()):
        yield connection, group, deadline.within(deadline.remaining / (len(groups) - index))


def _by_connection[Key](tracked: Mapping[Key, TrackingMessage]) -> Mapping[str, Mapping[Key, TrackingMessage]]:
    groups: dict[str, dict[Key, TrackingMessage]] = {}
    for key, message in tracked.items():
        groups.setdefault(message.connection, {})[key] = message
    return groups


def _poll(
    connection: str,
    messages: Iterable[TrackingMessage],
    *,
    backups: BackupSource,
    reporter: Reporter,
    deadline: Deadline,
) -> PollResult:
    """Poll the backups of one connection, and report what failed."""
    try:
        poll = backups.find(connection, messages, deadline=deadline)
    except Exception as error:  # noqa: BLE001 - reported with its traceback; the other connections go on
        poll = PollResult(errors=dict.fromkeys(messages, error))
    if poll.errors:
        reporter.poll_failed(poll.errors, connection=connection)
    return poll


def _publish[Key](
    final: Mapping[Key, Observation], *, event_bus: EventBus, reporter: Reporter, unpublished: Unpublished
) -> dict[Key, Exception]:
    """Publish final statuses; return the errors of those that the bus refused."""
    refused: dict[Key, Exception] = {}
    try:
        causes = event_bus.publish([observation.log_fields for observation in final.values()])
    except Exception as error:  # noqa: BLE001 - reported with its traceback; what is reported must not be repeated
        reporter.unexpected_error(error)
        causes = [type(error).__name__] * len(final)
    for (key, observation), cause in zip(final.items(), causes, strict=True):
        if cause is None:
            unpublished.discard(observation)
        else:
            unpublished.add(observation)
            reporter.state_change_not_published(observation, cause=cause)
            status = observation.status.value
            refused[key] = StateChangeRefused(f"the status {status} is logged, but the bus refused its event: {cause}")
    return refused
