"""What happens to one request: who is it, does a fault strike, the operation, does a fault strike now."""

from collections.abc import Callable
from dataclasses import replace

from .faults import Effect, Fault, Phase
from .gateway import admit
from .operations.create_backup import create
from .operations.create_token import create_token, list_projects
from .operations.delete_backups import batch_delete, delete
from .operations.list_backups import list_backups
from .operations.list_instances import list_instances, show_instance
from .operations.show_job import show_job
from .request import Call
from .request_log import as_request
from .responses import Answer, AnswerTooLate, ConnectionDropped, Refused, refuse_at_gateway
from .state import Cloud

_OPERATIONS: dict[str, Callable[[Cloud, Call], Answer]] = {
    "create": create,
    "list": list_backups,
    "delete": delete,
    "batch_delete": batch_delete,
    "instances": list_instances,
    "instance": show_instance,
    "jobs": show_job,
    "token": create_token,
}


def respond(cloud: Cloud, call: Call) -> Answer:
    """Answer one request and write it down.

    Raises `ConnectionDropped` where a fault says so, and `AnswerTooLate` where a slow answer outlasts the read timeout
    that the call carries; in both cases the work may have been done, as the fault says.
    """
    return _Exchange(cloud, call).run()


class _Exchange:
    """One request on its way; what it met is written down at the end."""

    def __init__(self, cloud: Cloud, call: Call) -> None:
        self._cloud = cloud
        self._call = call
        self._subjects = _subjects(cloud, call)
        self._met: list[Fault] = []
        self._is_late = False

    def run(self) -> Answer:
        answer: Answer | None = None
        try:
            answer = self._go()
            if self._is_late:
                answer = None
                raise AnswerTooLate
        except Refused as refused:
            answer = refused.answer
        finally:
            self._cloud.note(as_request(self._call, answer, self._subjects, self._met, self._cloud.now()))
        return answer

    def _go(self) -> Answer:
        visible = self._admit()
        early = self._strike(Phase.BEFORE, None)
        if early is not None:
            return early
        answer = self._operate(visible)
        return (self._strike(Phase.AFTER, answer) if answer.is_success else None) or answer

    def _admit(self) -> frozenset[str]:
        """Nobody has to be known for buying a token, nor for asking for what does not exist."""
        is_open = self._call.operation in ("token", "unknown")
        return frozenset() if is_open else admit(self._cloud, self._call)

    def _operate(self, visible: frozenset[str]) -> Answer:
        with self._cloud.lock:
            if self._call.operation == "projects":
                return list_projects(self._cloud, self._call, visible)
            operation = _OPERATIONS.get(self._call.operation)
            if operation is None:
                text = "The API does not exist or has not been published in the environment"
                raise refuse_at_gateway(404, "APIGW.0101", text, self._call.request_id)
            return operation(self._cloud, self._call)

    def _strike(self, phase: Phase, answer: Answer | None) -> Answer | None:
        """Let a fault of this phase have its effect; returns the answer it gives, if any."""
        with self._cloud.lock:
            fault = self._cloud.faults.draw(phase, self._call, self._subjects, self._cloud.now())
        if fault is None:
            return None
        self._met.append(fault)
        return self._apply(fault, answer)

    def _apply(self, fault: Fault, answer: Answer | None) -> Answer | None:
        match fault.effect:
            case Effect.ANSWER:
                return fault.answer(self._call.request_id)
            case Effect.DROP | Effect.RESET:
                raise ConnectionDropped(reset=fault.effect is Effect.RESET)
            case Effect.SLOW:
                self._wait(fault.seconds)
            case Effect.NO_BACKUP_ID if answer is not None:
                return _without_backup_id(answer)
            case _:
                pass
        return None

    def _wait(self, seconds: float) -> None:
        """Sleep, but not beyond the client's patience: past it, the work still goes on."""
        patience = self._call.read_timeout
        self._is_late = patience is not None and seconds >= patience
        self._cloud.sleep(min(seconds, patience) if patience is not None else seconds)


def _subjects(cloud: Cloud, call: Call) -> frozenset[str]:
    """Return the ids of the instances that a call is about, as far as it says so."""
    named = {call.instance_id, call.peek().get("instance_id"), dict(call.query_pairs()).get("instance_id")}
    listed = call.peek().get("backup_ids")
    with cloud.lock:
        ids = [call.backup_id, *(listed if isinstance(listed, list) else [])]
        backups = [cloud.store.get(each) for each in ids if isinstance(each, str)]
    return frozenset(name for name in named if isinstance(name, str)) | {each.instance_id for each in backups if each}


def _without_backup_id(answer: Answer) -> Answer:
    backup = answer.document.get("backup", {})
    kept = {name: value for name, value in backup.items() if name != "id"}
    return replace(answer, document={**answer.document, "backup": kept})
