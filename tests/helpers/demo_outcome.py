"""What a run of the demo has to show, where everything held."""

from typing import Any

from gaussdb_backup.domain.coverage import State
from local.demo.outcome import Morning, Outcome
from local.demo.scenario import INSTANCES
from local.demo.typed import Typed
from local.demo.verify import ReportedRequest
from tests.helpers.coverage_samples import LATE, NEVER, make_coverage


def make_request(instance: str, title: str, outcome: str, status: str | None = None, **fields: Any) -> ReportedRequest:
    """A request for an instance of the demo, as it was expected."""
    instance_id = INSTANCES[instance].id if instance in INSTANCES else instance
    known = {"backup_id": f"b-{instance}", "backup_name": f"nightly-{instance}"} if status else {}
    reported = {"outcome": outcome, "first": outcome, "expected_status": status, "status": status, **known}
    return ReportedRequest(title=title, instance_id=instance_id, expected=outcome, **(reported | fields))


REQUESTS = (
    make_request("customers", "direct request before an upgrade", "created", "COMPLETED", backup_id="b-upgrade"),
    make_request("customers", "requested again", "adopted", "COMPLETED", backup_id="b-upgrade"),
    make_request("stock-01", "message with an invalid id", "rejected", reason="invalid backup request"),
    make_request("orders", "nightly", "created", "COMPLETED"),
    make_request("customers", "nightly, busy", "created", "COMPLETED", first="deferred"),
    make_request("payments", "nightly, the response is lost", "adopted", "COMPLETED"),
    make_request("reports", "nightly, the backup fails", "created", "FAILED"),
    make_request("legacy", "nightly", "skipped", reason="it is frozen (status FROZEN)"),
)
KEPT = {
    "instance_id": INSTANCES["orders"].id,
    "backup_name": "nightly-orders-20261123-0130",
    "reasons": ["last", "daily"],
}
GONE = {"instance_id": INSTANCES["orders"].id, "backup_name": "nightly-orders-20261001-0130", "size_mb": 2048}
COUNTS = {"deleted": 9, "kept": 9, "failed": 0}
PRUNE: dict[str, Any] = {"kept": [KEPT] * 9, "deleted": [GONE] * 9, "failed": [], "counts": COUNTS}
STATUS = Typed("gaussdb-backup --local status", "ok  8 backups ■\n", 0)
OUTCOME = Outcome(
    plan_file='plans:\n  nightly:\n    backup: {schedule: "cron(30 3 * * ? *)"}\n',
    applied=Typed("gaussdb-backup --local plans apply plans.yaml", "created  nightly.backup\n", 0),
    requests=REQUESTS,
    morning=Morning(
        audit=make_coverage(NEVER, LATE, catch_up=(NEVER.instance_id,)),
        audit_afterwards=make_coverage(LATE, NEVER.model_copy(update={"state": State.OK})),
        dry_run=PRUNE,
        prune=PRUNE,
        differences=(),
    ),
    notification='"A GaussDB backup FAILED."\n"What to do: find the reason in the console, then request another"',
    address="operators@example.com",
    typed=(STATUS,),
    differences=(),
)
