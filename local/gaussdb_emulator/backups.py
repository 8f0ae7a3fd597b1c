"""Backups, and the store that finds them by id, job, instance or project."""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from uuid import uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup. Its status is not stored but derived from the time.

    It is BUILDING until `ends_at` (`None`: for ever), then `end_status`. It is listed from `visible_at` until
    `deleted_at` (`None`: no deletion was requested). `begin_at` has no fraction of a second, as in the API.
    """

    id: str
    name: str
    description: str
    instance_id: str
    instance_name: str
    project_id: str
    type: str
    begin_at: datetime
    ends_at: datetime | None
    end_status: str
    size_mb: float
    version: str
    job_id: str
    created_at: datetime
    visible_at: datetime
    deleted_at: datetime | None = None
    held: bool = False

    def is_building(self, now: datetime) -> bool:
        """Whether it has not ended yet."""
        return self.ends_at is None or now < self.ends_at

    def status(self, now: datetime) -> str:
        """Return the status as the API spells it."""
        return "BUILDING" if self.is_building(now) else self.end_status

    def exists(self, now: datetime) -> bool:
        """Whether it is not deleted yet."""
        return self.deleted_at is None or now < self.deleted_at

    def is_listed(self, now: datetime) -> bool:
        """Whether the list contains it: created long enough ago, and not deleted yet."""
        return self.visible_at <= now and self.exists(now)


_Key = tuple[datetime, int, str]


class BackupStore:
    """Backups by id, by job, by instance and by project; the latter two in order of their begin."""

    def __init__(self) -> None:
        self._serial = count()
        self._by_id: dict[str, Backup] = {}
        self._by_job: dict[str, str] = {}
        self._by_instance: dict[str, list[_Key]] = defaultdict(list)
        self._by_project: dict[str, list[_Key]] = defaultdict(list)

    def add(self, backup: Backup) -> None:
        """Add a new backup."""
        key = (backup.begin_at, next(self._serial), backup.id)
        self._by_id[backup.id] = backup
        self._by_job[backup.job_id] = backup.id
        insort(self._by_instance[backup.instance_id], key)
        insort(self._by_project[backup.project_id], key)

    def delete(self, backup: Backup, at: datetime) -> None:
        """Delete a backup at this time, which may be in the future."""
        self._by_id[backup.id] = replace(backup, deleted_at=at)

    def get(self, backup_id: str) -> Backup | None:
        """Return the backup of that id, deleted or not."""
        return self._by_id.get(backup_id)

    def of_job(self, job_id: str) -> Backup | None:
        """Return the backup that a job creates, deleted or not."""
        return self._by_id.get(self._by_job.get(job_id, ""))

    def of_instance(self, instance_id: str) -> Iterator[Backup]:
        """Yield an instance's backups, newest first, deleted ones included."""
        return (self._by_id[key[2]] for key in reversed(self._by_instance.get(instance_id, [])))

    def of_project(self, project_id: str) -> Iterator[Backup]:
        """Yield a project's backups, newest first, deleted ones included."""
        return (self._by_id[key[2]] for key in reversed(self._by_project.get(project_id, [])))

    def all(self) -> Iterator[Backup]:
        """Yield every backup, in order of creation, deleted ones included."""
        return iter(self._by_id.values())

    def is_busy(self, instance_id: str, now: datetime) -> bool:
        """Whether a backup of the instance is being built: one at a time is allowed.

        Source: docs/reference/gaussdb_api.md, "Creating a backup".
        """
        return any(backup.is_building(now) and backup.exists(now) for backup in self.of_instance(instance_id))


def new_backup_id() -> str:
    """Return an id of the current form: 36 characters ending in `br07`.

    Source: docs/reference/gaussdb_api.md, "Creating a backup".
    """
    return f"{uuid4().hex}br07"
