"""Delete what the retention does not keep."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from typing import Any, Protocol

from gaussdb_backup.domain.models import Backup, BatchDeletion, Instance
from gaussdb_backup.domain.prune import Prune, PrunePlan, plan_prune
from gaussdb_backup.domain.response_size import fit
from gaussdb_backup.domain.retention import Decision
from gaussdb_backup.errors import FixRequest, GaussDBBackupError, GiveUp, InstanceBusy

BATCH_SIZE = 50
"""Backups of one deletion call (docs/reference/gaussdb_api.md, "Deleting backups")."""
NOT_ATTEMPTED = "NotAttempted"


type Problems = Mapping[str, tuple[str, str]]
"""The API's code and message by the id of the backup."""


class PruneApi(Protocol):
    """The calls of the API that a prune needs."""

    def list_instances(self, *, whole: bool) -> Iterable[Instance]:
        """List the instances of the project; it is an error where these are not all."""

    def list_backups(self, *, backup_type: str, with_instance_names: bool) -> Iterable[Backup]:
        """List the backups of the project."""

    def delete_backups(self, backup_ids: Sequence[str]) -> BatchDeletion:
        """Request the deletion of at most 50 backups."""


class EventBus(Protocol):
    """Where the end of a prune is published."""

    def publish_prune(self, detail: Mapping[str, Any]) -> str | None:
        """Publish one event; return why the bus refused it, or `None`."""


class Reporter(Protocol):
    """What logs and counts."""

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""

    def instances_not_found(self, instance_ids: Iterable[str]) -> None:
        """Report ids that were selected, and that the project does not have."""

    def deletion_requested(self, backup_ids: Sequence[str]) -> None:
        """Report the backups of a call that deletes, before it is made."""

    def pruned(self, decision: Decision) -> None:
        """Report that a backup is deleted."""

    def deletion_deferred(self, backup: Backup, *, error_code: str, error_message: str) -> None:
        """Report that a backup cannot be deleted now."""

    def deletion_failed(self, backup: Backup, *, error_code: str, error_message: str) -> None:
        """Report that a backup was not deleted."""

    def deletions_stopped(self, error: GaussDBBackupError) -> None:
        """Report an error that ends the deletions."""

    def prune_finished(self, summary: Mapping[str, Any], *, dry_run: bool) -> None:
        """Report what was kept, deleted, failed and refused."""

    def not_delivered(self, what: str, *, cause: str) -> None:
        """Report that the event of the prune is not where it should be."""


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was kept and deleted, with the reasons; codes and messages of what was deferred or failed, by id.

    In a dry run `deleted` is what would be.
    """

    prune: Prune
    plan: PrunePlan
    deleted: Sequence[Decision]
    deferred: Problems = field(default_factory=dict)
    failed: Problems = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """The counts, and why nothing was deleted, if so."""
        return {
            "kept": sum(decision.keep for decision in self.plan.decisions),
            "deleted": len(self.deleted),
            "deferred": len(self.deferred),
            "failed": len(self.failed),
            "refused": self.plan.refused,
            "not_found": len(self.plan.not_found),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the response of a direct invoke: of longer lists than Lambda returns the first, of kept ones least."""
        listed = fit(
            {
                "failed": self._describe_problems(self.failed),
                "deferred": self._describe_problems(self.deferred),
                "deleted": map(_describe, self.deleted),
                "kept": (_describe(decision) for decision in self.plan.decisions if decision.keep),
            }
        )
        return {
            "version": 1,
            "dry_run": self.prune.dry_run,
            "counts": {key: value for key, value in self.summary.items() if key != "refused"},
            **{part: listed[part] for part in ("kept", "deleted", "deferred", "failed")},
            "not_found": list(self.plan.not_found),
            "refused": self.plan.refused,
        }

    def _describe_problems(self, problems: Problems) -> list[dict[str, Any]]:
        return [
            {**_describe(decision), "error_code": code, "error_message": message}
            for decision in self.plan.deletions
            for code, message in [problems.get(decision.backup.id, ("", ""))]
            if decision.backup.id in problems
        ]


def _describe(decision: Decision) -> dict[str, Any]:
    backup = decision.backup
    return {
        "backup_id": backup.id,
        "backup_name": backup.name,
        "instance_id": backup.instance_id,
        "status": backup.status.value,
        "begin_time": backup.begin_time.isoformat() if backup.begin_time else None,
        "end_time": backup.end_time.isoformat() if backup.end_time else None,
        "size_mb": backup.size_mb,
        "reasons": list(decision.reasons),
    }


def prune_backups(
    prune: Prune, *, api: PruneApi, event_bus: EventBus, reporter: Reporter, now: Callable[[], datetime]
) -> PruneResult:
    """Delete the backups that the retention does not keep; return what was done about each. A dry run deletes none.

    Both lists are read to their end before anything is deleted, so that a list which fails deletes nothing. Ended at
    any point and run again it deletes the rest of what it would have deleted, and no other backup. Raises what the API
    raises for the lists; a deletion that fails is in the result.
    """
    reporter.add(**prune.log_fields)
    instances = list(api.list_instances(whole=True))
    backups = list(api.list_backups(backup_type="manual", with_instance_names=True))
    plan = plan_prune(prune, select=prune.select, zone=prune.zone, instances=instances, backups=backups, now=now())
    reporter.instances_not_found(plan.not_found)
    if prune.dry_run:
        result = PruneResult(prune, plan, plan.deletions)
    elif plan.refused:
        result = PruneResult(prune, plan, [])
    else:
        result = _delete(prune, plan, api, reporter)
    reporter.prune_finished(result.summary, dry_run=prune.dry_run)
    if not prune.dry_run and (cause := event_bus.publish_prune({"version": 1, **prune.log_fields, **result.summary})):
        reporter.not_delivered("event", cause=cause)
    return result


def _delete(prune: Prune, plan: PrunePlan, api: PruneApi, reporter: Reporter) -> PruneResult:
    """Delete what the plan names, and report about each as soon as it is known.

    Where the API refuses a call as a whole, each half of it is tried by itself, so that one backup keeps no other. An
    error that the next call would get too ends it: the others are deleted by the next prune.
    """
    deleted: list[Decision] = []
    deferred: dict[str, tuple[str, str]] = {}
    failed: dict[str, tuple[str, str]] = {}
    pending: deque[Sequence[Decision]] = deque(batched(plan.deletions, BATCH_SIZE, strict=False))
    while pending:
        batch = pending.popleft()
        by_id = {decision.backup.id: decision for decision in batch}
        reporter.deletion_requested(list(by_id))
        try:
            result = _delete_batch(list(by_id), api)
        except GaussDBBackupError as error:
            reporter.deletions_stopped(error)
            untried = [decision.backup.id for later in pending for decision in later]
            failed |= dict.fromkeys(by_id, (error.error_code or type(error).__name__, str(error)))
            failed |= dict.fromkeys(untried, (NOT_ATTEMPTED, "a call before it failed"))
            break
        if result is None:
            pending.extendleft((batch[len(batch) // 2 :], batch[: len(batch) // 2]))
            continue
        deleted += [by_id[backup_id] for backup_id in (*result.deleted, *result.gone)]
        deferred |= result.deferred
        failed |= result.failed
        _report(result, by_id, reporter)
    return PruneResult(prune, plan, deleted, deferred, failed)


def _report(result: BatchDeletion, by_id: Mapping[str, Decision], reporter: Reporter) -> None:
    for backup_id in (*result.deleted, *result.gone):
        reporter.pruned(by_id[backup_id])
    for backup_id, (code, message) in result.deferred.items():
        reporter.deletion_deferred(by_id[backup_id].backup, error_code=code, error_message=message)
    for backup_id, (code, message) in result.failed.items():
        reporter.deletion_failed(by_id[backup_id].backup, error_code=code, error_message=message)


def _delete_batch(backup_ids: Sequence[str], api: PruneApi) -> BatchDeletion | None:
    """Delete at most 50 backups; return `None` where the API refuses several as a whole, for what may be one of them.

    Raises what concerns all of them.
    """
    try:
        return api.delete_backups(backup_ids)
    except (FixRequest, GiveUp, InstanceBusy) as error:
        if len(backup_ids) > 1:
            return None
        problems = {backup_ids[0]: (error.error_code or type(error).__name__, str(error))}
        is_busy = isinstance(error, InstanceBusy)
        return BatchDeletion(deferred=problems) if is_busy else BatchDeletion(failed=problems)
