"""The initial contents of a cloud: projects, credentials, instances, backups, and rules of unconfirmed behaviour."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")

PROJECT_ID = "0483b6b16e954cb88930a360d2c4e663"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Project:
    """A cloud project; one connection of the application."""

    id: str = PROJECT_ID
    name: str = "eu-de"
    domain_name: str = "example-domain"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class AccessKey:
    """A pair that signs requests for one project. One with a `security_token` is temporary and needs it.

    `allowed_actions` are those of its user's policies, such as `gaussdb:backup:create`; `None` means all.
    """

    access_key: str
    secret_key: str
    project_id: str = PROJECT_ID
    security_token: str | None = None
    allowed_actions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class IamUser:
    """A user who requests tokens by password, for any of `project_ids`. `allowed_actions` as of an access key."""

    domain_name: str
    user_name: str
    password: str
    project_ids: tuple[str, ...] = (PROJECT_ID,)
    allowed_actions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class VaultLock:
    """A vault lock: for `retention_days` from `starts_at`, no manual backup of its instance is deleted.

    That the days are those of the lock, not of each backup, is unconfirmed (docs/reference/gaussdb_api.md,
    "Protection of backups").
    """

    retention_days: int
    starts_at: AwareDatetime

    @property
    def ends_at(self) -> datetime:
        """When backups may be deleted again."""
        return self.starts_at + timedelta(days=self.retention_days)

    def is_in_force(self, now: datetime) -> bool:
        """Whether it keeps backups from deletion now."""
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Instance:
    """One database instance, how its backups end, and how they are kept.

    `status` is one of docs/reference/gaussdb_api.md, "Listing instances". A backup takes `backup_seconds`, then has
    the status `backup_ends` (COMPLETED, FAILED, AVAILABLE, or one that the vendor may add); with `None` it never ends.
    Without `created` the list has no such field, as while an instance is made. `automatic_keep_days` and
    `automatic_start_time` are those of its automatic backups, which the emulator does not make.
    """

    id: str
    name: str = ""
    project_id: str = PROJECT_ID
    status: str = "ACTIVE"
    tags: dict[str, str] | None = None
    backup_seconds: float = 60.0
    backup_ends: str | None = "COMPLETED"
    size_mb: float = 512.5
    version: str = "8.0"
    created: AwareDatetime | None = None
    automatic_keep_days: int | None = 7
    automatic_start_time: str = "18:00-19:00"
    encryption: Literal["on", "off"] = "off"
    vault_lock: VaultLock | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class PastBackup:
    """A backup that exists from the start. `seconds` is its duration; `held` means locked, or being restored from.

    `status` is the one it ended with; `None` means that it is still BUILDING. Without an `id` it gets a new one.
    """

    instance_id: str
    name: str
    begin_time: AwareDatetime
    id: str | None = None
    type: Literal["manual", "auto"] = "manual"
    status: str | None = "COMPLETED"
    description: str = ""
    seconds: float = 60.0
    size_mb: float = 512.5
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Rules:
    """Behaviour of the API that is unconfirmed, and limits that a test may change. Durations are in seconds.

    The defaults are those that demand most of a client: a backup's name may repeat, the `name` filter finds parts of
    names, a raw `+` in a query becomes a space, a filter in the future is rejected, a deleted backup stays listed for
    a while. Source: docs/reference/gaussdb_api.md, "Unconfirmed".
    """

    unique_names: bool = False
    name_filter: Literal["contains", "exact"] = "contains"
    raw_plus: Literal["space", "plus"] = "space"
    reject_future_times: bool = True
    show_backing_up: bool = True
    unknown_instance: tuple[int, str] = (404, "DBS.200045")
    missing_backup: tuple[int, str] = (404, "DBS.201010")
    automatic_backup: tuple[int, str] = (400, "DBS.201204")
    locked_backup: tuple[int, str] = (400, "DBS.201208")
    no_permission: tuple[int, str] = (403, "DBS.200010")
    job_lag_seconds: float = 5.0
    deletion_seconds: float = 15.0
    utc_offset_hours: float = 8.0
    token_seconds: float = 24 * 3600.0
    clock_skew_seconds: float = 15 * 60.0
    lock_after_failures: int = 5
    lock_seconds: float = 5 * 60.0

    def render_time(self, at: datetime) -> str:
        """Render a time as `yyyy-mm-ddThh:mm:ss+0800`, in the cloud's offset.

        Source: docs/reference/gaussdb_api.md, "Times and paging".
        """
        return (at + timedelta(hours=self.utc_offset_hours)).strftime("%Y-%m-%dT%H:%M:%S") + self._offset()

    def _offset(self) -> str:
        minutes = round(self.utc_offset_hours * 60)
        sign = "-" if minutes < 0 else "+"
        return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


@dataclass(frozen=True, slots=True, kw_only=True, config=_STRICT)
class Fleet:
    """The contents of a cloud at its start; the shape of the file for `python -m local.gaussdb_emulator --fleet`."""

    projects: tuple[Project, ...] = (Project(),)
    access_keys: tuple[AccessKey, ...] = ()
    users: tuple[IamUser, ...] = ()
    instances: tuple[Instance, ...] = ()
    backups: tuple[PastBackup, ...] = ()
    rules: Rules = Rules()


def read_fleet(text: str | bytes) -> Fleet:
    """Read a fleet from JSON. Raises `pydantic.ValidationError` naming each field that is wrong."""
    return TypeAdapter(Fleet).validate_json(text)


def example_fleet() -> Fleet:
    """Return three instances in one project, with public credentials: for trying the emulator by hand."""
    instances = tuple(
        Instance(id=f"{number:032x}in07", name=name, tags={"env": env}, backup_seconds=20)
        for number, (name, env) in enumerate((("orders", "prod"), ("billing", "prod"), ("scratch", "dev")), start=1)
    )
    return Fleet(
        access_keys=(AccessKey(access_key="EXAMPLEAK0000000001A", secret_key="example-secret-key"),),  # noqa: S106 - example
        users=(IamUser(domain_name="example-domain", user_name="backup", password="example-password"),),  # noqa: S106 - example
        instances=instances,
    )
