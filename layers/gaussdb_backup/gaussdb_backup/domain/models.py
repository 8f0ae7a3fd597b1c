"""What the API returns and what a connection's secret holds, parsed once into immutable values.

Lenient about what the vendor sends (numbers as strings, `null`, absurd values, new fields, a misspelt key), because
none of that may ever stop a backup; only a record without a usable id is refused. Our own formats are parsed strictly,
in `backup_request.py` and `plan.py`.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

PAGE_SIZE = 100
"""Records on a page of a list, the most there may be (docs/reference/gaussdb_api.md, "Times and paging")."""


EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Between these lie all times that mean something; one outside was never meant, and breaks arithmetic with times."""
MAX_NUMBER = 1e15
"""A greater number than this is no size of anything, and CloudWatch would refuse it."""
MAX_TEXT = 256
"""Characters that are kept of a text of the vendor's: a description has no more."""
MAX_WORD = 64
"""Printable characters that are kept of a word of the vendor's, which is logged as it is."""


class Frozen(BaseModel):
    """An immutable value that ignores unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


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


def _parse_instant(value: object) -> datetime | None:
    """Parse `yyyy-mm-ddThh:mm:ss+0800` and similar forms as UTC; anything else is unknown (`None`), not an error.

    A time without an offset is taken as UTC; the vendor's documents print some with `_0800` for `+0800`.
    """
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(_repair_offset(value))
        instant = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return instant if EARLIEST <= instant < LATEST else None


def _repair_offset(value: object) -> str:
    return re.sub(r"_(\d{4})$", r"+\1", value.strip()) if isinstance(value, str) else ""


def _parse_number(value: object) -> float | None:
    """Parse a count of something; what is negative, not finite or absurd is unknown."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number <= MAX_NUMBER else None


def _parse_text(value: object) -> str | None:
    return None if value in (None, "") else _clean(str(value))[:MAX_TEXT]


def _parse_name(value: object) -> str:
    return _parse_text(value) or ""


def _parse_id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("neither a text nor a number")  # noqa: TRY004 - pydantic collects ValueError only
    return _clean(str(value))


def _clean(text: str) -> str:
    """Replace the halves of characters that JSON may have, since no UTF-8 has them."""
    return text.encode(errors="replace").decode()


def _parse_word(value: object) -> str | None:
    text = _parse_text(value)
    return None if text is None else "".join(c if c.isprintable() else " " for c in text)[:MAX_WORD]


Id = Annotated[str, BeforeValidator(_parse_id), Field(min_length=1)]
Instant = Annotated[datetime | None, BeforeValidator(_parse_instant)]
Number = Annotated[float | None, BeforeValidator(_parse_number)]
Name = Annotated[str, BeforeValidator(_parse_name)]
Text = Annotated[str | None, BeforeValidator(_parse_text)]
Word = Annotated[str | None, BeforeValidator(_parse_word)]


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
    """The result of a batch deletion: the deleted ids, and for each other id the API's (code, message)."""

    deleted: tuple[str, ...] = ()
    failed: Mapping[str, tuple[str, str]] = Field(default_factory=dict)


def _parse_tags(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    if not isinstance(value, list):
        return {}
    pairs = (item for item in value if isinstance(item, Mapping) and "key" in item)
    return {str(pair["key"]): str(pair.get("value") or "") for pair in pairs}


class Instance(Frozen):
    """One database instance. `status` is in capitals (docs/reference/gaussdb_api.md, "Listing instances")."""

    id: Id
    name: Name = ""
    status: Annotated[str, BeforeValidator(lambda word: str(word or "").strip().upper())] = ""
    tags: Annotated[Mapping[str, str], BeforeValidator(_parse_tags)] = Field(default_factory=dict)


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
