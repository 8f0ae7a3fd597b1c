"""The morning after the run: an audit that closes gaps, an audit that sees them closed, and a prune."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from gaussdb_backup.domain.coverage import Coverage

from .environment import Environment
from .outcome import Morning
from .progress import Progress
from .scenario import BY_HAND_ID, INSTANCES, NAMES, REPAIRED
from .verify import Pruned, find_prune_differences, find_state_differences

EXPECTED = {
    "orders": "ok", "customers": "ok", "payments": "ok", "stock": "ok", "search": "ok",
    "reports": "failing", "archive": "building", "legacy": "late",
}  # fmt: skip
EXPECTED_AFTERWARDS = {**EXPECTED, "reports": "ok"}
CAUGHT_UP = ("reports",)
"""Of the instances without a recent good backup: `archive` is being backed up, and `legacy` is frozen."""
TIME_LIMIT_SECONDS = 30.0
LATER = timedelta(minutes=2)
"""How much later than now the audits are scheduled: names show the minute, and those of the run have this one."""
DELETION_TIME = timedelta(minutes=10)
"""A deleted backup stays in the cloud's list for some minutes."""


def audit_and_prune(environment: Environment, progress: Progress, write: Callable[[str, str], object]) -> Morning:
    """Audit, wait for the catch-up backups, audit again and prune."""
    for name, fields in REPAIRED.items():
        environment.cloud.change_instance(INSTANCES[name].id, **fields)
    now = datetime.now(UTC)
    progress.begin("auditing, and making up for what is missing")
    first = _audit(environment, now + LATER)
    _write_page(environment, first, "coverage_before", write)
    differences = find_state_differences(_states(first), EXPECTED)
    caught_up = sorted(NAMES[instance_id] for instance_id in first.catch_up)
    if caught_up != sorted(CAUGHT_UP):
        differences.append(f"the audit requested a backup of {caught_up}, expected {sorted(CAUGHT_UP)}")
    _run_until_caught_up(environment, first)
    second = _audit(environment, now + 2 * LATER)
    differences += find_state_differences(_states(second), EXPECTED_AFTERWARDS)
    _write_page(environment, second, "coverage", write)
    progress.begin("pruning")
    shown, done, broken = _prune(environment, second)
    return Morning(first, second, shown, done, [*differences, *broken])


def _audit(environment: Environment, scheduled_time: datetime) -> Coverage:
    return Coverage.model_validate(environment.fire("nightly.audit", scheduled_time.isoformat()))


def _write_page(environment: Environment, coverage: Coverage, name: str, write: Callable[[str, str], object]) -> None:
    write(f"{name}.html", environment.read_report(coverage.report or ""))
    write(f"{name}.json", json.dumps(coverage.to_json(), indent=1))


def _states(coverage: Coverage) -> dict[str, str]:
    return {NAMES[one.instance_id]: one.state.value for one in coverage.instances}


def _run_until_caught_up(environment: Environment, coverage: Coverage) -> None:
    end = time.monotonic() + TIME_LIMIT_SECONDS
    while time.monotonic() < end:
        environment.deliver("BackupQueue", "TrackingQueue")
        newest = [environment.cloud.backups(instance_id)[0] for instance_id in coverage.catch_up]
        if all(environment.cloud.status_of(backup.id) == "COMPLETED" for backup in newest):
            return
        time.sleep(0.2)


def _prune(environment: Environment, coverage: Coverage) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Make a dry run, then delete; compare what was shown, what was foreseen, and what is left.

    Returns both responses and the differences.
    """
    now = datetime.now(UTC).isoformat()
    before = _manual(environment)
    shown = environment.fire("nightly.prune", now, dry_run=True)
    after_dry_run = _manual(environment)
    done = environment.fire("nightly.prune", now)
    environment.cloud.advance(DELETION_TIME)
    pruned = Pruned(
        before=before,
        after_dry_run=after_dry_run,
        after=_manual(environment),
        foreseen={one.backup_id for one in coverage.next_prune.deleted} if coverage.next_prune else set(),
        shown=_ids(shown["deleted"]),
        deleted=_ids(done["deleted"]),
        failed=len(done["failed"]),
        kept_by_hand=BY_HAND_ID,
    )
    return shown, done, find_prune_differences(pruned)


def _ids(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["backup_id"] for entry in entries}


def _manual(environment: Environment) -> set[str]:
    return {backup.id for backup in environment.cloud.backups() if backup.type == "manual"}
