"""The emulator as a WSGI application."""

from collections.abc import Callable, Mapping
from functools import partial

import flask
from werkzeug.exceptions import HTTPException

from .control import control_blueprint
from .request import Call, Family
from .request_handler import respond
from .responses import Answer
from .state import Cloud

_ROUTES: tuple[tuple[str, Family, str, str], ...] = (
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
    ("GET", "mysql/v3", "jobs", "jobs"),
    ("GET", "v3", "jobs", "jobs"),
)


def create_app(cloud: Cloud, *, control: bool = False) -> flask.Flask:
    """Return the application over a cloud. Without `control`, `/_control/…` is as unknown as any other path.

    `ConnectionDropped` and `AnswerTooLate` leave the application as exceptions: `EmulatorTransport` and `serve` know
    what to do with them.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.url_map.merge_slashes = False
    for method, family, rest, operation in _ROUTES:
        _add(app, method, f"/{family}/<project_id>/{rest}", partial(_view, cloud, operation, family))
    _add(app, "POST", "/v3/auth/tokens", partial(_view, cloud, "token", "iam"))
    _add(app, "GET", "/v3/projects", partial(_view, cloud, "projects", "iam"))
    _add(app, "GET", "/v3/auth/projects", partial(_view, cloud, "projects", "iam"))
    app.register_error_handler(HTTPException, lambda _: _view(cloud, "unknown", ""))
    if control:
        app.register_blueprint(control_blueprint(cloud))
    return app


def _add(app: flask.Flask, method: str, rule: str, view: Callable[..., flask.Response]) -> None:
    app.add_url_rule(
        rule, f"{method} {rule}", view, methods=[method], provide_automatic_options=False, strict_slashes=True
    )


def _view(cloud: Cloud, operation: str, family: Family, **path: str) -> flask.Response:
    call = _read_call(operation, family, path)
    return _as_response(respond(cloud, call), call)


def _read_call(operation: str, family: Family, path: Mapping[str, str]) -> Call:
    request = flask.request
    raw_path, _, raw_query = _raw_target(request.environ).partition("?")
    return Call(
        operation=operation,
        family=family,
        method=request.method,
        path=raw_path,
        query=raw_query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(),
        project_id=path.get("project_id"),
        backup_id=path.get("backup_id"),
        instance_id=path.get("instance_id"),
        read_timeout=request.environ.get("emulator.read_timeout"),
    )


def _raw_target(environ: Mapping[str, str]) -> str:
    """Return path and query as they were on the wire; a server that does not tell loses escapes of the path."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    query = environ.get("QUERY_STRING", "")
    return raw or environ.get("PATH_INFO", "/") + (f"?{query}" if query else "")


def _as_response(answer: Answer, call: Call) -> flask.Response:
    response = flask.Response(answer.body(), status=answer.status, content_type=answer.content_type)
    response.headers["X-Request-Id"] = call.request_id
    response.headers["Server"] = "api-gateway"
    response.headers.update(dict(answer.headers))
    if call.family == "iam":
        response.headers["X-IAM-Trace-Id"] = call.request_id
    return response
