"""Asks what the scenario asks, pumps the queues until everything has ended, and writes down what was said."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gaussdb_backup.errors import GaussDBBackupError

from . import scenario
from .environment import World
from .scenario import INSTANCES, Step, steps
from .verify import MADE, Held, Told

PATIENCE_SECONDS = 58.0
OUTCOMES = {
    "backup request deferred": "put off",
    "backup request rejected": "rejected",
    "instance skipped": "skipped",
}
NAMES = {instance.id: name for name, instance in INSTANCES.items()}


def ask_all(world: World, now: datetime) -> Iterator[Told]:
    """Ask everything, and deliver the queue's messages once; yield what the handlers said of each at first."""
    run = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plan = steps(run)
    for step in plan:
        if step.way == "direct":
            yield _ask(world, step)
        elif step.way == "queue":
            world.send(step.request)
    world.dispatch(world.schedule_payload(run))
    world.requests.run_until_empty()
    for step in plan:
        if step.way != "direct":
            yield _read(step, _last_record(world, step))


def _ask(world: World, step: Step) -> Told:
    try:
        answer = world.create(step.request)
    except GaussDBBackupError as error:
        return _read(step, {"message": "failed", "error_message": str(error)})
    backup = {"backup_id": answer["backup"]["id"], "backup_name": answer["backup"]["name"]}
    return _read(step, {"outcome": answer["outcome"], **backup})


def _last_record(world: World, step: Step) -> Mapping[str, Any]:
    """Return the last log record that says what became of a request: of the schedule, or one sent by hand."""
    schedule = "nightly" if step.way == "plan" else None
    said = [
        record
        for record in world.records
        if record.get("instance_id") == step.request["instance_id"]
        and record.get("schedule") == schedule
        and ("outcome" in record or record["message"] in OUTCOMES)
    ]
    return said[-1] if said else {}


def _read(step: Step, said: Mapping[str, Any]) -> Told:
    """Read what was said: a log record, or an answer in the same words."""
    message = said.get("message", "said nothing")
    return Told(
        title=step.title,
        instance_id=step.request["instance_id"],
        expected=step.expected,
        outcome=said.get("outcome") or OUTCOMES.get(message, message),
        backup_id=said.get("backup_id"),
        backup_name=said.get("backup_name"),
        should_end=step.ends,
        reason=said.get("reason") or said.get("error_message", ""),
        by_queue=step.way == "queue" or (step.way == "plan" and step.expected != "skipped"),
    )


def settle(world: World, now: datetime, told: Sequence[Told], show: Callable[[Sequence[Told]], None]) -> list[Told]:
    """Play both queues' event sources until each request has its backup and each backup its end; return it all.

    `show` gets, at each turn, what is known by then.
    """
    plan = {step.title + step.request["instance_id"]: step for step in steps(now.astimezone(UTC).isoformat())}
    began = time.monotonic()
    current = list(told)
    while time.monotonic() - began < PATIENCE_SECONDS:
        if time.monotonic() - began > scenario.READY_AFTER_SECONDS:
            world.cloud.change_instance(scenario.READY, status="ACTIVE")
        world.requests.run_until_empty()
        world.tracking.run_until_empty()
        world.collect_events()
        ends = {event["detail"]["backup_id"]: event["detail"]["status"] for event in world.events}
        current = [_update(world, one, plan[one.title + one.instance_id], ends) for one in current]
        show(current)
        if all(one.status or not one.should_end for one in current):
            break
        time.sleep(0.25)
    return current


def _update(world: World, one: Told, step: Step, ends: Mapping[str, str]) -> Told:
    latest = one if one.outcome in MADE or step.way == "direct" else _read(step, _last_record(world, step))
    return replace(latest, status=ends.get(latest.backup_id or ""))


def list_held(world: World) -> list[Held]:
    """Ask the cloud itself what it holds."""
    return [
        Held(backup.id, backup.instance_id, backup.name, world.cloud.status_of(backup.id) or "")
        for backup in world.cloud.backups()
        if backup.type == "manual"
    ]
