"""Show the vault lock and the encryption of an instance's backups, and refuse every change of how backups are kept.

Source: docs/reference/gaussdb_api.md, "Protection of backups".
"""

from typing import Any

from local.gaussdb_emulator.fleet import Instance, VaultLock
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_NO_LOCK = {"lock_retention_days": 0, "lock_policy": False, "lock_start_time": 0, "lock_end_time": 0}


def show_vault_lock(cloud: Cloud, request: Request) -> Response:
    """Return the vault lock of an instance; what the API returns where there is none is not documented."""
    lock = _find(cloud, request).vault_lock
    return Response(status=200, document={"backup_vaultlock_info": _NO_LOCK if lock is None else _render(lock)})


def show_encryption(cloud: Cloud, request: Request) -> Response:
    """Return whether the backups of an instance are encrypted."""
    return Response(status=200, document={"encryption_status": _find(cloud, request).encryption})


def refuse_change(_: Cloud, request: Request) -> Response:
    """Raise an error that no real API has: a client of the emulator changed how backups are kept, and never may."""
    text = f"{request.method} {request.path} changes how backups are kept: no client of the emulator may call it."
    raise service_error(501, "EMULATOR.CHANGE_REFUSED", text)


def _find(cloud: Cloud, request: Request) -> Instance:
    instance = cloud.instance(request.project_id or "", request.instance_id or "")
    if instance is None:
        raise service_error(*cloud.rules.unknown_instance, "The instance does not exist.")
    return instance


def _render(lock: VaultLock) -> dict[str, Any]:
    """Render a vault lock; its times are milliseconds since 1970."""
    return {
        "lock_retention_days": lock.retention_days,
        "lock_policy": True,
        "lock_start_time": round(lock.starts_at.timestamp() * 1000),
        "lock_end_time": round(lock.ends_at.timestamp() * 1000),
    }
