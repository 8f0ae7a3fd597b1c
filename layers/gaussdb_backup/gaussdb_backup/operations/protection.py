"""Read what protects the backups of each instance, as far as time and permissions allow."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Literal, Protocol

from gaussdb_backup.domain.coverage import InstanceCoverage
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import Protection, VaultLock
from gaussdb_backup.errors import FixConfiguration, FixRequest, GiveUp, TryLater

PROTECTION_TIME = timedelta(seconds=60)
"""How long vault locks and encryption are read: two calls for each instance, which a large project has no time for."""


class ProtectionApi(Protocol):
    """The calls of the API by which protection is read."""

    def show_vault_lock(self, instance_id: str) -> VaultLock | None:
        """Return the vault lock of the backups of an instance."""

    def show_backup_encryption(self, instance_id: str) -> Literal["on", "off"] | None:
        """Return whether the backups of an instance are encrypted."""


def read_protection(
    measured: Sequence[InstanceCoverage], api: ProtectionApi, deadline: Deadline
) -> tuple[list[InstanceCoverage], list[str]]:
    """Read vault lock and encryption of each instance, while there is time; return a remark for what was not read.

    They are no part of coverage: what the API refuses here costs the audit nothing else, and the one not the other.
    """
    limit = deadline.within(PROTECTION_TIME)
    calls: dict[str, Callable[[str], object]] = {
        "vault_lock": api.show_vault_lock,
        "encryption": api.show_backup_encryption,
    }
    result, remarks = list(measured), list[str]()
    for index, one in enumerate(measured):
        if calls and limit.remaining <= timedelta(0):
            remarks.append(
                f"{_name(calls)} of {index} of {len(measured)} instances was read: there was no time for more"
            )
            break
        found: dict[str, object] = {}
        for field, show in list(calls.items()):
            try:
                found[field] = show(one.instance_id)
            except (FixConfiguration, TryLater) as error:
                del calls[field]
                remarks.append(f"{_name([field])} of {index} of {len(measured)} instances was read: {error}")
            except (FixRequest, GiveUp):
                continue
        if found:
            result[index] = one.model_copy(update={"protection": Protection.model_validate(found)})
    return result, remarks


def _name(fields: Iterable[str]) -> str:
    return " and ".join(field.replace("_", " ") for field in fields)
