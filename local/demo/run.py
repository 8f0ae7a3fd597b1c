"""Asks what the scenario asks, follows what began, and writes down what the handlers said."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gaussdb_backup.errors import GaussDBBackupError

from .judge import Held, Told
from .scenario import INSTANCES, Step, steps
from .world import World

PATIENCE_SECONDS = 40.0
OUTCOME_OF_MESSAGE = {"backup request put off": "put off", "backup request rejected": "rejected"}
NAMES = {instance.id: name for name, instance in INSTANCES.items()}


def ask_all(world: World, now: datetime) -> Iterator[Told]:
    """Ask one after the other; yield what the handlers said. Queue messages go in one batch, as they came."""
    plan = steps(now.astimezone(UTC).isoformat(timespec="seconds"))
    for step in plan:
        if step.way == "queue":
            world.send(step.request)
        else:
            yield _ask(world, step, now)
    seen = len(world.records)
    world.requests.run_until_empty()
    told = [record for record in world.records[seen:] if "instance_id" in record]
    for step in plan:
        if step.way == "queue":
            instance_id = step.request["instance_id"]
            said = next((record for record in told if record["instance_id"] == instance_id), {})
            yield _read(step, instance_id, said)


def _ask(world: World, step: Step, now: datetime) -> Told:
    request = step.request
    if step.way == "schedule":
        request = world.schedule_payload(request["instance_id"], now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    try:
        answer = world.create(request)
    except GaussDBBackupError as error:
        return _read(step, request["instance_id"], {"message": "failed", "error_message": str(error)})
    backup = {"backup_id": answer["backup"]["id"], "backup_name": answer["backup"]["name"]}
    return _read(step, request["instance_id"], {"outcome": answer["outcome"], **backup})


def _read(step: Step, instance_id: str, said: Mapping[str, Any]) -> Told:
    """Read what was said: a log record, or an answer in the same words."""
    message = said.get("message", "said nothing")
    return Told(
        title=step.title,
        instance_id=instance_id,
        expected=step.expected,
        outcome=said.get("outcome") or OUTCOME_OF_MESSAGE.get(message, message),
        backup_id=said.get("backup_id"),
        backup_name=said.get("backup_name"),
        should_end=step.ends,
        reason=said.get("error_message", ""),
        by_queue=step.way == "queue",
    )


def follow_all(world: World, expected: set[str], show: Callable[[dict[str, str]], None]) -> dict[str, str]:
    """Play the tracking queue's event source until every backup ended; return the end of each, by backup id.

    `show` gets, at each turn, the status of each backup as the handlers or, while it builds, the cloud tells it.
    """
    ends: dict[str, str] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not expected <= ends.keys() and time.monotonic() < deadline:
        world.tracking.run_until_empty()
        world.collect_events()
        ends = {event["detail"]["backup_id"]: event["detail"]["status"] for event in world.events}
        show({backup_id: ends.get(backup_id) or "BUILDING" for backup_id in expected})
        time.sleep(0.25)
    return ends


def list_held(world: World) -> list[Held]:
    """Ask the cloud itself what it holds."""
    return [
        Held(backup.id, backup.instance_id, backup.name, world.cloud.status_of(backup.id) or "")
        for backup in world.cloud.backups()
        if backup.type == "manual"
    ]
