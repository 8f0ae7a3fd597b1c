"""Handle one request: authenticate, apply faults, run the operation, apply faults again, log."""

from collections.abc import Callable
from dataclasses import replace

from .faults import Effect, Fault, Phase
from .gateway import authorize
from .operations.create_backup import create_backup
from .operations.create_token import create_token
from .operations.delete_backups import delete_backup, delete_backups
from .operations.list_backups import list_backups
from .operations.list_instances import list_instances, show_instance
from .operations.list_projects import list_projects
from .operations.protection import refuse_change, show_encryption, show_vault_lock
from .operations.show_job import show_job
from .request import LoggedRequest, Request
from .responses import ApiError, ConnectionDropped, Response, ResponseTooLate, gateway_error
from .state import Cloud

_OPERATIONS: dict[str, Callable[[Cloud, Request], Response]] = {
    "create": create_backup,
    "list": list_backups,
    "delete": delete_backup,
    "batch_delete": delete_backups,
    "instances": list_instances,
    "instance": show_instance,
    "vault_lock": show_vault_lock,
    "encryption": show_encryption,
    "change_protection": refuse_change,
    "jobs": show_job,
    "token": create_token,
}
_PUBLIC = ("token", "unknown")  # operations that need no credentials


def handle_request(cloud: Cloud, request: Request) -> Response:
    """Return the response to a request, and log both.

    Raises `ConnectionDropped` where a fault requires it, and `ResponseTooLate` where a slow response outlasts the read
    timeout of the request; in both cases the operation may have been done.
    """
    return _RequestHandler(cloud, request).handle()


class _RequestHandler:
    """One request, with the faults that were applied to it."""

    def __init__(self, cloud: Cloud, request: Request) -> None:
        self._cloud = cloud
        self._request = request
        self._instance_ids = _instance_ids_of(cloud, request)
        self._applied: list[Fault] = []
        self._is_late = False

    def handle(self) -> Response:
        response: Response | None = None
        try:
            response = self._process()
            if self._is_late:
                response = None
                raise ResponseTooLate
        except ApiError as error:
            response = error.response
        finally:
            self._cloud.log_request(self._log_entry(response))
        return response

    def _process(self) -> Response:
        is_public = self._request.operation in _PUBLIC
        visible_projects = frozenset() if is_public else authorize(self._cloud, self._request)
        replaced = self._apply_fault(Phase.BEFORE, None)
        if replaced is not None:
            return replaced
        response = self._run_operation(visible_projects)
        return (self._apply_fault(Phase.AFTER, response) if response.is_success else None) or response

    def _run_operation(self, visible_projects: frozenset[str]) -> Response:
        with self._cloud.lock:
            if self._request.operation == "projects":
                return list_projects(self._cloud, self._request, visible_projects)
            operation = _OPERATIONS.get(self._request.operation)
            if operation is None:
                text = "The API does not exist or has not been published in the environment"
                raise gateway_error(404, "APIGW.0101", text, self._request.request_id)
            return operation(self._cloud, self._request)

    def _apply_fault(self, phase: Phase, response: Response | None) -> Response | None:
        """Apply the first fault of this phase; returns the response that replaces the operation's, if any."""
        with self._cloud.lock:
            fault = self._cloud.faults.take_first(phase, self._request, self._instance_ids, self._cloud.now())
        if fault is None:
            return None
        self._applied.append(fault)
        match fault.effect:
            case Effect.RESPOND:
                return fault.response(self._request.request_id)
            case Effect.DROP | Effect.RESET:
                raise ConnectionDropped(reset=fault.effect is Effect.RESET)
            case Effect.SLOW:
                self._sleep(fault.seconds)
            case Effect.NO_BACKUP_ID if response is not None:
                return _without_backup_id(response)
            case _:
                pass
        return None

    def _sleep(self, seconds: float) -> None:
        """Sleep until the read timeout at most; the operation is done all the same."""
        timeout = self._request.read_timeout
        self._is_late = timeout is not None and seconds >= timeout
        self._cloud.sleep(min(seconds, timeout) if timeout is not None else seconds)

    def _log_entry(self, response: Response | None) -> LoggedRequest:
        request = self._request
        return LoggedRequest(
            at=self._cloud.now(),
            method=request.method,
            path=request.path,
            query=request.query,
            operation=request.operation,
            api_prefix=request.api_prefix,
            project_id=request.project_id,
            instance_ids=tuple(sorted(self._instance_ids)),
            status=response.status if response else None,
            code=response.code if response else None,
            faults=tuple(str(fault.effect) for fault in self._applied),
            request_id=request.request_id,
        )


def _instance_ids_of(cloud: Cloud, request: Request) -> frozenset[str]:
    """Return the instances that a request names, or whose backups it names."""
    document = request.document_or_empty()
    named = {request.instance_id, document.get("instance_id"), dict(request.query_pairs()).get("instance_id")}
    listed = document.get("backup_ids")
    with cloud.lock:
        ids = [request.backup_id, *(listed if isinstance(listed, list) else [])]
        backups = [cloud.store.get(each) for each in ids if isinstance(each, str)]
    return frozenset(name for name in named if isinstance(name, str)) | {each.instance_id for each in backups if each}


def _without_backup_id(response: Response) -> Response:
    backup = response.document.get("backup", {})
    kept = {name: value for name, value in backup.items() if name != "id"}
    return replace(response, document={**response.document, "backup": kept})
