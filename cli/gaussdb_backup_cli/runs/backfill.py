"""Runs of a plan that were missed: how they are shown, and which of them are requested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gaussdb_backup.reports.texts import count, show_age
from gaussdb_backup_cli.runs.missed import PastRun
from gaussdb_backup_cli.runs.requested import RequestedRun
from gaussdb_backup_cli.runs.run import InstanceRun, State
from gaussdb_backup_cli.schedules import DeployedSchedule
from gaussdb_backup_cli.tables import align, colour
from gaussdb_backup_cli.times.moments import find_zone, show_utc, show_zone

NAMED = 5
"""Instances that a line names."""
_TITLES = {
    State.MISSING: "missed",
    State.FAILED: "failed",
    State.OVERDUE: "overdue",
    State.REJECTED: "rejected",
    State.RUNNING: "running",
    State.WAITING: "waiting",
    State.UNKNOWN: "not known",
}


@dataclass(frozen=True, slots=True)
class Backfill:
    """The runs of a plan in a time, the oldest first, and what was requested of them."""

    schedule: DeployedSchedule
    since: datetime
    until: datetime
    now: datetime
    runs: Sequence[PastRun]
    is_cut: bool = False
    requested: Sequence[RequestedRun] = ()

    @property
    def missed(self) -> list[PastRun]:
        """The runs that were missed by an instance at least, the newest first."""
        return [run for run in reversed(self.runs) if run.missed]

    @property
    def needs_you(self) -> bool:
        """Whether a missed run was not requested, a request was refused, or something is wrong in the newest run."""
        if any(each.needs_you for each in self.requested) or (self.missed and not self.requested):
            return True
        newest = self.runs[-1] if self.runs else None
        return bool(newest and newest.of_state(State.FAILED, State.OVERDUE, State.REJECTED))

    def to_json(self) -> dict[str, Any]:
        """Return the result of the JSON form."""
        return {
            "plan": self.schedule.plan,
            "schedule": self.schedule.name,
            "timezone": self.schedule.timezone,
            "since": show_utc(self.since),
            "until": show_utc(self.until),
            "is_cut": self.is_cut,
            "needs_you": self.needs_you,
            "runs": [_describe(run) for run in self.runs],
            "requested": [each.to_json(None) for each in self.requested],
        }

    def draw(self, width: int) -> str:
        """Return the text, of at most `width` columns."""
        zone = find_zone(self.schedule.timezone)
        rows, good = [], 0
        for run in reversed(self.runs):
            if all(one.state in (State.OK, State.MADE_UP, State.SKIPPED) for one in run.instances):
                good += 1
                continue
            when = f"{show_zone(run.scheduled_time, zone)} ({show_age(run.scheduled_time, self.now)} ago)"
            rows.append([_find_word(run), when, _explain(run)])
        if good:
            rows.append(["ok", count(good, "run"), "each instance has a backup of it, or a later one"])
        return "\n".join([*map(colour, align(rows, width=width)), *self._end()])

    def _end(self) -> list[str]:
        zone = find_zone(self.schedule.timezone)
        lines = ["the list of backups was cut: of some instances it is not known"] if self.is_cut else []
        if not self.runs:
            return [*lines, "the plan has no run in this time"]
        if not any(run.instances for run in self.runs):
            return [*lines, "the plan selects no instance"]
        lines += [f"requested {show_zone(each.scheduled_time, zone)}: {each.summarize()}" for each in self.requested]
        if any(run.of_state(State.FAILED) for run in self.runs):
            lines.append("a run has one backup, so what failed is not made again by it: gaussdb-backup run INSTANCE")
        if self.missed and not self.requested:
            newest = self.missed[0]
            lines.append(f"{count(len(self.missed), 'run')} missed by an instance or more")
            what = f"{show_zone(newest.scheduled_time, zone)} of {count(len(newest.missed), 'instance')}"
            lines.append(f"--yes requests the newest, {what}; with --each all, though all have today's data")
        elif not self.missed:
            lines.append("no run was missed")
        return lines


def choose_runs(missed: Sequence[PastRun], *, each: bool) -> list[PastRun]:
    """Return which missed runs are requested: the newest, since whatever is made now has today's data; or each."""
    return list(missed if each else missed[:1])


def narrow(payload: Mapping[str, Any], instances: Sequence[InstanceRun]) -> dict[str, Any]:
    """Return what is changed in a plan so that it selects only these of its instances."""
    select = payload.get("select")
    criteria = select if isinstance(select, Mapping) else {}
    return {"select": {**criteria, "instance_ids": [one.instance.id for one in instances]}}


def _describe(run: PastRun) -> dict[str, Any]:
    counts = {state.value: len(run.of_state(state)) for state in State if run.of_state(state)}
    others = [one.to_json() for one in run.instances if one.state is not State.OK]
    return {"scheduled_time": show_utc(run.scheduled_time), "counts": counts, "instances": others}


def _find_word(run: PastRun) -> str:
    if run.missed:
        return "MISSED"
    return next(state.value for state in State if run.of_state(state))


def _explain(run: PastRun) -> str:
    good = len(run.of_state(State.OK, State.MADE_UP))
    parts = [f"{good:,} of {count(len(run.instances), 'instance')} well"]
    for state, title in _TITLES.items():
        names = [one.instance.title for one in run.of_state(state)]
        if names:
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            parts.append(f"{title}: {', '.join(names[:NAMED])}{more}")
    return "; ".join(parts)
