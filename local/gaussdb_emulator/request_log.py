"""What was asked of the cloud, and what it answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .faults import Fault
from .request import Call
from .responses import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that was made. `status` is `None` where no answer came; `faults` are the effects met on the way."""

    at: datetime
    method: str
    path: str
    query: str
    operation: str
    family: str
    project_id: str | None
    instance_ids: tuple[str, ...]
    status: int | None
    code: str | None
    faults: tuple[str, ...]
    request_id: str


def as_request(
    call: Call, answer: Answer | None, instance_ids: Iterable[str], faults: Iterable[Fault], at: datetime
) -> Request:
    """Return the record of a call and its answer (`None`: there was none)."""
    return Request(
        at=at,
        method=call.method,
        path=call.path,
        query=call.query,
        operation=call.operation,
        family=call.family,
        project_id=call.project_id,
        instance_ids=tuple(sorted(instance_ids)),
        status=answer.status if answer else None,
        code=answer.code if answer else None,
        faults=tuple(str(fault.effect) for fault in faults),
        request_id=call.request_id,
    )
