"""An audit and a prune as they are reported: each field known, and as few as there can be."""

from datetime import date, timedelta
from typing import Any

from gaussdb_backup.domain.coverage import (
    Coverage,
    GoodBackup,
    InstanceCoverage,
    NextPrune,
    Orphans,
    PlannedDeletion,
    State,
)
from gaussdb_backup.domain.digest import make_digest
from gaussdb_backup.telemetry.log_fields import to_json
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import ORDERS, STOCK

GOOD = GoodBackup(
    id="00000000000000000000000000000001br07",
    name="nightly-1",
    type="manual",
    begin_time=RUN - timedelta(hours=30),
    end_time=RUN - timedelta(hours=29),
    duration_seconds=3600,
    size_mb=2048,
)
LATE = InstanceCoverage(
    instance_id=ORDERS,
    instance_name="orders",
    instance_status="ACTIVE",
    state=State.LATE,
    reason="its last good backup is 30 h old, of at most 26 h",
    age_hours=30.0,
    last_good_backup=GOOD,
    attempts_failed=0,
    building_since=None,
    days="gg",
)
NEVER = InstanceCoverage(
    instance_id=STOCK,
    instance_name="stock",
    instance_status="ACTIVE",
    state=State.NEVER,
    reason="it has no good backup",
    age_hours=None,
    last_good_backup=None,
    attempts_failed=0,
    building_since=None,
    days="nn",
)


def make_coverage(*instances: InstanceCoverage, **fields: Any) -> Coverage:
    """An audit that measured these instances, worst first."""
    states = [one.state for one in instances]
    return Coverage(
        connection="default",
        scheduled_time=RUN,
        audited_at=RUN,
        timezone="UTC",
        max_age_hours=26,
        first_day=date(2026, 11, 22),
        last_day=date(2026, 11, 23),
        audited=len(instances),
        uncovered=sum(state.is_uncovered for state in states),
        states={state: states.count(state) for state in State},
        instances=instances,
    ).model_copy(update=fields)


UNCOVERED = make_coverage(
    NEVER,
    LATE,
    schedule="nightly",
    not_found=("f" * 32,),
    orphans=(Orphans(instance_id="e" * 32, instance_name="old", backups=1, good=1, newest=RUN, size_mb=1.0),),
    catch_up=(ORDERS,),
    next_prune=NextPrune(
        kept=1,
        deleted=(
            PlannedDeletion(
                backup_id="2", backup_name="nightly-2", instance_id=ORDERS, begin_time=RUN, reason="no rule keeps it"
            ),
        ),
    ),
    report="s3://reports/audit/default/nightly/20261123T013000Z.html",
    remarks=("vault lock and encryption were read for 0 of 2 instances: no time",),
)
"""An audit of which everything is known: two instances are uncovered, one id is not found."""
COVERED = make_coverage(
    LATE.model_copy(update={"state": State.OK, "age_hours": 2.0}), schedule="nightly", report=UNCOVERED.report
)
EMPTY = make_coverage()
"""An audit of no instance, of which as little as can be is known."""


def event_of_audit(coverage: Coverage) -> dict[str, Any]:
    """The detail of the event of an audit, without the service."""
    return to_json(make_digest(coverage))
