"""List the projects of the caller (docs/reference/gaussdb_api.md, "Tokens from IAM")."""

from typing import Any

from local.gaussdb_emulator.fleet import Project
from local.gaussdb_emulator.request import Request
from local.gaussdb_emulator.responses import Response
from local.gaussdb_emulator.state import Cloud


def list_projects(cloud: Cloud, request: Request, visible_projects: frozenset[str]) -> Response:
    """Return those of the visible projects that have the given name, or all."""
    name = request.parameters(plus=cloud.rules.raw_plus).get("name")
    projects = [project for key, project in cloud.accounts.projects.items() if key in visible_projects]
    found = [_render(project) for project in projects if name in (None, project.name)]
    return Response(status=200, document={"projects": found, "links": {"self": "", "previous": None, "next": None}})


def _render(project: Project) -> dict[str, Any]:
    return {"id": project.id, "name": project.name, "enabled": True, "is_domain": False, "description": ""}
