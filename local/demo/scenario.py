"""The demo's scenario as data: the fleet, its faults, the requests and the expected outcome of each."""

from dataclasses import dataclass, field
from typing import Any, Literal

from local import gaussdb_emulator

CONNECTION = "demo"
KEY = gaussdb_emulator.AccessKey(access_key="DEMOACCESSKEY", secret_key="demo-secret-key")  # noqa: S106 - invented
OVERDUE_AFTER_SECONDS = 8
RETRY_AFTER_SECONDS = 5
"""The deployed functions retry a deferred request for the first time after 15 to 30 seconds."""


def _id(number: int) -> str:
    return f"{0xD8E6CA5A624745BCB546A227AA3A0000 + number:032x}in07"


INSTANCES = {
    "orders": gaussdb_emulator.Instance(id=_id(1), name="orders", backup_seconds=2, size_mb=20_480),
    "customers": gaussdb_emulator.Instance(id=_id(2), name="customers", backup_seconds=5, size_mb=8_192),
    "payments": gaussdb_emulator.Instance(id=_id(3), name="payments", backup_seconds=4, size_mb=51_200),
    "stock": gaussdb_emulator.Instance(id=_id(4), name="stock", backup_seconds=3, size_mb=4_096),
    "reports": gaussdb_emulator.Instance(id=_id(5), name="reports", backup_seconds=4, backup_ends="FAILED"),
    "archive": gaussdb_emulator.Instance(id=_id(6), name="archive", backup_ends=None),
    "search": gaussdb_emulator.Instance(id=_id(7), name="search", backup_seconds=2, status="REBOOTING"),
    "legacy": gaussdb_emulator.Instance(id=_id(8), name="legacy", status="FROZEN"),
}
"""The backup of `reports` fails, that of `archive` never ends; `legacy` cannot be backed up."""

NAMES = {instance.id: name for name, instance in INSTANCES.items()}
LATER_CHANGES: dict[str, dict[str, object]] = {"search": {"status": "ACTIVE"}, "customers": {"backup_seconds": 2}}
"""Fields of instances that change when every request was delivered once: `search` has restarted."""

NAME_TEMPLATE = "{schedule}-{instance_name}-{scheduled_time:%Y%m%d-%H%M}"
FLEET = gaussdb_emulator.Fleet(
    projects=(gaussdb_emulator.Project(),), access_keys=(KEY,), instances=tuple(INSTANCES.values())
)
FAULTS = (gaussdb_emulator.lost_response(instance_id=INSTANCES["payments"].id),)
"""The response to one create call is lost after the API has begun the backup."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request: the channel it takes, and its expected outcome and final status.

    `expected` is created, adopted, skipped or rejected. `final_status` is the status at which tracking stops, `None`
    where no backup is made.
    """

    title: str
    channel: Literal["plan", "direct", "queue"]
    request: dict[str, Any] = field(hash=False)
    expected: str
    final_status: str | None = None


def request(instance: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a request
    """Return a request for an instance of the fleet, by its name."""
    return {"instance_id": INSTANCES[instance].id, "connection": CONNECTION, **fields}


def steps(scheduled_time: str) -> tuple[Step, ...]:
    """Return the requests of one run. Those of the plan are made by dispatch_backups for the template's schedule."""
    upgrade = request(
        "customers",
        name_template="before-upgrade-{instance_name}",
        scheduled_time=scheduled_time,
        description="Before 8.0.28",
    )
    invalid = request("stock", instance_id="stock-01")
    return (
        Step("direct request, before an upgrade", "direct", upgrade, "created", "COMPLETED"),
        Step("the same direct request, repeated", "direct", upgrade, "created", "COMPLETED"),
        Step("queue message with an invalid field", "queue", invalid, "rejected"),
        Step("nightly plan", "plan", request("orders"), "created", "COMPLETED"),
        Step("nightly plan; its previous backup still runs", "plan", request("customers"), "created", "COMPLETED"),
        Step("nightly plan; the API's response is lost", "plan", request("payments"), "adopted", "COMPLETED"),
        Step("nightly plan", "plan", request("stock"), "created", "COMPLETED"),
        Step("nightly plan; the backup fails", "plan", request("reports"), "created", "FAILED"),
        Step("nightly plan; the backup never ends", "plan", request("archive"), "created", "OVERDUE"),
        Step("nightly plan; the instance is restarting", "plan", request("search"), "created", "COMPLETED"),
        Step("nightly plan; the instance is frozen", "plan", request("legacy"), "skipped"),
    )
