"""The emulator as a WSGI application."""

from collections.abc import Callable, Mapping
from email.utils import format_datetime
from functools import partial

import flask
from werkzeug.exceptions import HTTPException

from .control import control_blueprint
from .request import ApiPrefix, Request
from .request_handler import handle_request
from .responses import Response
from .state import Cloud

_ROUTES: tuple[tuple[str, ApiPrefix, str, str], ...] = (
    ("POST", "mysql/v3", "backups/create", "create"),
    ("POST", "v3", "backups/create", "create"),
    ("GET", "mysql/v3", "backups", "list"),
    ("GET", "v3", "backups", "list"),
    ("DELETE", "v3", "backups/<backup_id>", "delete"),
    ("DELETE", "v3", "backups", "batch_delete"),
    ("GET", "mysql/v3", "instances", "instances"),
    ("GET", "v3", "instances", "instances"),
    ("GET", "v3.1", "instances", "instances"),
    ("GET", "v3", "instances/<instance_id>", "instance"),
    ("GET", "v3.1", "instances/<instance_id>", "instance"),
    ("GET", "v3", "instances/<instance_id>/backups/vault-lock", "vault_lock"),
    ("GET", "v3", "instances/<instance_id>/backups/encryption", "encryption"),
    *(
        (method, "v3", path, "change_protection")
        for method, path in (
            ("POST", "instances/backups/policy"),
            ("PUT", "instances/<instance_id>/backups/policy/update"),
            ("PUT", "instances/<instance_id>/backups/advanced-policy"),
            ("PUT", "instances/<instance_id>/backups/offsite-policy"),
            ("PUT", "instances/<instance_id>/backups/vault-lock"),
            ("POST", "instances/<instance_id>/backups/encryption"),
        )
    ),
    ("GET", "mysql/v3", "jobs", "jobs"),
    ("GET", "v3", "jobs", "jobs"),
)
_IAM_ROUTES = (
    ("POST", "/v3/auth/tokens", "token"),
    ("GET", "/v3/projects", "projects"),
    ("GET", "/v3/auth/projects", "projects"),
)


def create_app(cloud: Cloud, *, control: bool = False) -> flask.Flask:
    """Return the application over a cloud. Without `control`, `/_control/…` is as unknown as any other path.

    `ConnectionDropped` and `ResponseTooLate` leave the application as exceptions; `EmulatorTransport` and `serve`
    handle them.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.url_map.merge_slashes = False
    for method, api_prefix, rest, operation in _ROUTES:
        _add(app, method, f"/{api_prefix}/<project_id>/{rest}", partial(_respond, cloud, operation, api_prefix))
    for method, rule, operation in _IAM_ROUTES:
        _add(app, method, rule, partial(_respond, cloud, operation, "iam"))
    app.register_error_handler(HTTPException, lambda _: _respond(cloud, "unknown", ""))
    if control:
        app.register_blueprint(control_blueprint(cloud))
    return app


def _add(app: flask.Flask, method: str, rule: str, respond: Callable[..., flask.Response]) -> None:
    app.add_url_rule(
        rule, f"{method} {rule}", respond, methods=[method], provide_automatic_options=False, strict_slashes=True
    )


def _respond(cloud: Cloud, operation: str, api_prefix: ApiPrefix, **path: str) -> flask.Response:
    request = _read_request(operation, api_prefix, path)
    sent = _to_flask(handle_request(cloud, request), request)
    sent.headers.setdefault("Date", format_datetime(cloud.now(), usegmt=True))
    return sent


def _read_request(operation: str, api_prefix: ApiPrefix, path: Mapping[str, str]) -> Request:
    arrived = flask.request
    raw_path, _, raw_query = _raw_target(arrived.environ).partition("?")
    return Request(
        operation=operation,
        api_prefix=api_prefix,
        method=arrived.method,
        path=raw_path,
        query=raw_query,
        headers={name.lower(): value for name, value in arrived.headers.items()},
        body=arrived.get_data(),
        project_id=path.get("project_id"),
        backup_id=path.get("backup_id"),
        instance_id=path.get("instance_id"),
        read_timeout=arrived.environ.get("emulator.read_timeout"),
    )


def _raw_target(environ: Mapping[str, str]) -> str:
    """Return path and query as they were on the wire; where the server does not pass them, escapes are lost."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    query = environ.get("QUERY_STRING", "")
    return raw or environ.get("PATH_INFO", "/") + (f"?{query}" if query else "")


def _to_flask(response: Response, request: Request) -> flask.Response:
    sent = flask.Response(response.body(), status=response.status, content_type=response.content_type)
    sent.headers["X-Request-Id"] = request.request_id
    sent.headers["Server"] = "api-gateway"
    sent.headers.update(dict(response.headers))
    if request.api_prefix == "iam":
        sent.headers["X-IAM-Trace-Id"] = request.request_id
    return sent
