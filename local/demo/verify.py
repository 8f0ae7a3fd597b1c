"""Holds what the handlers said against what the cloud has. Pure: lists in, differences out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MADE = ("created", "adopted")


@dataclass(frozen=True, slots=True)
class Told:
    """What the handlers said of one request: its outcome, the backup and, where it was followed, how that ended."""

    title: str
    instance_id: str
    expected: str
    outcome: str
    backup_id: str | None = None
    backup_name: str | None = None
    should_end: str | None = None
    status: str | None = None
    reason: str = ""
    by_queue: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A manual backup that the cloud holds."""

    backup_id: str
    instance_id: str
    name: str
    status: str


def find_differences(
    told: Sequence[Told], held: Sequence[Held], events: Iterable[tuple[str, str]] = (), *, waiting: int = 0
) -> list[str]:
    """Return everything that is not as it should be, in words; nothing means that every guarantee held.

    `events` are the (backup id, status) pairs that were put on the bus; `waiting` is how many requests are in
    BackupQueue or its dead-letter queue at the end.
    """
    return [
        *(difference for one in told for difference in _check_request(one, held)),
        *_check_doubles(held),
        *_check_strangers(told, held),
        *_check_events(told, list(events)),
        *_check_dropped(told, waiting),
    ]


def _check_request(one: Told, held: Sequence[Held]) -> list[str]:
    differences = []
    if one.outcome != one.expected:
        differences.append(
            f"{one.title}: expected '{one.expected}', the handler said '{one.outcome}' {one.reason}".rstrip()
        )
    if one.status != one.should_end:
        differences.append(f"{one.title}: should have ended {one.should_end}, was told {one.status}")
    if one.outcome in MADE:
        differences.extend(_check_backup(one, held))
    return differences


def _check_backup(one: Told, held: Sequence[Held]) -> list[str]:
    backup = next((item for item in held if item.backup_id == one.backup_id), None)
    if backup is None:
        return [f"{one.title}: the handler said '{one.outcome}', but the cloud holds no backup {one.backup_id}"]
    differences = []
    if (backup.instance_id, backup.name) != (one.instance_id, one.backup_name):
        differences.append(f"{one.title}: the cloud holds '{backup.name}' of {backup.instance_id} as {one.backup_id}")
    if one.status and one.status != {"BUILDING": "OVERDUE"}.get(backup.status, backup.status):
        differences.append(f"{one.title}: told {one.status}, but the cloud says {backup.status}")
    return differences


def _check_doubles(held: Sequence[Held]) -> list[str]:
    counts = Counter((item.instance_id, item.name) for item in held)
    return [f"{count} backups called '{name}' of {instance}" for (instance, name), count in counts.items() if count > 1]


def _check_strangers(told: Sequence[Told], held: Sequence[Held]) -> list[str]:
    known = {one.backup_id for one in told}
    return [f"the cloud holds '{item.name}', which nobody was told of" for item in held if item.backup_id not in known]


def _check_events(told: Sequence[Told], events: Sequence[tuple[str, str]]) -> list[str]:
    missing = {(one.backup_id, one.status) for one in told if one.backup_id and one.status} - set(events)
    return [f"no event on the bus for backup {backup_id} {status}" for backup_id, status in sorted(missing, key=str)]


def _check_dropped(told: Sequence[Told], waiting: int) -> list[str]:
    """Each message ends as a backup or stays in a queue (design, section 3.8)."""
    unmade = sum(one.by_queue and one.outcome not in MADE for one in told)
    return [] if waiting == unmade else [f"messages that made no backup: {unmade}; in the queues: {waiting}"]
