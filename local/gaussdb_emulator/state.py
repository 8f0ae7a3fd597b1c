"""The state of the emulated cloud, which tests and the control endpoint may change."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from uuid import uuid4

from .accounts import Accounts
from .backups import Backup, BackupStore, new_backup_id
from .faults import Fault, FaultRegistry
from .fleet import PROJECT_ID, AccessKey, Fleet, IamUser, Instance, PastBackup, Project, Rules
from .request import LoggedRequest

_TEN_YEARS = timedelta(days=3650).total_seconds()


class Cloud:
    """One emulated cloud: projects, their instances and backups, the faults in force and the request log.

    `clock` returns aware times; `sleep` is called by a slow response, with seconds; `seed` determines which requests
    a fault with a random share applies to. Every method is thread-safe; code that uses `accounts`, `store` or `faults`
    directly holds `lock`.
    """

    def __init__(
        self,
        fleet: Fleet | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        seed: int = 0,
    ) -> None:
        fleet = fleet or Fleet()
        self.lock = RLock()
        self.rules: Rules = fleet.rules
        self.sleep = sleep
        self.accounts = Accounts(fleet.projects, fleet.access_keys, fleet.users)
        self.store = BackupStore()
        self.faults = FaultRegistry(seed)
        self._clock = clock
        self._offset = timedelta()
        self._instances: dict[str, Instance] = {}
        self._by_project: dict[str, dict[str, Instance]] = {}
        self._requests: list[LoggedRequest] = []
        self.add_instances(*fleet.instances)
        self.add_backups(*fleet.backups)

    def now(self) -> datetime:
        """Return the cloud's time, UTC."""
        return self._clock().astimezone(UTC) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move the cloud's clock ahead of the given one; the offsets add up."""
        with self.lock:
            self._offset += by

    def set_rules(self, rules: Rules) -> None:
        """Replace the rules."""
        with self.lock:
            self.rules = rules

    # Identities

    def add_project(self, project: Project) -> None:
        """Add a project, or replace the one of that id."""
        with self.lock:
            self.accounts.projects[project.id] = project

    def add_key(self, key: AccessKey) -> None:
        """Add an access key, or replace the one of that name, and unlock it."""
        with self.lock:
            self.accounts.keys[key.access_key] = key
            self.accounts.reset_failures(key.access_key)

    def remove_key(self, access_key: str) -> None:
        """Remove an access key."""
        with self.lock:
            self.accounts.keys.pop(access_key, None)

    def rotate_key(self, access_key: str, secret_key: str) -> None:
        """Replace the secret of an access key, and unlock it. Raises `KeyError` for an unknown key."""
        with self.lock:
            self.accounts.rotate(access_key, secret_key)

    def issue_token(self, project_id: str = PROJECT_ID) -> str:
        """Return a token for a project that is valid for ten years, without a request to IAM."""
        with self.lock:
            user = IamUser(domain_name="", user_name="", password="", project_ids=(project_id,))
            return self.accounts.issue_token(
                user, project_id, self.now(), replace(self.rules, token_seconds=_TEN_YEARS)
            ).value

    def expire_tokens(self) -> int:
        """Expire every token now; returns how many were still valid."""
        with self.lock:
            return self.accounts.expire_tokens(self.now())

    # Instances

    def add_instances(self, *instances: Instance) -> None:
        """Add instances, or replace those of the same id."""
        with self.lock:
            for instance in instances:
                self._instances[instance.id] = instance
                self._by_project.setdefault(instance.project_id, {})[instance.id] = instance

    def change_instance(self, instance_id: str, **fields: object) -> None:
        """Change fields of an instance, such as its status. Raises `KeyError` for an unknown one."""
        with self.lock:
            self.add_instances(replace(self._instances[instance_id], **fields))  # type: ignore[arg-type]  # checked by pydantic

    def remove_instance(self, instance_id: str) -> None:
        """Delete an instance and its automatic backups; the manual ones stay, as in the real cloud."""
        with self.lock:
            removed = self._instances.pop(instance_id)
            del self._by_project[removed.project_id][instance_id]
            for backup in self.backups(instance_id):
                if backup.type == "auto":
                    self.store.delete(backup, self.now())

    def instance(self, project_id: str, instance_id: str) -> Instance | None:
        """Return an instance of the project."""
        with self.lock:
            return self._by_project.get(project_id, {}).get(instance_id)

    def instances(self, project_id: str | None = None) -> list[Instance]:
        """Return the instances, of one project or of all."""
        with self.lock:
            return list((self._instances if project_id is None else self._by_project.get(project_id, {})).values())

    # Backups

    def add_backups(self, *backups: PastBackup) -> list[str]:
        """Add backups that began in the past; returns their ids. Raises `KeyError` for an unknown instance."""
        with self.lock:
            return [self._add_backup(backup) for backup in backups]

    def _add_backup(self, past: PastBackup) -> str:
        instance = self._instances[past.instance_id]
        begin = past.begin_time.astimezone(UTC).replace(microsecond=0)
        backup = Backup(
            id=past.id or new_backup_id(), name=past.name, description=past.description, instance_id=instance.id,
            instance_name=instance.name, project_id=instance.project_id, type=past.type, begin_at=begin,
            ends_at=None if past.status is None else begin + timedelta(seconds=past.seconds),
            end_status=past.status or "", size_mb=past.size_mb, version=instance.version, job_id=str(uuid4()),
            created_at=begin, visible_at=begin, held=past.held,
        )  # fmt: skip
        self.store.add(backup)
        return backup.id

    def backups(self, instance_id: str | None = None) -> list[Backup]:
        """Return the backups that exist, newest first for one instance, in order of creation for all."""
        with self.lock:
            found: Iterable[Backup] = self.store.all() if instance_id is None else self.store.of_instance(instance_id)
            now = self.now()
            return [backup for backup in found if backup.exists(now)]

    def status_of(self, backup_id: str) -> str | None:
        """Return the current status of a backup, or `None` when it does not exist."""
        with self.lock:
            backup, now = self.store.get(backup_id), self.now()
            return backup.status(now) if backup is not None and backup.exists(now) else None

    # Faults and the request log

    def add_fault(self, fault: Fault) -> Fault:
        """Put a fault in force; returns it, for `remove_fault`."""
        with self.lock:
            self.faults.add(fault, self.now())
        return fault

    def remove_fault(self, fault: Fault | None = None) -> None:
        """Remove a fault, or all of them."""
        with self.lock:
            self.faults.remove(fault)

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests handled so far, in order of their responses."""
        with self.lock:
            return list(self._requests)

    def calls(self, operation: str) -> list[LoggedRequest]:
        """Return the requests of one operation."""
        return [request for request in self.requests if request.operation == operation]

    def clear_requests(self) -> None:
        """Empty the request log."""
        with self.lock:
            self._requests.clear()

    def log_request(self, entry: LoggedRequest) -> None:
        """Append an entry to the request log."""
        with self.lock:
            self._requests.append(entry)
