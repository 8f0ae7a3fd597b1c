"""Faults as data: what goes wrong, with which call, how often and for how long."""

import random
from collections.abc import Collection
from dataclasses import dataclass as plain_dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from .request import Call
from .responses import Answer, Shape, error


class Effect(StrEnum):
    """What a fault does."""

    ANSWER = "answer"
    """Answer with `status`, `code`, `message` in `shape`, or with the exact `body`."""
    DROP = "drop"
    """Close the connection without an answer."""
    RESET = "reset"
    """Reset the connection without an answer."""
    SLOW = "slow"
    """Sleep for `seconds` of real time, then go on."""
    NO_BACKUP_ID = "no_backup_id"
    """Take the id out of a create's successful answer."""
    LAG = "lag"
    """The created backup is in no list for `seconds`."""
    STAY_BUILDING = "stay_building"
    """The created backup never ends."""
    END_AS = "end_as"
    """The created backup ends with the status `word`, after `seconds` if they are given."""


class Phase(Enum):
    """When a fault has its effect, seen from the operation."""

    BEFORE = auto()
    MAKING = auto()
    AFTER = auto()


_MAKING = frozenset({Effect.LAG, Effect.STAY_BUILDING, Effect.END_AS})


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Fault:
    """One fault. What is `None` matches anything; `*` matches every operation.

    Operations: create, list, delete, batch_delete, instances, instance, jobs, token, projects. `family` is one of
    mysql/v3, v3, v3.1, iam. It fires at most `times` times (`None`: no limit), within `for_seconds` of the cloud's
    clock after it was added (`None`: until removed), for a random `share` of the calls (1.0: all).
    `after_commit` lets the operation do its work first, and fires only if that succeeded.
    """

    effect: Effect = Effect.ANSWER
    operation: str = "*"
    instance_id: str | None = None
    project_id: str | None = None
    family: str | None = None
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
    word: str = "FAILED"

    @property
    def phase(self) -> Phase:
        """When it has its effect."""
        if self.effect in _MAKING:
            return Phase.MAKING
        return Phase.AFTER if self.after_commit or self.effect is Effect.NO_BACKUP_ID else Phase.BEFORE

    def matches(self, call: Call, instance_ids: Collection[str]) -> bool:
        """Whether the call is one of those meant."""
        return (
            self.operation in ("*", call.operation)
            and self.family in (None, call.family)
            and self.project_id in (None, call.project_id)
            and (self.instance_id is None or self.instance_id in instance_ids)
        )

    def answer(self, request_id: str) -> Answer:
        """Return the answer of an ANSWER fault."""
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        if self.body is not None:
            raw = self.body.encode()
            return Answer(status=self.status, raw=raw, headers=headers, content_type=self.content_type)
        shape = self.shape or ("gateway" if self.code.startswith("APIG") else "service")
        made = error(self.status, self.code, self.message, shape=shape, request_id=request_id)
        return Answer(
            status=made.status, document=made.document, headers=headers, raw=made.raw, content_type=made.content_type
        )


def throttled(operation: str = "*", **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Return the gateway's 429 (contract, section 7.3)."""
    text = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute"
    return Fault(operation=operation, status=429, code="APIGW.0308", message=text, **more)


def unavailable(for_seconds: float | None = None, **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Return a 503 for everything, for so many seconds of the cloud's clock."""
    return Fault(for_seconds=for_seconds, status=503, code="APIGW.0613", message="IAM is unavailable.", **more)


def lost_answer(operation: str = "create", times: int | None = 1, **more: Any) -> Fault:  # noqa: ANN401 - the fields of Fault
    """Do the work, then drop the connection."""
    return Fault(effect=Effect.DROP, operation=operation, times=times, after_commit=True, **more)


def removed_family(family: str = "mysql/v3") -> Fault:
    """Answer everything of a path family as the gateway does for what it does not know."""
    text = "The API does not exist or has not been published in the environment"
    return Fault(family=family, status=404, code="APIGW.0101", message=text)


@plain_dataclass(slots=True)
class _Armed:
    """A fault in force: the part of it that changes."""

    fault: Fault
    until: datetime | None
    left: int | None

    def is_spent(self, now: datetime) -> bool:
        """Whether it can never fire again."""
        return self.left == 0 or (self.until is not None and now >= self.until)


class FaultBook:
    """The faults in force. Not thread-safe by itself: the cloud's lock is held around every call."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - reproducible chance, not a secret
        self._armed: list[_Armed] = []

    def add(self, fault: Fault, now: datetime) -> None:
        """Put a fault in force from now on. Of two that match one call, the earlier fires."""
        until = None if fault.for_seconds is None else now + timedelta(seconds=fault.for_seconds)
        self._armed.append(_Armed(fault, until, fault.times))

    def remove(self, fault: Fault | None = None) -> None:
        """End a fault, or all of them."""
        self._armed = [armed for armed in self._armed if fault is not None and armed.fault != fault]

    def in_force(self, now: datetime) -> list[Fault]:
        """Return the faults that may still fire."""
        return [armed.fault for armed in self._armed if not armed.is_spent(now)]

    def draw(self, phase: Phase, call: Call, instance_ids: Collection[str], now: datetime) -> Fault | None:
        """Return the first fault that fires for this call in this phase, used up by one."""
        return next(iter(self._firing(phase, call, instance_ids, now, limit=1)), None)

    def draw_all(self, phase: Phase, call: Call, instance_ids: Collection[str], now: datetime) -> list[Fault]:
        """Return every fault that fires for this call in this phase, each used up by one."""
        return self._firing(phase, call, instance_ids, now, limit=len(self._armed))

    def _firing(
        self, phase: Phase, call: Call, instance_ids: Collection[str], now: datetime, *, limit: int
    ) -> list[Fault]:
        fired: list[Fault] = []
        for armed in self._armed:
            if len(fired) < limit and armed.fault.phase is phase and self._fires(armed, call, instance_ids, now):
                armed.left = None if armed.left is None else armed.left - 1
                fired.append(armed.fault)
        return fired

    def _fires(self, armed: _Armed, call: Call, instance_ids: Collection[str], now: datetime) -> bool:
        if armed.is_spent(now) or not armed.fault.matches(call, instance_ids):
            return False
        return armed.fault.share >= 1.0 or self._rng.random() < armed.fault.share
