"""List instances, or show one (docs/reference/gaussdb_api.md, "Listing instances")."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from local.gaussdb_emulator.fleet import Instance
from local.gaussdb_emulator.request import Request, page_of
from local.gaussdb_emulator.responses import Response, service_error
from local.gaussdb_emulator.state import Cloud

_V3_1_STATUS = {"BUILD": "creating", "FAILED": "abnormal", "FROZEN": "abnormal"}
_FIXED = {"type": "Cluster", "datastore_type": "gaussdb-mysql"}


def list_instances(cloud: Cloud, request: Request) -> Response:
    """Return one page of the project's instances, with the count of all that match."""
    parameters = request.parameters(plus=cloud.rules.raw_plus)
    matching = _filter(cloud.instances(request.project_id or ""), parameters)
    page = [_render(cloud, request, instance) for instance in page_of(matching, parameters)]
    return Response(status=200, document={"instances": page, "total_count": len(matching)})


def show_instance(cloud: Cloud, request: Request) -> Response:
    """Return one instance."""
    instance = cloud.instance(request.project_id or "", request.instance_id or "")
    if instance is None:
        raise service_error(*cloud.rules.unknown_instance, "The instance does not exist.")
    return Response(status=200, document={"instance": _render(cloud, request, instance)})


def _filter(instances: list[Instance], parameters: Mapping[str, str]) -> list[Instance]:
    """Apply the filters; those about networks are ignored."""
    if any(parameters.get(name, fixed) != fixed for name, fixed in _FIXED.items()):
        return []
    name, tags = parameters.get("name", ""), _read_tags(parameters.get("tags", ""))
    if name == "*":
        raise service_error(400, "DBS.200001", "Parameter error: name.")
    return [
        each for each in instances
        if parameters.get("id", each.id) == each.id and _matches_name(each, name)
        and tags.items() <= (each.tags or {}).items()
    ]  # fmt: skip


def _matches_name(instance: Instance, name: str) -> bool:
    """Compare names: with a leading `*` a part of the name is enough."""
    return name[1:] in instance.name if name.startswith("*") else name in ("", instance.name)


def _read_tags(text: str) -> dict[str, str]:
    """Parse `k=v,k2=v2`; a key must not be repeated."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    tags = {key: value for key, _, value in pairs}
    if len(tags) != len(pairs):
        raise service_error(400, "DBS.200001", "Parameter error: tags.")
    return tags


def _status(cloud: Cloud, request: Request, instance: Instance) -> str:
    if request.api_prefix == "v3.1":
        return _V3_1_STATUS.get(instance.status, "normal")
    busy = cloud.rules.show_backing_up and cloud.store.is_busy(instance.id, cloud.now())
    return "BACKING UP" if busy and instance.status == "ACTIVE" else instance.status


def _render(cloud: Cloud, request: Request, instance: Instance) -> dict[str, Any]:
    """Render an instance; some numbers are text, as in live responses."""
    return {
        "id": instance.id,
        "name": instance.name,
        "status": _status(cloud, request, instance),
        "type": "Cluster",
        "region": cloud.accounts.projects[instance.project_id].name,
        "datastore": {"type": "gaussdb-mysql", "version": instance.version, "kernel_version": "2.0.60.1"},
        "time_zone": "UTC+08:00",
        "port": "3306",
        "db_user_name": "root",
        "enterprise_project_id": "0",
        "private_ips": ["192.168.0.10"],
        "backup_strategy": _render_strategy(instance),
        "charge_info": {"charge_mode": "postPaid"},
        "tags": [{"key": key, "value": value} for key, value in (instance.tags or {}).items()],
        **_render_times(cloud, instance),
    }


def _render_strategy(instance: Instance) -> dict[str, str]:
    """Render the policy of the automatic backups; the days are text, and may be absent."""
    days = instance.automatic_keep_days
    return {"start_time": instance.automatic_start_time} | ({} if days is None else {"keep_days": str(days)})


def _render_times(cloud: Cloud, instance: Instance) -> dict[str, str]:
    """Render the creation, which is absent while the instance is made."""
    if instance.created is None:
        return {}
    created = cloud.rules.render_time(instance.created.astimezone(UTC))
    return {"created": created, "updated": created}
