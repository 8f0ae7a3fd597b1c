"""Runs the scenario: sends the requests, delivers the queues' messages, collects what the functions reported."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gaussdb_backup.errors import GaussDBBackupError

from . import environment as environments
from .audit_and_prune import audit_and_prune
from .console import DemoConsole
from .environment import Environment
from .scenario import INSTANCES, LATER_CHANGES, Step, steps
from .verify import WITH_BACKUP, ReportedRequest, StoredBackup, find_differences

TIME_LIMIT_SECONDS = 58.0
LOG = "functions.log"
OUTCOMES = {
    "backup request deferred": "deferred",
    "backup request rejected": "rejected",
    "instance skipped": "skipped",
}


def run(console: DemoConsole, write: Callable[[str, str], object]) -> list[str]:
    """Run the scenario and return the differences between the reports and the cloud's own list.

    `write` gets the name and the content of each file: all that the functions printed, also when the run is
    interrupted, and the page of the last audit, with the coverage that it shows.
    """
    with environments.start() as environment:
        try:
            now = datetime.now(UTC)
            before = {backup.id for backup in environment.cloud.backups()}
            reported = []
            for one in send_all(environment, now):
                console.request(one)
                reported.append(one)
            with console.tracking(reported) as progress:
                reported = run_until_ended(environment, now, reported, progress.show)
            console.results(reported)
            console.events(environment.events)
            events = [(event["detail"]["backup_id"], event["detail"]["status"]) for event in environment.events]
            waiting = environment.count_waiting()
            stored = [one for one in list_stored(environment) if one.backup_id not in before]
            differences = find_differences(reported, stored, events, waiting=waiting)
            differences += audit_and_prune(environment, console, write)
            console.conclusion(differences, reported)
            return differences
        finally:
            write(LOG, environment.output.getvalue())


def send_all(environment: Environment, now: datetime) -> Iterator[ReportedRequest]:
    """Send every request and deliver the queue's messages once; yield the first report about each."""
    scheduled_time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    all_steps = steps(scheduled_time)
    for step in all_steps:
        if step.channel == "direct":
            yield _invoke(environment, step)
        elif step.channel == "queue":
            environment.send(step.request)
    environment.run_schedule(scheduled_time)
    environment.plan_queue.run_until_empty()
    environment.backup_queue.run_until_empty()
    for step in all_steps:
        if step.channel != "direct":
            yield _read(step, _last_record(environment, step))


def _invoke(environment: Environment, step: Step) -> ReportedRequest:
    try:
        response = environment.create(step.request)
    except GaussDBBackupError as error:
        return _read(step, {"message": "failed", "error_message": str(error)})
    backup = {"backup_id": response["backup"]["id"], "backup_name": response["backup"]["name"]}
    return _read(step, {"outcome": response["outcome"], **backup})


def _last_record(environment: Environment, step: Step) -> Mapping[str, Any]:
    """Return the last log record with the outcome of a request of the plan, or of one that was sent by itself."""
    schedule = "nightly" if step.channel == "plan" else None
    found = [
        record
        for record in environment.records
        if record.get("instance_id") == step.request["instance_id"]
        and record.get("schedule") == schedule
        and ("outcome" in record or record["message"] in OUTCOMES)
    ]
    return found[-1] if found else {}


def _read(step: Step, report: Mapping[str, Any]) -> ReportedRequest:
    """Read a report: a log record, or a response with the same keys."""
    message = report.get("message", "not reported")
    return ReportedRequest(
        title=step.title,
        instance_id=step.request["instance_id"],
        expected=step.expected,
        outcome=report.get("outcome") or OUTCOMES.get(message, message),
        backup_id=report.get("backup_id"),
        backup_name=report.get("backup_name"),
        expected_status=step.final_status,
        reason=report.get("reason") or report.get("error_message", ""),
        from_queue=step.channel == "queue" or (step.channel == "plan" and step.expected != "skipped"),
    )


def run_until_ended(
    environment: Environment,
    now: datetime,
    reported: Sequence[ReportedRequest],
    show: Callable[[Sequence[ReportedRequest]], None],
) -> list[ReportedRequest]:
    """Deliver the messages of both queues until each request has its backup and each backup its final status.

    `show` gets at each turn what is known by then.
    """
    by_key = {(step.title, step.request["instance_id"]): step for step in steps(now.astimezone(UTC).isoformat())}
    for name, fields in LATER_CHANGES.items():
        environment.cloud.change_instance(INSTANCES[name].id, **fields)
    end = time.monotonic() + TIME_LIMIT_SECONDS
    current = list(reported)
    while time.monotonic() < end:
        environment.backup_queue.run_until_empty()
        environment.tracking_queue.run_until_empty()
        environment.collect_events()
        statuses = {event["detail"]["backup_id"]: event["detail"]["status"] for event in environment.events}
        current = [_update(environment, one, by_key[one.title, one.instance_id], statuses) for one in current]
        show(current)
        if all(one.status or not one.expected_status for one in current):
            break
        time.sleep(0.2)
    return current


def _update(environment: Environment, one: ReportedRequest, step: Step, statuses: Mapping[str, str]) -> ReportedRequest:
    has_result = one.outcome in WITH_BACKUP or step.channel == "direct"
    latest = one if has_result else _read(step, _last_record(environment, step))
    return replace(latest, status=statuses.get(latest.backup_id or ""))


def list_stored(environment: Environment) -> list[StoredBackup]:
    """Return the manual backups that the cloud itself has."""
    return [
        StoredBackup(backup.id, backup.instance_id, backup.name, environment.cloud.status_of(backup.id) or "")
        for backup in environment.cloud.backups()
        if backup.type == "manual"
    ]
