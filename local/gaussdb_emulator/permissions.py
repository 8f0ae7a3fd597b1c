"""The permission that each operation needs, and the refusal of a caller who lacks it."""

from collections.abc import Mapping

from .request import Request
from .responses import ApiError, error_response
from .state import Cloud

# The name in a custom policy (version 1.1), then that in an identity policy; either is enough. Source: each operation
# in docs/reference/gaussdb_api.md, under "Permission". Backups are listed with a permission for backups only: the
# vendor also names the one for listing instances, and whether that is enough is not known ("Unconfirmed" there). Nor
# is the permission for showing a vault lock: this is the one for showing the policy of automatic backups.
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "create": ("gaussdb:backup:create", "gaussdbformysql:backup:create"),
    "list": ("gaussdb:backup:list", "gaussdbformysql:backup:list"),
    "delete": ("gaussdb:backup:delete", "gaussdbformysql:backup:delete"),
    "batch_delete": ("gaussdb:backup:delete", "gaussdbformysql:backup:delete"),
    "instances": ("gaussdb:instance:list", "gaussdbformysql:instance:list"),
    "instance": ("gaussdb:instance:list", "gaussdbformysql:instance:list"),
    "vault_lock": ("gaussdb:backup:list", "gaussdbformysql:backup:listPolicy"),
    "encryption": ("gaussdb:backup:encrypt", "gaussdbformysql:backup:encrypt"),
    "jobs": ("gaussdbformysql:task:list",),
}
"""Operations that are not listed need none."""


def check_permission(cloud: Cloud, request: Request, allowed_actions: frozenset[str] | None) -> None:
    """Raise the `ApiError` of a missing permission; with `None` a caller may do everything.

    It has the shape with IAM's authorization message (docs/reference/gaussdb_api.md, "Shapes of error bodies").
    """
    needed = PERMISSIONS.get(request.operation)
    if needed is None or allowed_actions is None or not allowed_actions.isdisjoint(needed):
        return
    status, code = cloud.rules.no_permission
    text = f"Policy doesn't allow {needed[0]} to be performed."
    raise ApiError(error_response(status, code, text, shape="details", request_id=request.request_id))
