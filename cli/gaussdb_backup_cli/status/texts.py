"""How the overview is written for a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from gaussdb_backup.domain.models import Backup
from gaussdb_backup.reports.texts import clean, count, show_age, show_duration, show_size, show_time
from gaussdb_backup_cli.runs.run import InstanceRun, Limits, State
from gaussdb_backup_cli.status.overview import NextRun, Overview, PlanRun
from gaussdb_backup_cli.tables import align, colour
from gaussdb_backup_cli.times.moments import find_zone, show_zone


def draw_overview(overview: Overview, *, limits: Limits, width: int, only_failed: bool) -> str:
    """Return the overview as text of at most `width` columns, what needs a person first."""
    zone = find_zone(overview.plans[0].schedule.timezone) if overview.plans else find_zone("UTC")
    lines = [colour(line) for line in align(_list_runs(overview, zone, limits, only_failed=only_failed), width=width)]
    if not only_failed and not overview.plans and not overview.is_unknown:
        lines.append("no backup schedule: no plan backs up anything")
    lines += _list_alarms(overview, zone, width)
    lines += _list_queues(overview)
    if not only_failed:
        lines += align([_draw_next(each, overview.now) for each in overview.next_runs], width=width)
    lines += ["the list of backups was cut: there are more than are shown"] if overview.is_cut else []
    return "\n".join([*lines, _summarize(overview)])


type _Ranked = tuple[int, list[str]]
"""A row, with the place of its state among all."""


def _list_runs(overview: Overview, zone: tzinfo, limits: Limits, *, only_failed: bool) -> list[list[str]]:
    """Return a row for each instance that is not well, and one for all others of a plan."""
    rows = [row for plan in overview.plans for row in _list_plan(plan, overview, limits)]
    for one in overview.others:
        if one.state is not State.OK and one.backup and one.backup.begin_time:
            when = f"other {_show_clock(one.backup.begin_time, zone, overview.now)}"
            detail = ", ".join(filter(None, [clean(one.backup.name), _explain(one, overview.now, limits)]))
            rows.append((_rank(one.state), [one.state.value, one.instance.title, when, detail]))
    rows += _sum_up(overview.others, "other", zone)
    shown = [row for row in rows if not only_failed or row[0] <= _rank(State.REJECTED)]
    return [row for _, row in sorted(shown, key=lambda each: each[0])]


def _list_plan(plan: PlanRun, overview: Overview, limits: Limits) -> list[_Ranked]:
    zone, name = find_zone(plan.schedule.timezone), clean(plan.schedule.plan)
    if plan.scheduled_time is None:
        return [(_rank(State.OK), ["no run", "", name, _show_none(plan, overview)])]
    when = f"{name} {_show_clock(plan.scheduled_time, zone, overview.now)}"
    if not plan.instances and not overview.is_unknown:
        return [(_rank(State.SKIPPED), ["no run", "", when, "the plan selects no instance"])]
    rows = [
        (_rank(one.state), [one.state.value, one.instance.title, when, _explain(one, overview.now, limits)])
        for one in plan.instances
        if one.state is not State.OK
    ]
    return rows + _sum_up(plan.instances, when, zone)


def _rank(state: State) -> int:
    return list(State).index(state)


def _sum_up(instances: Iterable[InstanceRun], when: str, zone: tzinfo) -> list[_Ranked]:
    good = [one.backup for one in instances if one.state is State.OK and one.backup]
    if not good:
        return []
    noun = "backup" if when == "other" else "instance"
    return [(_rank(State.OK), ["ok", count(len(good), noun), when, _measure(good, zone)])]


def _measure(backups: Sequence[Backup], zone: tzinfo) -> str:
    """Return when the last of these backups ended, how long the longest took, and their size."""
    ends = [each.end_time for each in backups if each.end_time]
    durations = [each.duration_seconds for each in backups if each.duration_seconds is not None]
    sizes = [each.size_mb for each in backups if each.size_mb is not None]
    parts = [f"last {show_zone(max(ends), zone)}"] if ends else []
    parts += [f"longest {show_duration(max(durations))}"] if durations else []
    parts += [show_size(sum(sizes))] if sizes else []
    return ", ".join(parts)


def _explain(one: InstanceRun, now: datetime, limits: Limits) -> str:
    if one.reason:
        return clean(one.reason)
    if one.backup is None:
        name = clean(one.expected.backup_name or "")
        return f"no backup called {name}" if one.state is State.MISSING else "no backup yet"
    begin, id_ = one.backup.begin_time, clean(one.backup.id)
    if one.state is State.FAILED:
        duration = one.backup.duration_seconds
        return f"after {show_duration(duration)}, backup {id_}" if duration is not None else f"backup {id_}"
    age = show_duration(max((now - begin).total_seconds(), 0)) if begin else ""
    if one.state is State.OVERDUE:
        return f"{age} (deadline {show_duration(limits.deadline.total_seconds())}), backup {id_}"
    return age


def _show_clock(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """Return the time of day, with the date where it is not today, and the age."""
    is_today = instant.astimezone(zone).date() == now.astimezone(zone).date()
    text = f"{instant.astimezone(zone):%H:%M %Z}" if is_today else show_zone(instant, zone)
    return f"{text} ({show_age(instant, now)} ago)"


def _show_none(plan: PlanRun, overview: Overview) -> str:
    state = "" if plan.schedule.is_enabled else ", disabled"
    return f"none in the last {show_age(overview.since, overview.now)}{state}"


def _list_alarms(overview: Overview, zone: tzinfo, width: int) -> list[str]:
    rows = [
        ["ALARM", clean(each.name), f"since {show_zone(each.since, zone)}" if each.since else "", clean(each.reason)]
        for each in overview.alarms
    ]
    return [colour(line) for line in align(rows, width=width)]


def _list_queues(overview: Overview) -> list[str]:
    queues = overview.queues
    if queues is None:
        return []
    dead = {name: number for name, number in queues.dead_letters.items() if number}
    names = f" ({', '.join(f'{number:,} in {name}' for name, number in dead.items())})" if dead else ""
    counts = f"{queues.waiting:,} waiting · {queues.deferred:,} deferred · {queues.tracked:,} tracked"
    return [f"{count(sum(dead.values()), 'dead letter')}{names} · {counts}"]


def _draw_next(each: NextRun, now: datetime) -> list[str]:
    zone = find_zone(each.schedule.timezone)
    kind = each.schedule.kind.value if each.schedule.kind else "other"
    what = [f"{kind}", clean(each.schedule.plan if each.schedule.kind else each.schedule.name)]
    if not each.schedule.is_enabled:
        return ["disabled", *what, f"does not run ({clean(each.schedule.name)})"]
    if each.at is None:
        return ["over", *what, "runs no more"]
    return ["next", *what, f"{show_time(each.at, zone)} {each.at.astimezone(zone):%Z}, in {show_age(now, each.at)}"]


def _summarize(overview: Overview) -> str:
    runs = [one for plan in overview.plans for one in plan.instances]
    bad = sum(one.state.needs_you for one in (*runs, *overview.others))
    dead = sum(overview.queues.dead_letters.values()) if overview.queues else 0
    parts = [count(bad, "backup")] if bad else []
    parts += [count(dead, "dead letter")] if dead else []
    parts += [count(len(overview.alarms), "alarm")] if overview.alarms else []
    if overview.is_unknown:
        parts.append("what could not be read")
    return f"needs you: {', '.join(parts)}" if parts else "nothing needs you"
