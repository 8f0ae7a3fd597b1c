"""Compares what the functions reported with what the cloud has. Pure: lists in, differences out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

WITH_BACKUP = ("created", "adopted")


@dataclass(frozen=True, slots=True)
class ReportedRequest:
    """What the functions reported about one request: its outcome, its backup and the backup's final status.

    `first` is the outcome of its first delivery; `reason` is the function's, where there is no backup.
    """

    title: str
    instance_id: str
    expected: str
    outcome: str
    backup_id: str | None = None
    backup_name: str | None = None
    expected_status: str | None = None
    status: str | None = None
    reason: str = ""
    from_queue: bool = False
    first: str = ""


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A manual backup in the cloud's own list."""

    backup_id: str
    instance_id: str
    name: str
    status: str


def find_differences(
    reported: Sequence[ReportedRequest],
    stored: Sequence[StoredBackup],
    events: Iterable[tuple[str, str]] = (),
    *,
    waiting: int = 0,
) -> list[str]:
    """Return a sentence for each guarantee that was broken; none means that all of them held.

    `events` are the (backup id, status) pairs of the events on the bus; `waiting` is the number of requests that are
    in BackupQueue or its dead-letter queue at the end.
    """
    return [
        *(difference for one in reported for difference in _check_request(one, stored)),
        *_check_duplicates(stored),
        *_check_unreported(reported, stored),
        *_check_events(reported, list(events)),
        *_check_queues(reported, waiting),
    ]


def find_state_differences(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return a sentence for each instance whose state in an audit is another than expected."""
    return [
        f"audit: expected {name} to be '{state}', reported was '{found.get(name)}'"
        for name, state in expected.items()
        if found.get(name) != state
    ]


@dataclass(frozen=True, slots=True)
class Pruned:
    """A prune: the ids of the manual backups before and after it, and of those that it should have deleted.

    `foreseen` are the deletions that the page of the audit shows, `shown` those of a dry run, `deleted` those that the
    prune reported; `kept_by_hand` is a backup that a person made.
    """

    before: AbstractSet[str]
    after_dry_run: AbstractSet[str]
    after: AbstractSet[str]
    foreseen: AbstractSet[str]
    shown: AbstractSet[str]
    deleted: AbstractSet[str]
    failed: int
    kept_by_hand: str


def find_prune_differences(pruned: Pruned) -> list[str]:
    """Return a sentence for each guarantee of a prune that was broken."""
    checks = {
        "prune: the dry run deleted something": pruned.after_dry_run == pruned.before,
        "prune: the dry run showed other backups than the prune deleted": pruned.shown == pruned.deleted,
        "prune: the page foresaw other backups than the prune deleted": pruned.foreseen == pruned.deleted,
        "prune: the cloud's list has others than it should": pruned.after == pruned.before - pruned.deleted,
        "prune: nothing was deleted": bool(pruned.deleted),
        "prune: not everything was deleted": not pruned.failed,
        "prune: a backup that a person made is gone": pruned.kept_by_hand in pruned.after,
    }
    return [difference for difference, holds in checks.items() if not holds]


def _check_request(one: ReportedRequest, stored: Sequence[StoredBackup]) -> list[str]:
    differences = []
    if one.outcome != one.expected:
        text = f"{one.title}: expected '{one.expected}', the function reported '{one.outcome}' {one.reason}"
        differences.append(text.rstrip())
    if one.status != one.expected_status:
        differences.append(f"{one.title}: expected the final status {one.expected_status}, reported was {one.status}")
    if one.outcome in WITH_BACKUP:
        differences.extend(_check_backup(one, stored))
    return differences


def _check_backup(one: ReportedRequest, stored: Sequence[StoredBackup]) -> list[str]:
    backup = next((item for item in stored if item.backup_id == one.backup_id), None)
    if backup is None:
        return [f"{one.title}: the function reported '{one.outcome}', but the cloud has no backup {one.backup_id}"]
    differences = []
    if (backup.instance_id, backup.name) != (one.instance_id, one.backup_name):
        differences.append(f"{one.title}: the cloud has '{backup.name}' of {backup.instance_id} as {one.backup_id}")
    if one.status and one.status != {"BUILDING": "OVERDUE"}.get(backup.status, backup.status):
        differences.append(f"{one.title}: reported was {one.status}, but the cloud's status is {backup.status}")
    return differences


def _check_duplicates(stored: Sequence[StoredBackup]) -> list[str]:
    counts = Counter((item.instance_id, item.name) for item in stored)
    return [f"{count} backups called '{name}' of {instance}" for (instance, name), count in counts.items() if count > 1]


def _check_unreported(reported: Sequence[ReportedRequest], stored: Sequence[StoredBackup]) -> list[str]:
    known = {one.backup_id for one in reported}
    return [f"the cloud has '{item.name}', which was not reported" for item in stored if item.backup_id not in known]


def _check_events(reported: Sequence[ReportedRequest], events: Sequence[tuple[str, str]]) -> list[str]:
    missing = {(one.backup_id, one.status) for one in reported if one.backup_id and one.status} - set(events)
    return [f"no event on the bus for backup {backup_id} {status}" for backup_id, status in sorted(missing, key=str)]


def _check_queues(reported: Sequence[ReportedRequest], waiting: int) -> list[str]:
    """Each message ends as a backup or stays in a queue (docs/reference/guarantees.md)."""
    without = sum(one.from_queue and one.outcome not in WITH_BACKUP for one in reported)
    return [] if waiting == without else [f"messages without a backup: {without}; in the queues: {waiting}"]
