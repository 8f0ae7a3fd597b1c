"""Create a token for a user's name and password (docs/reference/gaussdb_api.md, "Tokens from IAM")."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local.gaussdb_emulator.accounts import Token
from local.gaussdb_emulator.fleet import IamUser, Project
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import ApiError, Response, error_response
from local.gaussdb_emulator.state import Cloud


def create_token(cloud: Cloud, request: Request) -> Response:
    """Create a token: 201, the token in `X-Subject-Token`."""
    auth = request.document_or_empty().get("auth")
    user = _authenticate(cloud, _object_at(auth, "identity", "password", "user"))
    scope = _object_at(auth, "scope", "project")
    project = _project_in_scope(cloud, user, scope) if scope else None
    token = cloud.accounts.issue_token(user, project.id if project else None, cloud.now(), cloud.rules)
    return Response(status=201, document=_render_token(token, project), headers={"X-Subject-Token": token.value})


def _iam_error(status: int, message: str) -> ApiError:
    return ApiError(error_response(status, "", message, shape="keystone"))


def _object_at(document: object, *path: str) -> dict[str, Any]:
    """Return the object at the end of a path of keys; an empty one where a key is missing."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _authenticate(cloud: Cloud, given: dict[str, Any]) -> IamUser:
    credentials = (_object_at(given, "domain").get("name"), given.get("name"), given.get("password"))
    if not all(isinstance(each, str) and each for each in credentials):
        raise _iam_error(400, "The request body is invalid.")
    domain_name, user_name, password = map(str, credentials)
    user = cloud.accounts.users.get((domain_name, user_name))
    if user is None or user.password != password:
        raise _iam_error(401, "The username or password is wrong.")
    return user


def _project_in_scope(cloud: Cloud, user: IamUser, scope: dict[str, Any]) -> Project:
    projects = _projects_of(cloud, user)
    found = [each for each in projects if each.id == scope.get("id") or each.name == scope.get("name")]
    if not found:
        raise _iam_error(404, "Could not find project.")
    return found[0]


def _projects_of(cloud: Cloud, user: IamUser) -> Iterable[Project]:
    return (cloud.accounts.projects[key] for key in user.project_ids if key in cloud.accounts.projects)


def _render_token(token: Token, project: Project | None) -> dict[str, Any]:
    domain = {"name": token.user.domain_name, "id": "d78cbac186b744899480f25bd0224680"}
    scope = {"project": {"id": project.id, "name": project.name, "domain": domain}} if project else {"domain": domain}
    return {
        "token": scope
        | {
            "methods": ["password"],
            "issued_at": _render_time(token.issued_at),
            "expires_at": _render_time(token.expires_at),
            "user": {"name": token.user.user_name, "domain": domain},
            "roles": [{"id": "0", "name": "te_admin"}],
            "catalog": [],
        }
    }


def _render_time(at: datetime) -> str:
    """Render a time as IAM does: UTC, with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
