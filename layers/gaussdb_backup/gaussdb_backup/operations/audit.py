"""Compare the inventory with the backups: report how each instance is covered, and close the gaps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gaussdb_backup.domain.audit import CAUGHT_UP, Audit
from gaussdb_backup.domain.coverage import Coverage, InstanceCoverage, NextPrune, PlannedDeletion, State
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.digest import make_digest
from gaussdb_backup.domain.drill import is_drill
from gaussdb_backup.domain.instance_coverage import find_orphans, measure_instances
from gaussdb_backup.domain.models import Backup, Instance
from gaussdb_backup.domain.naming import shows_hour
from gaussdb_backup.domain.plan import Decision, decide
from gaussdb_backup.domain.prune import plan_prune
from gaussdb_backup.errors import GaussDBBackupError, TryLater
from gaussdb_backup.operations.protection import ProtectionApi, read_protection
from gaussdb_backup.operations.requests import RequestQueue, send_requests

NAMES_NOT_UNIQUE = (
    "nothing is requested to catch up: name_template does not show the hour of scheduled_time, so the name would be "
    "that of the day's other backup; add %H%M to it"
)
MAX_NAMED = 10
"""Instances that a remark names."""
AUTOMATIC_SPAN = timedelta(days=2)
"""How much further back than the age that a good backup may have automatic backups are listed."""


class AuditApi(ProtectionApi, Protocol):
    """The calls of the API that an audit needs. None of them changes anything."""

    @property
    def odd_records(self) -> Mapping[str, int]:
        """How many records of the lists were left out, since they have no id that can be read, by operation."""

    def list_instances(self, *, whole: bool) -> Iterable[Instance]:
        """List the instances of the project; it is an error where these are not all."""

    def list_backups(
        self, *, backup_type: str, begin_time: datetime | None = None, with_instance_names: bool = False
    ) -> Iterable[Backup]:
        """List the backups of the project that began at or after `begin_time`."""


class ReportStore(Protocol):
    """Where pages are stored."""

    def store(self, coverage: Coverage) -> str | None:
        """Store the page; return its address, or `None` where no bucket is set. Raises `TryLater`."""


class EventBus(Protocol):
    """Where the end of an audit is published."""

    def publish_audit(self, detail: Mapping[str, Any]) -> str | None:
        """Publish one event; return why the bus refused it, or `None`."""


class Reporter(Protocol):
    """What logs and counts."""

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""

    def catch_up_decided(self, decisions: Sequence[Decision], refusals: Mapping[str, str]) -> None:
        """Report the catch-up requests; `refusals` are the queue's, by instance."""

    def audited(self, coverage: Coverage) -> None:
        """Report the coverage."""

    def unexpected_error(self, error: Exception, **log_fields: object) -> None:
        """Report a defect."""

    def not_delivered(self, what: str, *, cause: str) -> None:
        """Report that the page or the event of the audit is not where it should be."""


def audit_backups(
    audit: Audit,
    *,
    api: AuditApi,
    queue: RequestQueue,
    reports: ReportStore,
    event_bus: EventBus,
    reporter: Reporter,
    now: Callable[[], datetime],
    deadline: Deadline,
) -> Coverage:
    """Return how the selected instances are covered; with `catch_up` request one backup for each gap.

    Running it again for the same run sends the same requests, each of which makes one backup, and stores the page
    again at the same address. Raises what the API raises, before anything is requested or reported; `TryLater` if the
    queue did not take every request, after all has been reported. That the page or the event could not be delivered
    is reported, and fails nothing.
    """
    reporter.add(**audit.log_fields)
    lists = _read_lists(audit, api, now)
    measured, unselected = _measure(audit, lists)
    decisions = _decide_catch_up(audit, measured, lists.inventory)
    refusals = send_requests(decisions, queue, connection=audit.connection)
    reporter.catch_up_decided(decisions, refusals)
    protected, remarks = read_protection(measured, api, deadline) if audit.read_protection else (measured, [])
    coverage = _make_coverage(audit, lists, protected).model_copy(
        update={
            "unselected": tuple(unselected),
            "catch_up": tuple(one.instance_id for one in decisions if one.request and one.instance_id not in refusals),
            "remarks": (*_remark(audit, lists, api), *remarks),
        }
    )
    coverage = _deliver(coverage, reports, event_bus, reporter)
    if refusals:
        causes = ", ".join(sorted(set(refusals.values())))
        raise TryLater(
            f"the queue did not take {len(refusals)} of {len(decisions)} catch-up requests ({causes}): audit again, "
            "nothing is made twice by it"
        )
    return coverage


@dataclass(frozen=True, slots=True)
class _Lists:
    """What the project has at the time `read_at`. `manual` are the records of the list of manual backups."""

    inventory: Sequence[Instance]
    manual: Sequence[Backup]
    automatic: Sequence[Backup]
    read_at: datetime


def _read_lists(audit: Audit, api: AuditApi, now: Callable[[], datetime]) -> _Lists:
    inventory = list(api.list_instances(whole=True))
    manual = list(api.list_backups(backup_type="manual", with_instance_names=True))
    span = max(timedelta(days=audit.days), timedelta(hours=audit.max_age_hours) + AUTOMATIC_SPAN)
    since = now() - span
    automatic = list(api.list_backups(backup_type="auto", begin_time=since)) if audit.count_automatic else []
    return _Lists(inventory, manual, automatic, now())


def _measure(audit: Audit, lists: _Lists) -> tuple[list[InstanceCoverage], list[InstanceCoverage]]:
    """Return how the selected instances are covered, and how the others are. An instance of a drill is neither."""
    manual = [backup for backup in lists.manual if backup.is_manual]
    backups = {backup.id: backup for backup in (*manual, *lists.automatic)}.values()
    criteria = audit.criteria(now=lists.read_at)
    lasting = [one for one in lists.inventory if not is_drill(one)]
    selected = [one for one in lasting if audit.select.matches(one)]
    others = [one for one in lasting if not audit.select.matches(one)]
    return measure_instances(selected, backups, criteria), measure_instances(others, backups, criteria)


def _decide_catch_up(
    audit: Audit, measured: Iterable[InstanceCoverage], inventory: Collection[Instance]
) -> list[Decision]:
    """Decide about one backup of each instance with a gap.

    An instance that cannot be backed up, such as a frozen one, is skipped, as in a plan. Nothing is requested where the
    name could be that of a backup of the same day, which may be the one that failed.
    """
    gaps = [one.instance_id for one in measured if one.state in CAUGHT_UP and one.building_since is None]
    if not (audit.catch_up and gaps and shows_hour(audit.name_template)):
        return []
    return decide(audit.catch_up_plan(gaps), inventory)


def _remark(audit: Audit, lists: _Lists, api: AuditApi) -> Iterator[str]:
    if audit.catch_up and not shows_hour(audit.name_template):
        yield NAMES_NOT_UNIQUE
    if drills := [one.name or one.id for one in lists.inventory if is_drill(one)]:
        yield f"not audited, by the tag of a restore drill: {', '.join(drills[:MAX_NAMED])} ({len(drills)} in all)"
    for operation, records in api.odd_records.items():
        yield f"records of {operation} that cannot be read: {records}"


def _make_coverage(audit: Audit, lists: _Lists, measured: Sequence[InstanceCoverage]) -> Coverage:
    known = {instance.id for instance in lists.inventory}
    dates = audit.criteria(now=lists.read_at).dates
    states = [one.state for one in measured]
    return Coverage(
        connection=audit.connection,
        schedule=audit.schedule,
        scheduled_time=audit.scheduled_time,
        audited_at=lists.read_at,
        timezone=audit.timezone,
        max_age_hours=audit.max_age_hours,
        first_day=dates[0],
        last_day=dates[-1],
        audited=len(measured),
        uncovered=sum(state.is_uncovered for state in states),
        states={state: states.count(state) for state in State},
        instances=tuple(measured),
        not_found=tuple(sorted(set(audit.select.instance_ids or ()) - known)),
        orphans=tuple(find_orphans((backup for backup in lists.manual if backup.is_manual), known)),
        next_prune=_foresee_prune(audit, lists),
    )


def _foresee_prune(audit: Audit, lists: _Lists) -> NextPrune | None:
    if audit.prune is None:
        return None
    plan = plan_prune(
        audit.prune,
        select=audit.select,
        zone=audit.criteria(now=lists.read_at).zone,
        instances=lists.inventory,
        backups=lists.manual,
        now=lists.read_at,
    )
    deleted = [
        PlannedDeletion(
            backup_id=decision.backup.id,
            backup_name=decision.backup.name,
            instance_id=decision.backup.instance_id,
            begin_time=decision.backup.begin_time,
            size_mb=decision.backup.size_mb,
            reason=decision.explanation,
        )
        for decision in plan.decisions
        if not decision.keep
    ]
    return NextPrune(kept=len(plan.decisions) - len(deleted), deleted=tuple(deleted), refused=plan.refused)


def _deliver(coverage: Coverage, reports: ReportStore, event_bus: EventBus, reporter: Reporter) -> Coverage:
    """Store the page, report the coverage and publish its end; return it with the address of the page."""
    try:
        address = reports.store(coverage)
    except GaussDBBackupError as error:
        address = None
        reporter.not_delivered("page", cause=str(error))
    except Exception as error:  # noqa: BLE001 - reported with its traceback; no page is worth the audit
        address = None
        reporter.unexpected_error(error)
    coverage = coverage.model_copy(update={"report": address})
    reporter.audited(coverage)
    if cause := event_bus.publish_audit(make_digest(coverage)):
        reporter.not_delivered("event", cause=cause)
    return coverage
