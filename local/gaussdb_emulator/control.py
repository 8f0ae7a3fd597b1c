"""The control endpoint: the cloud's state and faults over HTTP, for clients in other processes."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import flask
import pydantic
from pydantic import TypeAdapter

from .backups import Backup
from .faults import Fault
from .fleet import AccessKey, Instance, PastBackup
from .state import Cloud

PREFIX = "/_control"


def control_blueprint(cloud: Cloud) -> flask.Blueprint:
    """Return the routes under `/_control`. All bodies are JSON; an invalid one is a 400 that names the field."""
    routes = flask.Blueprint("control", __name__, url_prefix=PREFIX)
    _add_read_routes(routes, cloud)
    _add_write_routes(routes, cloud)
    _add_action_routes(routes, cloud)
    routes.register_error_handler(pydantic.ValidationError, _invalid)
    routes.register_error_handler(KeyError, lambda error: ({"error": f"unknown: {error}"}, 404))
    return routes


def _invalid(error: pydantic.ValidationError) -> tuple[dict[str, Any], int]:
    return {"error": error.errors(include_url=False, include_context=False)}, 400


def _body[T](kind: type[T]) -> T:
    return TypeAdapter(kind).validate_json(flask.request.get_data() or b"null")


def _add_read_routes(routes: flask.Blueprint, cloud: Cloud) -> None:
    @routes.get("/backups")
    def backups() -> dict[str, Any]:
        found = cloud.backups(flask.request.args.get("instance_id"))
        return {"backups": [_render(cloud, backup) for backup in found]}

    @routes.get("/requests")
    def requests() -> dict[str, Any]:
        return {"requests": [asdict(request) | {"at": request.at.isoformat()} for request in cloud.requests]}

    @routes.get("/instances")
    def instances() -> dict[str, Any]:
        return {"instances": TypeAdapter(list[Instance]).dump_python(cloud.instances(), mode="json")}

    @routes.get("/clock")
    def clock() -> dict[str, Any]:
        return {"now": cloud.now().isoformat()}


def _add_write_routes(routes: flask.Blueprint, cloud: Cloud) -> None:
    @routes.post("/faults")
    def add_faults() -> dict[str, Any]:
        faults = _body(list[Fault])
        for fault in faults:
            cloud.add_fault(fault)
        return {"added": len(faults)}

    @routes.delete("/faults")
    def remove_faults() -> dict[str, Any]:
        cloud.remove_fault()
        return {}

    @routes.post("/instances")
    def add_instances() -> dict[str, Any]:
        instances = _body(list[Instance])
        cloud.add_instances(*instances)
        return {"added": len(instances)}

    @routes.post("/backups")
    def add_backups() -> dict[str, Any]:
        return {"ids": cloud.add_backups(*_body(list[PastBackup]))}

    @routes.post("/keys")
    def add_key() -> dict[str, Any]:
        cloud.add_key(_body(AccessKey))
        return {}


def _add_action_routes(routes: flask.Blueprint, cloud: Cloud) -> None:
    @routes.post("/clock/advance/<int:seconds>")
    def advance(seconds: int) -> dict[str, Any]:
        cloud.advance(timedelta(seconds=seconds))
        return {"now": cloud.now().isoformat()}

    @routes.post("/tokens/expire")
    def expire_tokens() -> dict[str, Any]:
        return {"expired": cloud.expire_tokens()}

    @routes.delete("/requests")
    def clear_requests() -> dict[str, Any]:
        cloud.clear_requests()
        return {}


def _render(cloud: Cloud, backup: Backup) -> dict[str, Any]:
    times = {
        name: value.isoformat() if value else None
        for name, value in (
            ("begin_at", backup.begin_at),
            ("ends_at", backup.ends_at),
            ("deleted_at", backup.deleted_at),
        )
    }
    plain = {
        name: getattr(backup, name) for name in ("id", "name", "instance_id", "project_id", "type", "job_id", "size_mb")
    }
    return plain | times | {"status": backup.status(cloud.now())}
