"""Compare the inventory with the backups: report how each instance is covered, and close the gaps."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from gaussdb_backup.domain.audit import CAUGHT_UP, Audit
from gaussdb_backup.domain.coverage import (
    Coverage,
    InstanceCoverage,
    NextPrune,
    PlannedDeletion,
    State,
    find_orphans,
    measure_instances,
)
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.digest import make_digest
from gaussdb_backup.domain.drill import is_drill
from gaussdb_backup.domain.models import Backup, Instance, Protection, VaultLock
from gaussdb_backup.domain.plan import Decision, decide
from gaussdb_backup.domain.prune import plan_prune
from gaussdb_backup.errors import FixConfiguration, FixRequest, GaussDBBackupError, GiveUp, TryLater

PROTECTION_TIME = timedelta(seconds=60)
"""How long vault locks and encryption are read: two calls for each instance, which a large project has no time for."""
AUTOMATIC_SPAN = timedelta(days=2)
"""How much further back than the age that a good backup may have automatic backups are listed."""


class AuditApi(Protocol):
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

    def show_vault_lock(self, instance_id: str) -> VaultLock | None:
        """Return the vault lock of the backups of an instance."""

    def show_backup_encryption(self, instance_id: str) -> Literal["on", "off"] | None:
        """Return whether the backups of an instance are encrypted."""


class RequestQueue(Protocol):
    """Where requests are sent."""

    def send_all(self, bodies: Sequence[str], *, group: str) -> Sequence[str | None]:
        """Send messages of one group; return for each why the queue refused it, or `None`."""


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
    inventory = list(api.list_instances(whole=True))
    listed = list(api.list_backups(backup_type="manual", with_instance_names=True))
    started_at = now()
    manual = [backup for backup in listed if backup.is_manual]
    backups = {backup.id: backup for backup in (*manual, *_list_automatic(audit, api, started_at))}.values()
    lasting = [one for one in inventory if not is_drill(one)]
    selected = [one for one in lasting if audit.select.matches(one)]
    others = [one for one in lasting if not audit.select.matches(one)]
    by = audit.yardstick(now=started_at)
    measured, unselected = measure_instances(selected, backups, by), measure_instances(others, backups, by)
    decisions, refusals = _catch_up(audit, measured, inventory, queue)
    reporter.catch_up_decided(decisions, refusals)
    protected, remarks = _read_protection(audit, measured, api, deadline.within(PROTECTION_TIME))
    remarks += [f"{number} records of {name} cannot be read" for name, number in api.odd_records.items()]
    coverage = _make_coverage(audit, protected, inventory, manual, started_at)
    next_prune = _foresee_prune(audit, inventory, listed, started_at)
    sent = [one.instance_id for one in decisions if one.request and one.instance_id not in refusals]
    found = {"catch_up": tuple(sent), "unselected": tuple(unselected), "remarks": tuple(remarks)}
    coverage = coverage.model_copy(update={**found, "next_prune": next_prune})
    coverage = _deliver(coverage, reports, event_bus, reporter)
    if refusals:
        causes = ", ".join(sorted(set(refusals.values())))
        raise TryLater(
            f"the queue did not take {len(refusals)} of {len(decisions)} catch-up requests ({causes}): audit again, "
            "nothing is made twice by it"
        )
    return coverage


def _list_automatic(audit: Audit, api: AuditApi, now: datetime) -> list[Backup]:
    if not audit.count_automatic:
        return []
    since = now - max(timedelta(days=audit.days), timedelta(hours=audit.max_age_hours) + AUTOMATIC_SPAN)
    return list(api.list_backups(backup_type="auto", begin_time=since))


def _catch_up(
    audit: Audit, measured: Iterable[InstanceCoverage], inventory: Collection[Instance], queue: RequestQueue
) -> tuple[list[Decision], dict[str, str]]:
    """Request one backup of each instance with a gap; return the decisions, and by instance what the queue refused.

    An instance that cannot be backed up, such as a frozen one, is skipped, as in a plan.
    """
    gaps = [one.instance_id for one in measured if one.state in CAUGHT_UP and one.building_since is None]
    if not (audit.catch_up and gaps):
        return [], {}
    decisions = decide(audit.catch_up_plan(gaps), inventory)
    requests = {one.instance_id: one.request for one in decisions if one.request}
    bodies = [request.model_dump_json(exclude_none=True) for request in requests.values()]
    refusals = queue.send_all(bodies, group=audit.connection)
    return decisions, {id_: refusal for id_, refusal in zip(requests, refusals, strict=True) if refusal}


def _read_protection(
    audit: Audit, measured: Sequence[InstanceCoverage], api: AuditApi, deadline: Deadline
) -> tuple[list[InstanceCoverage], list[str]]:
    """Read vault lock and encryption of each instance, while there is time; return a remark for what was not read.

    They are no part of coverage: what the API refuses here costs the audit nothing else, and the one not the other.
    """
    if not audit.read_protection:
        return list(measured), []
    calls: dict[str, Callable[[str], object]] = {
        "vault_lock": api.show_vault_lock,
        "encryption": api.show_backup_encryption,
    }
    result, remarks = list(measured), list[str]()
    for index, one in enumerate(measured):
        if calls and deadline.remaining <= timedelta(0):
            remarks.append(
                f"{_name(calls)} of {index} of {len(measured)} instances was read: there was no time for more"
            )
            break
        found: dict[str, object] = {}
        for field, show in list(calls.items()):
            try:
                found[field] = show(one.instance_id)
            except (FixConfiguration, TryLater) as error:
                del calls[field]
                remarks.append(f"{_name([field])} of {index} of {len(measured)} instances was read: {error}")
            except (FixRequest, GiveUp):
                continue
        if found:
            result[index] = one.model_copy(update={"protection": Protection.model_validate(found)})
    return result, remarks


def _name(fields: Iterable[str]) -> str:
    return " and ".join(field.replace("_", " ") for field in fields)


def _make_coverage(
    audit: Audit,
    measured: Sequence[InstanceCoverage],
    inventory: Collection[Instance],
    manual: Sequence[Backup],
    now: datetime,
) -> Coverage:
    known = {instance.id for instance in inventory}
    dates = audit.yardstick(now=now).dates
    states = [one.state for one in measured]
    return Coverage(
        connection=audit.connection,
        schedule=audit.schedule,
        scheduled_time=audit.scheduled_time,
        audited_at=now,
        timezone=audit.timezone,
        max_age_hours=audit.max_age_hours,
        first_day=dates[0],
        last_day=dates[-1],
        audited=len(measured),
        uncovered=sum(state.is_uncovered for state in states),
        states={state: states.count(state) for state in State},
        instances=tuple(measured),
        not_found=tuple(sorted(set(audit.select.instance_ids or ()) - known)),
        orphans=tuple(find_orphans(manual, known)),
    )


def _foresee_prune(
    audit: Audit, inventory: Collection[Instance], listed: Sequence[Backup], now: datetime
) -> NextPrune | None:
    if audit.prune is None:
        return None
    zone = audit.yardstick(now=now).zone
    plan = plan_prune(audit.prune, select=audit.select, zone=zone, instances=inventory, backups=listed, now=now)
    deleted = [
        PlannedDeletion(
            backup_id=decision.backup.id,
            backup_name=decision.backup.name,
            instance_id=decision.backup.instance_id,
            begin_time=decision.backup.begin_time,
            size_mb=decision.backup.size_mb,
            reason=", ".join(decision.reasons) or "no rule keeps it",
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
