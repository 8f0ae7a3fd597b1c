"""A run that is requested by hand: of a plan, or of one instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.reports.texts import clean, count
from gaussdb_backup_cli.backups.instances import Instance
from gaussdb_backup_cli.backups.listing import describe
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.runs.run import Expected, InstanceRun, State, parse_dispatch
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, choose_schedule
from gaussdb_backup_cli.stack import TEMPORARY_ERRORS, Stack
from gaussdb_backup_cli.times.moments import show_utc

ACTIONS = {"created": "created", "adopted": "already made: the same backup", "queued": "queued"}
"""What is shown of each action; of the others it is the reason."""


@dataclass(frozen=True, slots=True)
class Requested:
    """What was done about one instance. `backup` is that of a request that was executed at once."""

    expected: Expected
    action: str
    backup: Backup | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {
            "instance_id": self.expected.instance.id,
            "instance_name": self.expected.instance.name,
            "action": self.action,
            "backup_name": self.expected.backup_name,
            "reason": self.expected.reason,
            "backup": describe(self.backup) if self.backup else None,
        }


@dataclass(frozen=True, slots=True)
class RequestedRun:
    """A run that was requested; `plan` is `None` for that of one instance.

    A plan that is a dry run itself requests nothing.
    """

    plan: str | None
    connection: str
    scheduled_time: datetime
    requests: Sequence[Requested]
    is_dry_run: bool = False

    @property
    def needs_you(self) -> bool:
        """Whether an instance was rejected, or none is backed up."""
        actions = {each.action for each in self.requests}
        return self.is_dry_run or "rejected" in actions or not actions & set(ACTIONS)

    def to_json(self, outcome: Sequence[InstanceRun] | None) -> dict[str, Any]:
        """Return the result of the JSON form; `outcome` is what became of each instance."""
        bad = self.needs_you or any(not _is_well(one) for one in outcome or ())
        return {
            "scheduled_time": show_utc(self.scheduled_time),
            "plan": self.plan,
            "connection": self.connection,
            "dry_run": self.is_dry_run,
            "requests": [each.to_json() for each in self.requests],
            "instances": None if outcome is None else [each.to_json() for each in outcome],
            "needs_you": bad,
        }

    def to_rows(self) -> list[list[str]]:
        """Return a row for each instance, what was not requested first."""
        ordered = sorted(self.requests, key=lambda each: each.action in ACTIONS)
        return [[each.action, each.expected.instance.title, _explain(each)] for each in ordered]

    def summarize(self) -> str:
        """Return the counts of the actions in one line."""
        if self.is_dry_run:
            return "the plan has dry_run: nothing was requested"
        actions = [each.action for each in self.requests]
        counts = [f"{actions.count(action):,} {action}" for action in dict.fromkeys(actions)]
        return ", ".join(counts) or "the plan selects no instance: nothing was requested"


def _is_well(one: InstanceRun) -> bool:
    return one.state in (State.OK, State.MADE_UP, State.SKIPPED)


def _explain(one: Requested) -> str:
    if one.action not in ACTIONS:
        return clean(one.expected.reason or "")
    name = clean(one.expected.backup_name or "")
    return f"{name} ({ACTIONS[one.action]})" if one.action == "adopted" else name


def find_plan(schedules: Sequence[DeployedSchedule], name: str) -> DeployedSchedule | None:
    """Return the backup schedule of a plan, `None` where there is no such plan. Raises `CommandFailed` for several."""
    try:
        return choose_schedule(schedules, name, Kind.BACKUP)
    except CommandFailed as failure:
        if failure.code != "no_plan":
            raise
        return None


def request_plan(
    stack: Stack, schedule: DeployedSchedule, scheduled_time: datetime, changes: Mapping[str, Any]
) -> RequestedRun:
    """Dispatch a run of a plan, whose payload is changed. Raises as `Stack.invoke` does."""
    event = {**schedule.payload, **changes, "scheduled_time": show_utc(scheduled_time)}
    response = _invoke(stack, "DispatchBackups", event)
    actions = {State.WAITING: "queued", State.SKIPPED: "skipped", State.REJECTED: "rejected"}
    requests = [Requested(each, actions[each.state]) for each in parse_dispatch(response)]
    return RequestedRun(
        schedule.plan,
        event.get("connection", "default"),
        scheduled_time,
        requests,
        is_dry_run=response.get("dry_run") is True,
    )


def request_instance(
    stack: Stack, instance: Instance, connection: str, scheduled_time: datetime, fields: Mapping[str, Any]
) -> RequestedRun:
    """Create the backup of an instance. Raises as `Stack.invoke` does."""
    run = {"instance_id": instance.id, "scheduled_time": show_utc(scheduled_time), "connection": connection}
    response = _invoke(stack, "CreateBackup", {**run, **fields})
    backup = Backup.model_validate(response["backup"])
    expected = Expected(instance, backup.name)
    return RequestedRun(None, connection, scheduled_time, [Requested(expected, str(response["outcome"]), backup)])


def _invoke(stack: Stack, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return stack.invoke(function, event)
    except CommandFailed as failure:
        if failure.code not in TEMPORARY_ERRORS:
            raise
        again = f"repeat it in a few minutes with --scheduled-time {event['scheduled_time']}"
        raise CommandFailed(failure.code, failure.message, again) from failure


def summarize_end(outcome: Sequence[InstanceRun]) -> str:
    """Return in one line what became of a run."""
    states = [one.state for one in outcome]
    counts = [f"{states.count(state):,} {state.value}" for state in State if state in states]
    return f"{count(len(states), 'instance')}: {', '.join(counts)}" if states else "no instance"
