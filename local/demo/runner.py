"""Runs the scenario: applies the plan file, sends the requests, collects what the functions reported."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gaussdb_backup.errors import GaussDBBackupError

from . import environment as environments
from .audit_and_prune import audit_and_prune
from .environment import Environment
from .notification import render_notification
from .outcome import Outcome
from .progress import Progress
from .scenario import INSTANCES, LATER_CHANGES, NOTIFIED, Step, steps
from .typed import NotDone, Terminal, Typed, find_command_differences
from .verify import WITH_BACKUP, ReportedRequest, StoredBackup, find_differences

TIME_LIMIT_SECONDS = 58.0
LOG = "functions.log"
PLAN_FILE = Path(__file__).with_name("plans.yaml")
APPLY, DIFF = (f"plans {command} local/demo/plans.yaml" for command in ("apply", "diff"))
TYPED = {"status": 3, "list orders": 0, "audit": 3}
"""What is typed at the end, with its exit code: 3 where something needs the operator."""
OUTCOMES = {
    "backup request deferred": "deferred",
    "backup request rejected": "rejected",
    "instance skipped": "skipped",
}


def run(progress: Progress, terminal: Callable[[str], Terminal], write: Callable[[str, str], object]) -> Outcome:
    """Run the scenario, and compare the reports with the cloud's own list.

    `terminal` makes of the address of AWS where commands are typed. `write` gets the name and the content of each file:
    all that the functions printed, also when the run is interrupted, and the pages of the audits, with the coverage
    that they show. Raises `NotDone` where the plan file cannot be applied.
    """
    with environments.start() as environment:
        try:
            return _run(environment, progress, terminal(environment.running.endpoint), write)
        finally:
            write(LOG, environment.output.getvalue())


def _run(
    environment: Environment, progress: Progress, terminal: Terminal, write: Callable[[str, str], object]
) -> Outcome:
    progress.begin("applying the plan file")
    before = {backup.id for backup in environment.cloud.backups()}
    [applied] = terminal.run(APPLY)
    if applied.code:
        raise NotDone(f"{applied.line}: {' '.join(applied.printed.split())}")
    progress.begin("running the plan, and requests without it")
    now = datetime.now(UTC)
    reported = run_until_ended(environment, now, list(send_all(environment, now)), progress)
    events = [(event["detail"]["backup_id"], event["detail"]["status"]) for event in environment.events]
    stored = [one for one in list_stored(environment) if one.backup_id not in before]
    differences = find_differences(reported, stored, events, waiting=environment.count_waiting())
    morning = audit_and_prune(environment, progress, write)
    progress.begin("typing commands as an operator does")
    diff, *typed = terminal.run(DIFF, *TYPED)
    return Outcome(
        plan_file=PLAN_FILE.read_text(),
        applied=applied,
        requests=reported,
        morning=morning,
        notification=render_notification(environment.running.aws.stack, environment.events, "FAILED"),
        address=NOTIFIED["NotificationEmail"],
        typed=typed,
        differences=[*differences, *morning.differences, *_check_commands([applied, diff, *typed])],
    )


def _check_commands(typed: Sequence[Typed]) -> list[str]:
    """Return which commands ended otherwise: `diff` finds a schedule that is not what the plan file has."""
    expected = {APPLY: 0, DIFF: 0, **TYPED}
    lines = {f"gaussdb-backup --local {command}": code for command, code in expected.items()}
    return find_command_differences(typed, lines)


def send_all(environment: Environment, now: datetime) -> Iterator[ReportedRequest]:
    """Send every request and deliver the queue's messages once; yield the first report about each."""
    scheduled_time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    all_steps = steps(scheduled_time)
    for step in all_steps:
        if step.channel == "direct":
            yield _invoke(environment, step)
        elif step.channel == "queue":
            environment.send(step.request)
    environment.fire("nightly.backup", scheduled_time)
    environment.deliver("PlanQueue", "BackupQueue")
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
    outcome = report.get("outcome") or OUTCOMES.get(message, message)
    return ReportedRequest(
        title=step.title,
        instance_id=step.request["instance_id"],
        expected=step.expected,
        outcome=outcome,
        first=outcome,
        backup_id=report.get("backup_id"),
        backup_name=report.get("backup_name"),
        expected_status=step.final_status,
        reason=report.get("reason") or report.get("error_message", ""),
        from_queue=step.channel == "queue" or (step.channel == "plan" and step.expected != "skipped"),
    )


def run_until_ended(
    environment: Environment, now: datetime, reported: Sequence[ReportedRequest], progress: Progress
) -> list[ReportedRequest]:
    """Deliver the messages of both queues until each request has its backup and each backup its final status."""
    by_key = {(step.title, step.request["instance_id"]): step for step in steps(now.astimezone(UTC).isoformat())}
    for name, fields in LATER_CHANGES.items():
        environment.cloud.change_instance(INSTANCES[name].id, **fields)
    end = time.monotonic() + TIME_LIMIT_SECONDS
    current = list(reported)
    while time.monotonic() < end:
        environment.deliver("BackupQueue", "TrackingQueue")
        environment.collect_events()
        statuses = {event["detail"]["backup_id"]: event["detail"]["status"] for event in environment.events}
        current = [_update(environment, one, by_key[one.title, one.instance_id], statuses) for one in current]
        ended = sum(bool(one.status) or not one.expected_status for one in current)
        progress.detail(f"{ended} of {len(current)} have ended")
        if ended == len(current):
            break
        time.sleep(0.2)
    return current


def _update(environment: Environment, one: ReportedRequest, step: Step, statuses: Mapping[str, str]) -> ReportedRequest:
    has_result = one.outcome in WITH_BACKUP or step.channel == "direct"
    latest = one if has_result else replace(_read(step, _last_record(environment, step)), first=one.first)
    return replace(latest, status=statuses.get(latest.backup_id or ""))


def list_stored(environment: Environment) -> list[StoredBackup]:
    """Return the manual backups that the cloud itself has."""
    return [
        StoredBackup(backup.id, backup.instance_id, backup.name, environment.cloud.status_of(backup.id) or "")
        for backup in environment.cloud.backups()
        if backup.type == "manual"
    ]
