"""Faults as data: what fails, in which requests, how often and for how long."""

import random
from collections.abc import Collection
from dataclasses import dataclass as plain_dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from .request import Request
from .responses import Response, Shape, error_response


class Effect(StrEnum):
    """What a fault does."""

    RESPOND = "respond"
    """Respond with `status`, `code`, `message` in `shape`, or with the exact `body`."""
    DROP = "drop"
    """Close the connection without a response."""
    RESET = "reset"
    """Reset the connection without a response."""
    SLOW = "slow"
    """Sleep for `seconds` of real time, then continue."""
    NO_BACKUP_ID = "no_backup_id"
    """Remove the id from the successful response of a create request."""
    LAG = "lag"
    """The created backup is in no list for `seconds`."""
    STAY_BUILDING = "stay_building"
    """The created backup never ends."""
    END_AS = "end_as"
    """The created backup ends with the status `end_status`, after `seconds` if they are given."""


class Phase(Enum):
    """When a fault is applied, relative to the operation."""

    BEFORE = auto()
    CREATING = auto()
    AFTER = auto()


_CREATING = frozenset({Effect.LAG, Effect.STAY_BUILDING, Effect.END_AS})


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Fault:
    """One fault. A criterion that is `None` matches anything; `*` matches every operation.

    Operations: create, list, delete, batch_delete, instances, instance, vault_lock, encryption, jobs, token, projects.
    `api_prefix` is one of mysql/v3, v3, v3.1, iam.

    A fault leaves the first `after` requests alone, and is then applied at most `times` times (`None`: no limit),
    within `for_seconds` of the cloud's clock after it was added (`None`: until removed), to a random `share` of the
    requests (1.0: all).
    With `after_commit` the operation is done first, and the fault is applied only if it succeeded.
    """

    effect: Effect = Effect.RESPOND
    operation: str = "*"
    instance_id: str | None = None
    project_id: str | None = None
    api_prefix: str | None = None
    after: int = 0
    times: int | None = None
    for_seconds: float | None = None
    share: float = 1.0
    after_commit: bool = False
    status: int = 503
    code: str = "APIGW.0613"
    message: str = "The service is unavailable."
    shape: Shape | None = None
    body: str | None = None
    content_type: str = "application/json"
    retry_after: str | None = None
    seconds: float = 0.0
    end_status: str = "FAILED"

    @property
    def phase(self) -> Phase:
        """When it is applied."""
        if self.effect in _CREATING:
            return Phase.CREATING
        return Phase.AFTER if self.after_commit or self.effect is Effect.NO_BACKUP_ID else Phase.BEFORE

    def matches(self, request: Request, instance_ids: Collection[str]) -> bool:
        """Whether a request about these instances meets all criteria."""
        return (
            self.operation in ("*", request.operation)
            and self.api_prefix in (None, request.api_prefix)
            and self.project_id in (None, request.project_id)
            and (self.instance_id is None or self.instance_id in instance_ids)
        )

    def response(self, request_id: str) -> Response:
        """Return the response of a fault whose effect is RESPOND."""
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if self.body is not None:
            raw = self.body.encode()
            return Response(status=self.status, raw=raw, headers=headers, content_type=self.content_type)
        shape = self.shape or ("gateway" if self.code.startswith("APIG") else "service")
        error = error_response(self.status, self.code, self.message, shape=shape, request_id=request_id)
        return Response(
            status=error.status,
            document=error.document,
            headers=headers,
            raw=error.raw,
            content_type=error.content_type,
        )


def throttled(operation: str = "*", **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Return the gateway's 429 (docs/reference/gaussdb_api.md, "Error codes of the gateway")."""
    text = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute"
    return Fault(operation=operation, status=429, code="APIGW.0308", message=text, **more)


def unavailable(for_seconds: float | None = None, **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Return a 503 to every request, for so many seconds of the cloud's clock."""
    return Fault(for_seconds=for_seconds, status=503, code="APIGW.0613", message="IAM is unavailable.", **more)


def lost_response(operation: str = "create", times: int | None = 1, **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Do the operation, then drop the connection."""
    return Fault(effect=Effect.DROP, operation=operation, times=times, after_commit=True, **more)


def removed_api_prefix(api_prefix: str = "mysql/v3") -> Fault:
    """Respond to every path with this prefix as the gateway does to an unknown one."""
    text = "The API does not exist or has not been published in the environment"
    return Fault(api_prefix=api_prefix, status=404, code="APIGW.0101", message=text)


@plain_dataclass(slots=True)
class _ActiveFault:
    """A fault in force, and how often it may still be applied."""

    fault: Fault
    until: datetime | None
    remaining: int | None
    left_alone: int

    def is_expired(self, now: datetime) -> bool:
        """Whether it can never be applied again."""
        return self.remaining == 0 or (self.until is not None and now >= self.until)


class FaultRegistry:
    """The faults in force. Not thread-safe by itself: the caller holds the cloud's lock."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - reproducible chance, not a secret
        self._active: list[_ActiveFault] = []

    def add(self, fault: Fault, now: datetime) -> None:
        """Put a fault in force from now on. Of two that match one request, the earlier is applied."""
        until = None if fault.for_seconds is None else now + timedelta(seconds=fault.for_seconds)
        self._active.append(_ActiveFault(fault, until, fault.times, fault.after))

    def remove(self, fault: Fault | None = None) -> None:
        """Remove a fault, or all of them."""
        self._active = [active for active in self._active if fault is not None and active.fault != fault]

    def take_first(self, phase: Phase, request: Request, instance_ids: Collection[str], now: datetime) -> Fault | None:
        """Return the first fault that applies to this request in this phase, counted as applied."""
        return next(iter(self._take(phase, request, instance_ids, now, limit=1)), None)

    def take_all(self, phase: Phase, request: Request, instance_ids: Collection[str], now: datetime) -> list[Fault]:
        """Return every fault that applies to this request in this phase, each counted as applied."""
        return self._take(phase, request, instance_ids, now, limit=len(self._active))

    def _take(
        self, phase: Phase, request: Request, instance_ids: Collection[str], now: datetime, *, limit: int
    ) -> list[Fault]:
        taken: list[Fault] = []
        for active in self._active:
            if len(taken) < limit and active.fault.phase is phase and self._applies(active, request, instance_ids, now):
                if active.left_alone > 0:
                    active.left_alone -= 1
                    continue
                active.remaining = None if active.remaining is None else active.remaining - 1
                taken.append(active.fault)
        return taken

    def _applies(self, active: _ActiveFault, request: Request, instance_ids: Collection[str], now: datetime) -> bool:
        if active.is_expired(now) or not active.fault.matches(request, instance_ids):
            return False
        return active.fault.share >= 1.0 or self._rng.random() < active.fault.share
