"""IAM: tokens by password, and projects (contract, section 8.1)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local.gaussdb_emulator.accounts import Token
from local.gaussdb_emulator.fleet import IamUser, Project
from local.gaussdb_emulator.request import Call
from local.gaussdb_emulator.responses import Answer, Refused, error
from local.gaussdb_emulator.state import Cloud

from .paging import parameters


def create_token(cloud: Cloud, call: Call) -> Answer:
    """Give a token for a user's name and password: 201, the token in `X-Subject-Token`."""
    auth = call.peek().get("auth")
    user = _authenticate(cloud, _dig(auth, "identity", "password", "user"))
    scope = _dig(auth, "scope", "project")
    project = _project_in_scope(cloud, user, scope) if scope else None
    token = cloud.accounts.issue(user, project.id if project else None, cloud.now(), cloud.rules)
    return Answer(status=201, document=_render_token(token, project), headers={"X-Subject-Token": token.value})


def list_projects(cloud: Cloud, call: Call, visible: frozenset[str]) -> Answer:
    """Return the caller's projects, by name if one is asked for."""
    name = parameters(cloud, call).get("name")
    found = [project for key, project in cloud.accounts.projects.items() if key in visible]
    shown = [_render_project(project) for project in found if name in (None, project.name)]
    return Answer(status=200, document={"projects": shown, "links": {"self": "", "previous": None, "next": None}})


def _refuse(status: int, message: str) -> Refused:
    return Refused(error(status, "", message, shape="keystone"))


def _dig(document: object, *path: str) -> dict[str, Any]:
    """Return the object at the end of a path of keys; an empty one where the path breaks off."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _authenticate(cloud: Cloud, asked: dict[str, Any]) -> IamUser:
    names = (_dig(asked, "domain").get("name"), asked.get("name"), asked.get("password"))
    if not all(isinstance(name, str) and name for name in names):
        raise _refuse(400, "The request body is invalid.")
    domain_name, user_name, password = map(str, names)
    user = cloud.accounts.users.get((domain_name, user_name))
    if user is None or user.password != password:
        raise _refuse(401, "The username or password is wrong.")
    return user


def _project_in_scope(cloud: Cloud, user: IamUser, scope: dict[str, Any]) -> Project:
    projects = _projects_of(cloud, user)
    found = [each for each in projects if each.id == scope.get("id") or each.name == scope.get("name")]
    if not found:
        raise _refuse(404, "Could not find project.")
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


def _render_project(project: Project) -> dict[str, Any]:
    return {"id": project.id, "name": project.name, "enabled": True, "is_domain": False, "description": ""}


def _render_time(at: datetime) -> str:
    """IAM's own form: UTC, with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
