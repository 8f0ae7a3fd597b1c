"""What happens in the demo, as data: the fleet, what goes wrong, what is asked and what should come of it."""

from dataclasses import dataclass, field
from typing import Any

from local import huawei

CONNECTION = "demo"
KEY = huawei.AccessKey(access_key="DEMOACCESSKEY", secret_key="demo-secret-key")  # noqa: S106 - invented
ENDS_OVERDUE_AFTER_SECONDS = 10


def _id(number: int) -> str:
    return f"{0xD8E6CA5A624745BCB546A227AA3A0000 + number:032x}in07"


INSTANCES = {
    "orders": huawei.Instance(id=_id(1), name="orders", backup_seconds=3, size_mb=20_480),
    "customers": huawei.Instance(id=_id(2), name="customers", backup_seconds=5, size_mb=8_192),
    "payments": huawei.Instance(id=_id(3), name="payments", backup_seconds=7, size_mb=51_200),
    "stock": huawei.Instance(id=_id(4), name="stock", backup_seconds=4, size_mb=4_096),
    "reports": huawei.Instance(id=_id(5), name="reports", backup_seconds=6, backup_ends="FAILED"),
    "archive": huawei.Instance(id=_id(6), name="archive", backup_ends=None),
    "search": huawei.Instance(id=_id(7), name="search", status="REBOOTING"),
}
"""`reports` fails, `archive` never ends, `search` is busy."""

FLEET = huawei.Fleet(projects=(huawei.Project(),), access_keys=(KEY,), instances=tuple(INSTANCES.values()))
FAULTS = (huawei.lost_answer(instance_id=INSTANCES["payments"].id),)
"""The answer to one create is lost after the API did the work."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is asked: of whom, how, and what should come of it in the end.

    `way` is schedule, direct or queue. `expected` is created, adopted, put off or rejected; `ends` the status at
    which following stops, `None` where there is nothing to follow.
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
    """Return what is asked in the run of `scheduled_time`. The schedule's own payload is put in by the runner."""
    upgrade = request(
        "customers",
        name_template="before-upgrade-{instance_name}",
        scheduled_time=scheduled_time,
        description="Before 8.0.28",
    )
    nightly = {
        "name_template": "nightly-{instance_name}-{scheduled_time:%Y%m%d-%H%M}",
        "scheduled_time": scheduled_time,
    }
    return (
        Step("the nightly schedule", "schedule", request("orders"), "created", "COMPLETED"),
        Step("a person, before an upgrade", "direct", upgrade, "created", "COMPLETED"),
        Step("… who asks again, to be sure", "direct", upgrade, "adopted", "COMPLETED"),
        Step("a queue message whose answer is lost", "queue", request("payments", **nightly), "adopted", "COMPLETED"),
        Step("a queue message", "queue", request("stock", **nightly), "created", "COMPLETED"),
        Step("a queue message; its backup will fail", "queue", request("reports", **nightly), "created", "FAILED"),
        Step("a queue message; its backup never ends", "queue", request("archive", **nightly), "created", "OVERDUE"),
        Step("a queue message; the instance is busy", "queue", request("search", **nightly), "put off"),
        Step("a queue message that is invalid", "queue", request("stock", instance_id="stock-01"), "rejected"),
    )
