"""Which backups of an instance a retention policy keeps, which it deletes, and why. Nothing is deleted from here.

Only good manual backups with the policy's prefix and a begin in the past count, and only these are deleted by the
rules; whatever is in doubt stays. A list that lacks backups never has one deleted that the whole list would keep, as
long as it has the newest.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from gaussdb_backup.domain.durations import Duration
from gaussdb_backup.domain.keep_rules import KeepRules, apply_rules
from gaussdb_backup.domain.models import Backup, BackupStatus
from gaussdb_backup.errors import FieldProblem, InvalidRequest

__all__ = ["Decision", "Duration", "KeepRules", "RetentionPolicy", "apply_rules", "decide"]

FAILED_KEPT = timedelta(days=7)
"""How long a failed backup stays after its begin, so that the failure can be examined."""
NO_RULES = FieldProblem("keep", "at least one rule that keeps something, such as daily: 7", "none")


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What is kept of the backups whose names begin with `name_prefix` ("": of all), by the calendar of `zone`.

    The newest `minimum_good` good ones stay whatever the rules keep; less than 1 counts as 1.
    """

    rules: KeepRules
    zone: tzinfo
    name_prefix: str
    minimum_good: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a backup is kept, and the reasons. One that is deleted has no reason, or "failed"."""

    backup: Backup
    keep: bool
    reasons: tuple[str, ...]

    @property
    def explanation(self) -> str:
        """The reasons as a text; of one that is deleted because of no reason to keep it, that."""
        return ", ".join(self.reasons) or "no rule keeps it"


def decide(
    backups: Iterable[Backup], policy: RetentionPolicy, *, now: datetime, in_use: Collection[str] = ()
) -> list[Decision]:
    """Decide about all backups of one instance, newest first; those of one second by their ids.

    A backup whose id is `in_use` is never deleted, but counts. Raises `InvalidRequest` where the policy has no rules:
    that is a mistake, not the wish to keep nothing. The same arguments give the same decisions. After the deletions
    nothing more is deleted, and after some of them nothing but the others.
    """
    if not policy.rules.has_rules:
        raise InvalidRequest("retention policy", [NO_RULES])
    ordered = _newest_first(backups)
    exempt = {backup.id: reason for backup in ordered if (reason := _find_exemption(backup, policy, now))}
    good = [backup for backup in ordered if backup.id not in exempt and backup.status.is_good]
    kept = _keep_good(good, policy)
    return [_decide_one(backup, kept.get(backup.id, ()), exempt.get(backup.id), in_use) for backup in ordered]


def _newest_first(backups: Iterable[Backup]) -> Sequence[Backup]:
    """One that is listed twice counts once; those without a begin are last."""
    by_id = {backup.id: backup for backup in backups}
    ordered = sorted(by_id.values(), key=lambda backup: backup.id)
    return sorted(ordered, key=lambda backup: backup.begin_time or datetime.min.replace(tzinfo=UTC), reverse=True)


def _find_exemption(backup: Backup, policy: RetentionPolicy, now: datetime) -> str | None:
    """Return why a backup stays whatever the rules keep; `None` for a good one, and for one that failed long ago."""
    if backup.type not in ("manual", None):
        return "not manual"
    if not backup.name.startswith(policy.name_prefix):
        return "not ours"
    if not backup.status.is_final:
        return "building" if backup.status is BackupStatus.BUILDING else "unknown status"
    if backup.begin_time is None:
        return "no begin time"
    if backup.begin_time > now:
        return "future"
    is_recent = now - backup.begin_time < FAILED_KEPT
    return "failed recently" if backup.status is BackupStatus.FAILED and is_recent else None


def _keep_good(good: Sequence[Backup], policy: RetentionPolicy) -> dict[str, tuple[str, ...]]:
    """Return the reasons of each good backup, by its id."""
    times = [backup.begin_time.astimezone(policy.zone) for backup in good if backup.begin_time]
    floor = max(1, policy.minimum_good)
    reasons = [
        given or (("minimum_good",) if position < floor else ())
        for position, given in enumerate(apply_rules(times, policy.rules))
    ]
    return {backup.id: given for backup, given in zip(good, reasons, strict=True)}


def _decide_one(backup: Backup, kept: tuple[str, ...], exemption: str | None, in_use: Collection[str]) -> Decision:
    reasons = kept if exemption is None else (exemption,)
    if backup.id in in_use:
        reasons = (*reasons, "drill")
    is_deleted_as_failed = backup.status is BackupStatus.FAILED and not reasons
    return Decision(backup, keep=bool(reasons), reasons=("failed",) if is_deleted_as_failed else reasons)
