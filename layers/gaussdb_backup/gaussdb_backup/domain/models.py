"""What the API returns and what a connection's secret holds, parsed once into immutable values.

Lenient about what the vendor sends (numbers as strings, `null`, absurd values, new fields, a misspelt key), because
none of that may ever stop a backup; only a record without a usable id is refused. Our own formats are parsed strictly,
in `backup_request.py` and `plan.py`.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from gaussdb_backup.domain.vendor_values import Days, Flag, Id, Instant, Name, Number, Switch, Text, Timestamp, Word

PAGE_SIZE = 100
"""Records on a page of a list, the most there may be (docs/reference/gaussdb_api.md, "Times and paging")."""


class Frozen(BaseModel):
    """An immutable value that ignores unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class LastResponse(Frozen):
    """Where the last response of the API came from, and when.

    `path` is the first part of the path, such as `mysql/v3`. `clock_skew` is how far the API's clock is ahead of ours,
    within the second that it shows; `None` where it shows none. `duration` is from the request to the whole response.
    """

    path: str
    clock_skew: timedelta | None
    duration: timedelta


class BackupStatus(StrEnum):
    """Status of a backup. The first four are the vendor's; UNKNOWN is any other word of the vendor's."""

    BUILDING = "BUILDING"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_good(self) -> bool:
        """Whether a database can be restored from it."""
        return self in (BackupStatus.COMPLETED, BackupStatus.AVAILABLE)

    @property
    def is_final(self) -> bool:
        """Whether the status is final. An unknown word is not: it might be a new stage of building."""
        return self.is_good or self is BackupStatus.FAILED


def _parse_status(word: object) -> BackupStatus:
    try:
        return BackupStatus(str(word).strip().upper())
    except ValueError:
        return BackupStatus.UNKNOWN


class Backup(Frozen):
    """One backup as the API describes it. Times are UTC; `size_mb` is in megabytes; `None` means not given (yet)."""

    id: Id
    name: Name = ""
    instance_id: Name = ""
    status: Annotated[BackupStatus, BeforeValidator(_parse_status)] = BackupStatus.UNKNOWN
    vendor_status: Word = Field(default=None, description="the API's own word")
    type: Text = None
    description: Text = Field(default=None, validation_alias=AliasChoices("description", "descriprion"))
    begin_time: Instant = None
    end_time: Instant = None
    size_mb: Number = Field(default=None, validation_alias=AliasChoices("size", "size_mb"))
    instance_name: Text = None

    @model_validator(mode="before")
    @classmethod
    def _keep_vendor_status(cls, data: Any) -> Any:  # noqa: ANN401 - whatever was given
        if isinstance(data, Mapping) and "vendor_status" not in data:
            return {**data, "vendor_status": data.get("status")}
        return data

    @property
    def is_manual(self) -> bool:
        """Whether it counts as a manual one in a list of manual ones: its type may be missing there, or in capitals."""
        return (self.type or "manual").strip().lower() == "manual"

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from begin to end, once both are known; `None` for an end before the begin."""
        if self.begin_time is None or self.end_time is None or self.end_time < self.begin_time:
            return None
        return (self.end_time - self.begin_time).total_seconds()


class CreatedBackup(Frozen):
    """The result of the create call. `job_id` is `None` on the documented path `mysql/v3`, which returns none."""

    backup: Backup
    job_id: Text = None


class BatchDeletion(Frozen):
    """The result of a batch deletion, in which each requested id is once.

    It is `deleted`, it was `gone` before, or it is `deferred` or has `failed`, with the API's (code, message): a text
    that is missing or malformed is empty. A deferred one cannot be deleted now: it is being deleted already, built, or
    restored from.
    """

    deleted: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    deferred: Mapping[str, tuple[str, str]] = Field(default_factory=dict)
    failed: Mapping[str, tuple[str, str]] = Field(default_factory=dict)


def _parse_tags(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    if not isinstance(value, list):
        return {}
    pairs = (item for item in value if isinstance(item, Mapping) and "key" in item)
    return {str(pair["key"]): str(pair.get("value") or "") for pair in pairs}


class Instance(Frozen):
    """One database instance. `status` is in capitals (docs/reference/gaussdb_api.md, "Listing instances").

    `created` is UTC. Automatic backups are kept for `automatic_keep_days` days, and begin within the hour
    `automatic_start_time`, such as `18:00-19:00` UTC; `None` means that the API did not say so.
    """

    id: Id
    name: Name = ""
    status: Annotated[str, BeforeValidator(lambda word: str(word or "").strip().upper())] = ""
    tags: Annotated[Mapping[str, str], BeforeValidator(_parse_tags)] = Field(default_factory=dict)
    created: Instant = None
    automatic_keep_days: Days = Field(
        default=None, validation_alias=AliasChoices("automatic_keep_days", AliasPath("backup_strategy", "keep_days"))
    )
    automatic_start_time: Word = Field(
        default=None, validation_alias=AliasChoices("automatic_start_time", AliasPath("backup_strategy", "start_time"))
    )


class VaultLock(Frozen):
    """The vault lock of an instance's backups: whether it is on, for how many days, and until when.

    Source: docs/reference/gaussdb_api.md, "Protection of backups".
    """

    retention_days: Days = Field(default=None, validation_alias=AliasChoices("retention_days", "lock_retention_days"))
    is_locked: Flag = Field(validation_alias=AliasChoices("is_locked", "lock_policy"))
    ends_at: Timestamp = Field(default=None, validation_alias=AliasChoices("ends_at", "lock_end_time"))


def _parse_vault_lock(value: object) -> VaultLock | None:
    """Parse a vault lock; one that is neither on nor off is not known."""
    try:
        return VaultLock.model_validate(value)
    except ValidationError:
        return None


class Protection(Frozen):
    """What protects an instance's backups; `None` for what is not known."""

    vault_lock: Annotated[VaultLock | None, BeforeValidator(_parse_vault_lock)] = Field(
        default=None, validation_alias=AliasChoices("vault_lock", "backup_vaultlock_info")
    )
    encryption: Switch = Field(default=None, validation_alias=AliasChoices("encryption", "encryption_status"))


class AccessKey(Frozen):
    """Credentials that sign each request (SDK-HMAC-SHA256). `security_token` comes with temporary ones."""

    access_key: str = Field(repr=False)
    secret_key: SecretStr
    security_token: SecretStr | None = None
    refusals_per_call: ClassVar[int] = 1

    @property
    def id(self) -> str:
        """What is locked after too many refused calls: the access key, as a hash."""
        return sha256(f"access key {self.access_key}".encode()).hexdigest()


class PasswordUser(Frozen):
    """Credentials that request a token from IAM. `iam_endpoint` has no trailing slash."""

    iam_endpoint: str
    domain_name: str = Field(repr=False)
    user_name: str = Field(repr=False)
    password: SecretStr
    refusals_per_call: ClassVar[int] = 2
    """The API may refuse a token that was kept, and then IAM the request for a new one."""

    @property
    def id(self) -> str:
        """What is locked after too many refused calls: the user, as a hash."""
        return sha256(f"user {self.iam_endpoint} {self.domain_name} {self.user_name}".encode()).hexdigest()


class Connection(Frozen):
    """Where and as whom to call the API for one cloud project. `endpoint` has no trailing slash.

    `version` is the id of the secret's version that it was read from.
    """

    endpoint: str
    project_id: str
    api_version: Literal["mysql/v3", "v3"] = "mysql/v3"
    credentials: AccessKey | PasswordUser
    version: str = ""
