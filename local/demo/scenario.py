"""What happens in the demo, as data: the fleet, what goes wrong, what is asked and what should come of it."""

from dataclasses import dataclass, field
from typing import Any

from local import gaussdb_emulator

CONNECTION = "demo"
KEY = gaussdb_emulator.AccessKey(access_key="DEMOACCESSKEY", secret_key="demo-secret-key")  # noqa: S106 - invented
ENDS_OVERDUE_AFTER_SECONDS = 10


def _id(number: int) -> str:
    return f"{0xD8E6CA5A624745BCB546A227AA3A0000 + number:032x}in07"


INSTANCES = {
    "orders": gaussdb_emulator.Instance(id=_id(1), name="orders", backup_seconds=3, size_mb=20_480),
    "customers": gaussdb_emulator.Instance(id=_id(2), name="customers", backup_seconds=5, size_mb=8_192),
    "payments": gaussdb_emulator.Instance(id=_id(3), name="payments", backup_seconds=7, size_mb=51_200),
    "stock": gaussdb_emulator.Instance(id=_id(4), name="stock", backup_seconds=4, size_mb=4_096),
    "reports": gaussdb_emulator.Instance(id=_id(5), name="reports", backup_seconds=6, backup_ends="FAILED"),
    "archive": gaussdb_emulator.Instance(id=_id(6), name="archive", backup_ends=None),
    "search": gaussdb_emulator.Instance(id=_id(7), name="search", backup_seconds=2, status="REBOOTING"),
    "legacy": gaussdb_emulator.Instance(id=_id(8), name="legacy", status="FROZEN"),
}
"""`reports` fails, `archive` never ends, `search` is busy at first, `legacy` cannot be backed up."""

READY = INSTANCES["search"].id
READY_AFTER_SECONDS = 5
NAME_TEMPLATE = "{schedule}-{instance_name}-{scheduled_time:%Y%m%d-%H%M}"
FLEET = gaussdb_emulator.Fleet(
    projects=(gaussdb_emulator.Project(),), access_keys=(KEY,), instances=tuple(INSTANCES.values())
)
FAULTS = (gaussdb_emulator.lost_response(instance_id=INSTANCES["payments"].id),)
"""The answer to one create is lost after the API did the work."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is asked: of whom, how, and what should come of it in the end.

    `way` is plan, direct or queue. `expected` is created, adopted, skipped or rejected; `ends` the status at which
    following stops, `None` where there is nothing to follow.
    """

    title: str
    way: str
    request: dict[str, Any] = field(hash=False)
    expected: str
    ends: str | None = None


def request(instance: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a request
    """Make a request for an instance of the fleet."""
    return {"instance_id": INSTANCES[instance].id, "connection": CONNECTION, **fields}


def steps(scheduled_time: str) -> tuple[Step, ...]:
    """Return what is asked in the run of `scheduled_time`, the schedule's part first: its payload is the template's."""
    upgrade = request(
        "customers",
        name_template="before-upgrade-{instance_name}",
        scheduled_time=scheduled_time,
        description="Before 8.0.28",
    )
    return (
        Step("a person, before an upgrade", "direct", upgrade, "created", "COMPLETED"),
        Step("… who asks again, to be sure: the same backup", "direct", upgrade, "created", "COMPLETED"),
        Step("a queue message that is invalid", "queue", request("stock", instance_id="stock-01"), "rejected"),
        Step("the nightly schedule", "plan", request("orders"), "created", "COMPLETED"),
        Step(
            "the nightly schedule; busy with the person's backup", "plan", request("customers"), "created", "COMPLETED"
        ),
        Step("the nightly schedule; the API's answer is lost", "plan", request("payments"), "adopted", "COMPLETED"),
        Step("the nightly schedule", "plan", request("stock"), "created", "COMPLETED"),
        Step("the nightly schedule; its backup will fail", "plan", request("reports"), "created", "FAILED"),
        Step("the nightly schedule; its backup never ends", "plan", request("archive"), "created", "OVERDUE"),
        Step("the nightly schedule; the instance is busy at first", "plan", request("search"), "created", "COMPLETED"),
        Step("the nightly schedule; the instance is frozen", "plan", request("legacy"), "skipped"),
    )
