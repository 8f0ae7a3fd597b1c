"""What became of the backups of late, and what waits: each part is read by itself, and may be refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.aws import explain
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.runs.run import InstanceRun
from gaussdb_backup_cli.schedules import DeployedSchedule
from gaussdb_backup_cli.status.queues import Queues
from gaussdb_backup_cli.times.moments import show_utc


@dataclass(frozen=True, slots=True)
class Unread:
    """A part that could not be read, and why. Without an essential one nothing is known of the backups."""

    part: str
    failure: CommandFailed
    is_essential: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {"part": self.part, "code": self.failure.code, "message": self.failure.message}


@dataclass(frozen=True, slots=True)
class PlanRun:
    """The last run of a backup schedule; `scheduled_time` is `None` where it had none since then."""

    schedule: DeployedSchedule
    scheduled_time: datetime | None
    instances: Sequence[InstanceRun] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {
            "schedule": self.schedule.name,
            "plan": self.schedule.plan,
            "timezone": self.schedule.timezone,
            "is_enabled": self.schedule.is_enabled,
            "scheduled_time": show_utc(self.scheduled_time),
            "instances": [one.to_json() for one in self.instances],
        }


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the stack that is in ALARM."""

    name: str
    since: datetime | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {"name": self.name, "since": show_utc(self.since), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class NextRun:
    """When a schedule runs next; `at` is `None` for one that is disabled or over."""

    schedule: DeployedSchedule
    at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        kind = self.schedule.kind.value if self.schedule.kind else None
        fields = {"schedule": self.schedule.name, "plan": self.schedule.plan, "kind": kind}
        return {**fields, "is_enabled": self.schedule.is_enabled, "at": show_utc(self.at)}


@dataclass(slots=True)
class Overview:
    """All parts. `others` are backups since then that belong to none of the last runs."""

    since: datetime
    now: datetime
    plans: list[PlanRun] = field(default_factory=list)
    others: list[InstanceRun] = field(default_factory=list)
    queues: Queues | None = None
    alarms: list[Alarm] = field(default_factory=list)
    next_runs: list[NextRun] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    is_cut: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether what became of the backups could not be read."""
        return any(each.is_essential for each in self.unread)

    @property
    def needs_you(self) -> bool:
        """Whether something needs a person."""
        runs = [one for plan in self.plans for one in plan.instances]
        is_bad = any(one.state.needs_you for one in (*runs, *self.others))
        return is_bad or bool(self.alarms) or bool(self.queues and any(self.queues.dead_letters.values()))

    def to_json(self) -> dict[str, Any]:
        """Return the result of the JSON form."""
        return {
            "since": show_utc(self.since),
            "needs_you": self.needs_you,
            "plans": [each.to_json() for each in self.plans],
            "others": [each.to_json() for each in self.others],
            "is_cut": self.is_cut,
            "queues": self.queues.to_json() if self.queues else None,
            "alarms": [each.to_json() for each in self.alarms],
            "next_runs": [each.to_json() for each in self.next_runs],
            "unread": [each.to_json() for each in self.unread],
        }

    def read[T](self, part: str, call: Callable[[], T], *, is_essential: bool = False) -> T | None:
        """Return what a call returns; `None`, and the part as unread, where it is refused."""
        try:
            return call()
        except CommandFailed as failure:
            self.unread.append(Unread(part, failure, is_essential))
        except (BotoCoreError, ClientError) as error:
            self.unread.append(Unread(part, explain(error), is_essential))
        return None
