"""Backups and policies for tests of the retention rules."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gaussdb_backup.domain.keep_rules import KeepRules
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.retention import RetentionPolicy

PREFIX = "nightly-"


def make_backup(id_: str, begin_time: datetime | str | None, **fields: object) -> Backup:
    """A good manual backup of the policy's own, as long as no field has it otherwise."""
    defaults = {"name": PREFIX + id_, "status": "COMPLETED", "type": "manual", "begin_time": begin_time}
    return Backup.model_validate({"id": id_, "instance_id": "a" * 32, **defaults, **fields})


def make_policy(
    *, zone: str = "UTC", name_prefix: str = PREFIX, minimum_good: int = 1, **rules: Any
) -> RetentionPolicy:
    return RetentionPolicy(KeepRules.model_validate(rules), ZoneInfo(zone), name_prefix, minimum_good)


def from_restic(options: dict[str, Any]) -> KeepRules:
    """The rules of restic's options, such as `keep-within-daily`."""
    names = {option: option.removeprefix("keep-").replace("-", "_") for option in options}
    return KeepRules.model_validate({names[option]: value for option, value in options.items()})
