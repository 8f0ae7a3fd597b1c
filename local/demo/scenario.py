"""The demo's scenario as data: the fleet, its faults, the requests and the expected outcome of each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from local import gaussdb_emulator

CONNECTION = "demo"
KEY = gaussdb_emulator.AccessKey(access_key="DEMOACCESSKEY", secret_key="demo-secret-key")  # noqa: S106 - invented
OVERDUE_AFTER_SECONDS = 8


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
RETENTION_RULES = {"last": 3, "daily": 14, "weekly": 4}
STACK_PARAMETERS = {
    "Connection": CONNECTION,
    "NameTemplate": NAME_TEMPLATE,
    "ScheduleState": "ENABLED",
    "RetentionRules": json.dumps(RETENTION_RULES),
    "PruneState": "ENABLED",
}
NOTIFIED = {"NotificationEmail": "operators@example.com"}
DEMO_PARAMETERS = {"Connection": CONNECTION, "AuditState": "DISABLED", **NOTIFIED}
"""The demo's own stack: its schedules are applied from a plan file, and those of the template are disabled."""
HISTORY = {
    "orders": "g" * 30,
    "customers": "g" * 20 + "ng" + "g" * 8,
    "payments": "g" * 30,
    "stock": "-" * 12 + "g" * 18,
    "reports": "g" * 27 + "fff",
    "archive": "g" * 11 + "f" + "g" * 12 + "n" * 6,
    "search": "g" * 15 + "f" + "g" * 14,
    "legacy": "g" * 19 + "n" * 11,
}
"""What each instance has of the nights before, yesterday's the last: g for a good backup, f for a failed one."""
AGES = {"stock": 18, **dict.fromkeys(INSTANCES.keys() - {"stock"}, 400)}
"""The days for which each instance has existed."""
DELETED = gaussdb_emulator.Instance(id=_id(9), name="orders-old", size_mb=18_000)
"""An instance that is deleted before the demo begins. Its nine manual backups are left."""
BY_HAND_ID = "000000000000000000000000000000b1br07"
"""The id of a backup that a person made: no prune may touch it."""
REPAIRED: dict[str, dict[str, object]] = {"reports": {"backup_ends": "COMPLETED", "backup_seconds": 1}}
"""Fields of instances that change before the audit: somebody has repaired `reports`."""

FLEET = gaussdb_emulator.Fleet(
    projects=(gaussdb_emulator.Project(),), access_keys=(KEY,), instances=tuple(INSTANCES.values())
)
FAULTS = (gaussdb_emulator.lost_response(instance_id=INSTANCES["payments"].id),)
"""The response to one create call is lost after the API has begun the backup."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request: the channel it takes, and its expected outcome and final status.

    `title` has no name of an instance. `expected` is created, adopted, skipped or rejected. `final_status` is the
    status at which tracking stops, `None` where no backup is made.
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
    """Return the requests of one run. Those of the plan are made by dispatch_backups for the schedule `nightly`."""
    upgrade = request(
        "customers",
        name_template="before-upgrade-{instance_name}",
        scheduled_time=scheduled_time,
        description="Before 8.0.28",
    )
    invalid = request("stock", instance_id="stock-01")
    return (
        Step("direct request before an upgrade", "direct", upgrade, "created", "COMPLETED"),
        Step("requested again", "direct", upgrade, "adopted", "COMPLETED"),
        Step("message with an invalid id", "queue", invalid, "rejected"),
        Step("nightly", "plan", request("orders"), "created", "COMPLETED"),
        Step("nightly, busy with the other backup", "plan", request("customers"), "created", "COMPLETED"),
        Step("nightly, the response is lost", "plan", request("payments"), "adopted", "COMPLETED"),
        Step("nightly", "plan", request("stock"), "created", "COMPLETED"),
        Step("nightly, the backup fails", "plan", request("reports"), "created", "FAILED"),
        Step("nightly, the backup never ends", "plan", request("archive"), "created", "OVERDUE"),
        Step("nightly, restarting", "plan", request("search"), "created", "COMPLETED"),
        Step("nightly", "plan", request("legacy"), "skipped"),
    )


def make_cloud(now: datetime) -> gaussdb_emulator.Cloud:
    """Return a cloud with the fleet, each instance of its age, and the backups of the nights before."""
    cloud = gaussdb_emulator.Cloud(FLEET)
    for name, days in AGES.items():
        cloud.change_instance(INSTANCES[name].id, created=now - timedelta(days=days, hours=1))
    cloud.add_instances(DELETED)
    cloud.add_backups(*past_backups(now))
    cloud.remove_instance(DELETED.id)
    return cloud


INTERACTIVE_SETTINGS = {
    "TRACK_FIRST_DELAY_SECONDS": "2",
    "TRACK_MAX_DELAY_SECONDS": "4",
    "TRACK_DEADLINE_SECONDS": "120",
}
"""Variables of functions with which a person works: a backup that does not end is overdue after two minutes."""


def make_interactive_cloud(now: datetime) -> gaussdb_emulator.Cloud:
    """Return that cloud for a person to work with: every backup takes five seconds, and no instance restarts."""
    cloud = make_cloud(now)
    for instance in INSTANCES.values():
        cloud.change_instance(instance.id, backup_seconds=5)
    cloud.change_instance(INSTANCES["search"].id, status="ACTIVE")
    return cloud


def past_backups(now: datetime) -> Iterator[gaussdb_emulator.PastBackup]:
    """Yield the backups of the nights before, which are named as the plan names them, and the one made by hand."""
    for name, marks in HISTORY.items():
        for back, mark in enumerate(reversed(marks), start=1):
            if mark in "gf":
                yield _past(INSTANCES[name], now - timedelta(days=back), "COMPLETED" if mark == "g" else "FAILED", back)
    for back in range(40, 49):
        yield _past(DELETED, now - timedelta(days=back), "COMPLETED", back)
    yield gaussdb_emulator.PastBackup(
        id=BY_HAND_ID,
        instance_id=INSTANCES["orders"].id,
        name="before-migration",
        begin_time=now - timedelta(days=75),
        size_mb=18_400,
    )


def _past(instance: gaussdb_emulator.Instance, begin: datetime, status: str, back: int) -> gaussdb_emulator.PastBackup:
    return gaussdb_emulator.PastBackup(
        instance_id=instance.id,
        name=f"nightly-{instance.name}-{begin:%Y%m%d-%H%M}",
        begin_time=begin,
        status=status,
        seconds=instance.backup_seconds * (1 + back % 5 / 10),
        size_mb=round(instance.size_mb * (1 - back / 400)) if status == "COMPLETED" else 0,
    )
