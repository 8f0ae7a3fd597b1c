"""Listing instances (contract, section 4)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.gaussdb_emulator.fleet import Instance
from local.gaussdb_emulator.request import Call
from local.gaussdb_emulator.responses import Answer, refuse
from local.gaussdb_emulator.state import Cloud

from .paging import page, parameters

_UNIFIED = {"BUILD": "creating", "FAILED": "abnormal", "FROZEN": "abnormal"}
_CREATED = datetime(2024, 1, 1, tzinfo=UTC)
_WHAT_WE_ARE = {"type": "Cluster", "datastore_type": "gaussdb-mysql"}


def list_instances(cloud: Cloud, call: Call) -> Answer:
    """Return one page of the project's instances, with the count of all that match."""
    asked = parameters(cloud, call)
    matching = _match(cloud.instances(call.project_id or ""), asked)
    shown = [_render(cloud, call, instance) for instance in page(matching, asked)]
    return Answer(status=200, document={"instances": shown, "total_count": len(matching)})


def show_instance(cloud: Cloud, call: Call) -> Answer:
    """Return one instance."""
    instance = cloud.instance(call.project_id or "", call.instance_id or "")
    if instance is None:
        raise refuse(*cloud.rules.unknown_instance, "The instance does not exist.")
    return Answer(status=200, document={"instance": _render(cloud, call, instance)})


def _match(instances: list[Instance], asked: Mapping[str, str]) -> list[Instance]:
    """Apply the filters; those about networks are not emulated, and take nothing away."""
    if any(asked.get(name, ours) != ours for name, ours in _WHAT_WE_ARE.items()):
        return []
    name, tags = asked.get("name", ""), _read_tags(asked.get("tags", ""))
    if name == "*":
        raise refuse(400, "DBS.200001", "Parameter error: name.")
    return [
        each for each in instances
        if asked.get("id", each.id) == each.id and _has_name(each, name) and tags.items() <= (each.tags or {}).items()
    ]  # fmt: skip


def _has_name(instance: Instance, wanted: str) -> bool:
    """Compare names: a leading `*` asks for a part, anything else for the whole."""
    return wanted[1:] in instance.name if wanted.startswith("*") else wanted in ("", instance.name)


def _read_tags(text: str) -> dict[str, str]:
    """Read `k=v,k2=v2`; all must hold, and no key may come twice."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    tags = {key: value for key, _, value in pairs}
    if len(tags) != len(pairs):
        raise refuse(400, "DBS.200001", "Parameter error: tags.")
    return tags


def _status(cloud: Cloud, call: Call, instance: Instance) -> str:
    if call.family == "v3.1":
        return _UNIFIED.get(instance.status, "normal")
    busy = cloud.rules.show_backing_up and cloud.store.is_busy(instance.id, cloud.now())
    return "BACKING UP" if busy and instance.status == "ACTIVE" else instance.status


def _render(cloud: Cloud, call: Call, instance: Instance) -> dict[str, Any]:
    """Render an instance; some numbers are text, as in the live answers (contract, section 4.2)."""
    created = cloud.rules.render_time(instance.created or _CREATED)
    return {
        "id": instance.id,
        "name": instance.name,
        "status": _status(cloud, call, instance),
        "type": "Cluster",
        "region": cloud.accounts.projects[instance.project_id].name,
        "datastore": {"type": "gaussdb-mysql", "version": instance.version, "kernel_version": "2.0.60.1"},
        "created": created,
        "updated": created,
        "time_zone": "UTC+08:00",
        "port": "3306",
        "db_user_name": "root",
        "enterprise_project_id": "0",
        "private_ips": ["192.168.0.10"],
        "backup_strategy": {"start_time": "18:00-19:00", "keep_days": "7"},
        "charge_info": {"charge_mode": "postPaid"},
        "tags": [{"key": key, "value": value} for key, value in (instance.tags or {}).items()],
    }
