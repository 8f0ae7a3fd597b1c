"""Reading the parts of the overview."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched

from gaussdb_backup_cli.backups.instances import Instance, list_instances
from gaussdb_backup_cli.backups.listing import BackupList, list_all_backups
from gaussdb_backup_cli.checks.resources import list_resources
from gaussdb_backup_cli.runs.nominal import find_next_run, list_past_runs
from gaussdb_backup_cli.runs.run import (
    Expected,
    InstanceRun,
    Moment,
    State,
    find_backup_state,
    find_later,
    read_limits,
    read_run,
)
from gaussdb_backup_cli.schedules import DeployedSchedule, Kind, list_schedules
from gaussdb_backup_cli.stack import Stack
from gaussdb_backup_cli.status.overview import Alarm, NextRun, Overview, PlanRun
from gaussdb_backup_cli.status.queues import read_queues
from gaussdb_backup_cli.times.moments import show_utc

ALARM = "AWS::CloudWatch::Alarm"
MOST_NAMES = 100
"""Names of alarms in one call."""


def read_overview(stack: Stack, since: datetime, now: datetime) -> Overview:
    """Return what became of the backups since then. Whatever is refused is a part that is unread."""
    overview = Overview(since, now)
    schedules = overview.read("schedules", lambda: list_schedules(stack), is_essential=True) or []
    plans = [each for each in schedules if each.kind is Kind.BACKUP]
    connections = dict.fromkeys(_connection_of(each) for each in plans) or {"default": None}
    for connection in connections:
        found = [each for each in plans if _connection_of(each) == connection]
        _read_connection(overview, stack, connection, found)
    overview.queues = overview.read("queues", lambda: read_queues(stack))
    overview.alarms = overview.read("alarms", lambda: list_alarms(stack)) or []
    for each in schedules:
        at = overview.read(f"next run of {each.name}", lambda each=each: find_next_run(each, now))  # type: ignore[misc]
        overview.next_runs.append(NextRun(each, at if each.is_enabled else None))
    return overview


def list_alarms(stack: Stack) -> list[Alarm]:
    """Return the stack's own alarms that are in ALARM: names of another stack may begin alike. Raises as boto3 does."""
    names = list(list_resources(stack.client("cloudformation"), stack.name).of_type(ALARM).values())
    paginator = stack.client("cloudwatch").get_paginator("describe_alarms")
    return [
        Alarm(each["AlarmName"], each.get("StateUpdatedTimestamp"), each.get("StateReason", ""))
        for some in batched(names, MOST_NAMES, strict=False)
        for page in paginator.paginate(AlarmNames=list(some), StateValue="ALARM")
        for each in page.get("MetricAlarms", ())
        if each["StateValue"] == "ALARM"  # an emulated CloudWatch may filter by one criterion only
    ]


def _connection_of(schedule: DeployedSchedule) -> str:
    return str(schedule.payload.get("connection") or "default")


def _read_connection(overview: Overview, stack: Stack, connection: str, plans: Sequence[DeployedSchedule]) -> None:
    backups = overview.read("backups", lambda: list_all_backups(stack, connection), is_essential=True)
    if backups is None:
        return
    overview.is_cut = overview.is_cut or backups.is_cut
    moment = Moment(overview.now, read_limits(stack))
    runs = [_read_plan(overview, stack, plan, backups, moment) for plan in plans]
    overview.plans += runs
    matched = [one for run in runs for one in run.instances]
    others = _find_others(backups, matched, overview.since, moment)
    if others:
        known = {one.instance.id: one.instance for one in matched}
        if any(one.instance.id not in known for one in others):
            listed = overview.read("instances", lambda: list_instances(stack, connection)) or []
            known |= {one.id: one for one in listed}
        overview.others += [_name(one, known) for one in others]


def _read_plan(
    overview: Overview, stack: Stack, plan: DeployedSchedule, backups: BackupList, moment: Moment
) -> PlanRun:
    times = overview.read(f"runs of {plan.name}", lambda: list_past_runs(plan, overview.since, overview.now))
    if not times:
        return PlanRun(plan, None)
    found = overview.read(
        f"run of {plan.name}",
        lambda: read_run(stack, plan, times[-1], backups=backups, moment=moment),
        is_essential=True,
    )
    return PlanRun(plan, times[-1], found or ())


def _find_others(
    listed: BackupList, matched: Iterable[InstanceRun], since: datetime, moment: Moment
) -> list[InstanceRun]:
    """Return the backups since then that no run has, the worst first, then the newest."""
    known = {one.backup.id for one in matched if one.backup}
    found = []
    for backup in listed.backups:
        if backup.begin_time is None or backup.begin_time < since or backup.id in known:
            continue
        state, reason = find_backup_state(backup, moment), None
        later = find_later(listed.of_instance(backup.instance_id), backup.begin_time)
        if state.needs_you and later:
            state, reason = State.MADE_UP, f"{state.value}, but a good backup began at {show_utc(later.begin_time)}"
        found.append(InstanceRun(Expected(Instance(backup.instance_id, ""), backup.name), state, backup, reason))
    order = list(State)
    return sorted(found, key=lambda one: order.index(one.state))


def _name(one: InstanceRun, known: dict[str, Instance]) -> InstanceRun:
    instance = known.get(one.instance.id, one.instance)
    return InstanceRun(Expected(instance, one.expected.backup_name), one.state, one.backup, one.reason)
