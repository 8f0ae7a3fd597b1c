"""When a call may be made with credentials that may be wrong: too many refused calls lock the access key.

Pure rules over one value, which all execution environments share that use an access key or an IAM user. A call needs a
permit before it is made, and returns it afterwards. Credentials are known by the id of their secret's version, never by
their values.

Bound: at most `MAX_REFUSALS` refused calls in any `window`. Each permit that is not returned yet may become a refusal,
so refusals of the window and permits together never exceed that number. A permit that is never returned (its function
was killed), and a call without a response, which may have been refused, count as refusals too, until a call with the
same version is accepted.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import uuid4

from pydantic import AwareDatetime, Field

from gaussdb_backup.domain.models import Frozen

MAX_REFUSALS = 5
"""More refused calls in a row lock the key (docs/reference/gaussdb_api.md, "Error codes of the gateway")."""
MAX_CALLS = MAX_REFUSALS - 1
"""Calls at a time. Should all of them be refused, one is left to try the secret's next version."""
MAX_VERSIONS = 50
"""Proven versions that are remembered: several connections may use one key, each with a secret of its own."""
RECOVERY_TIMEOUT = timedelta(minutes=5)
"""As long as the API locks a key. Source: the same."""


class CallResult(Enum):
    """What a call has shown about its credentials."""

    ACCEPTED = auto()
    """The API responded, and not with a refusal of credentials."""
    REFUSED = auto()
    UNKNOWN = auto()
    """There was no response, but the call may have been received, and refused."""
    NOT_SENT = auto()
    """The call was never received: no connection was made."""


class Permit(Frozen):
    """The permission for one call with a version, which lapses at `until`; `is_probe` where the version is unproven.

    `refusals` is how often the call may be refused: with a user and password twice, a token and the user's own.
    """

    id: str
    version: str
    is_probe: bool
    refusals: int = 1
    began: AwareDatetime
    until: AwareDatetime


class Denial(Frozen):
    """Why no call is made. `retry_at` is from when on one may be, `None` for as soon as another call has ended."""

    reason: str
    is_refused: bool = Field(default=False, description="whether this very version was refused a moment ago")
    retry_at: AwareDatetime | None = None


REFUSED = "its credentials were refused: correct them in its secret; calls are made again by themselves"
TRYING = "its credentials are being tried by one call: repeat it later"
TOO_MANY_REFUSALS = (
    "calls were refused, or had no response that proves its credentials, and more refused ones would lock its access "
    "key; calls are made again by themselves"
)
BUSY = "as many calls as may be refused at a time are being made with its credentials: repeat it later"


class BreakerState(Frozen):
    """What is known about the versions of a connection's secret, and the calls that are being made.

    `refused` has when a version was refused last; a version in neither `proven` nor `refused` needs one call alone.
    """

    proven: tuple[str, ...] = ()
    refused: Mapping[str, AwareDatetime] = Field(default_factory=dict)
    refusals: tuple[AwareDatetime, ...] = ()
    permits: tuple[Permit, ...] = ()


def grant(
    state: BreakerState, version: str, *, now: datetime, lease: timedelta, window: timedelta, refusals: int = 1
) -> tuple[BreakerState, Permit] | Denial:
    """Return the state with a permit for one call with this version, or why there is none.

    `lease` is how long the call may take, `refusals` how often it may be refused. After a refusal a version has no
    permit for `window`.
    """
    state = _prune(state, now, window)
    is_probe = version not in state.proven
    permit = Permit(id=uuid4().hex, version=version, is_probe=is_probe, refusals=refusals, began=now, until=now + lease)
    if denial := _find_denial(state, permit, now=now, window=window):
        return denial
    return state.model_copy(update={"permits": (*state.permits, permit)}), permit


def _find_denial(state: BreakerState, wanted: Permit, *, now: datetime, window: timedelta) -> Denial | None:
    if wanted.version in state.refused:
        return Denial(reason=REFUSED, is_refused=True, retry_at=state.refused[wanted.version] + window)
    current = [permit for permit in state.permits if permit.until > now]
    lapsed = [permit.until for permit in state.permits if permit.until <= now for _ in range(permit.refusals)]
    counted = sorted([*state.refusals, *lapsed])
    if (too_many := len(counted) + wanted.refusals - MAX_REFUSALS) > 0:
        return Denial(reason=TOO_MANY_REFUSALS, retry_at=counted[too_many - 1] + window)
    if wanted.is_probe and any(permit.is_probe for permit in current):
        return Denial(reason=TRYING)
    most = min(MAX_REFUSALS if wanted.is_probe else MAX_CALLS, MAX_REFUSALS - len(counted))
    possible = sum(permit.refusals for permit in current) + wanted.refusals
    return Denial(reason=BUSY) if possible > most else None


def settle(
    state: BreakerState, permit: Permit, result: CallResult, *, now: datetime, window: timedelta
) -> BreakerState:
    """Return the state after a call: its permit is returned, and its version proven or refused.

    A response to a call that began before the version was refused proves nothing. Settling twice changes nothing.
    """
    if permit.id not in {each.id for each in state.permits}:
        return state
    left = tuple(each for each in state.permits if each.id != permit.id)
    state = _prune(state.model_copy(update={"permits": left}), now, window)
    version = permit.version
    proven = tuple(each for each in state.proven if each != version)
    if result is CallResult.REFUSED:
        changes = {
            "proven": proven,
            "refused": {**state.refused, version: now},
            "refusals": (*state.refusals, *[now] * permit.refusals),
        }
        return state.model_copy(update=changes)
    if result is CallResult.ACCEPTED and version not in state.refused:
        lapsed = {each.id for each in left if each.version == version and each.until <= now}
        kept = tuple(each for each in left if each.id not in lapsed)
        return state.model_copy(update={"proven": (*proven, version)[-MAX_VERSIONS:], "permits": kept})
    if result is CallResult.UNKNOWN:
        return state.model_copy(update={"permits": (*left, permit.model_copy(update={"until": now}))})
    return state


def _prune(state: BreakerState, now: datetime, window: timedelta) -> BreakerState:
    """Leave out what lies further back than the window."""
    since = now - window
    return BreakerState(
        proven=state.proven,
        refused={version: at for version, at in state.refused.items() if at > since},
        refusals=tuple(at for at in state.refusals if at > since),
        permits=tuple(permit for permit in state.permits if permit.until > since),
    )
