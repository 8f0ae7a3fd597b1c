"""Coverage to draw: one well instance, and of which a test changes what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from gaussdb_backup.domain.coverage import Coverage, GoodBackup, InstanceCoverage, State

AUDITED_AT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def make_good_backup(**changes: Any) -> GoodBackup:
    begin = AUDITED_AT - timedelta(hours=7)
    fields = {
        "id": "b" * 32 + "br07",
        "name": "nightly-orders",
        "begin_time": begin,
        "end_time": begin + timedelta(minutes=18),
        "duration_seconds": 1080.0,
        "size_mb": 90112.0,
    }
    return GoodBackup.model_validate(fields | changes)


def make_instance(name: str = "orders", **changes: Any) -> InstanceCoverage:
    fields = {
        "instance_id": f"{name:0>32}in07"[-36:],
        "instance_name": name,
        "instance_status": "ACTIVE",
        "state": State.OK,
        "reason": "its last good backup is 7 h old, of at most 26 h",
        "age_hours": 7.0,
        "last_good_backup": make_good_backup(),
        "attempts_failed": 0,
        "building_since": None,
        "days": "g" * 30,
    }
    return InstanceCoverage.model_validate(fields | changes)


def make_coverage(*instances: InstanceCoverage, **changes: Any) -> Coverage:
    states = [one.state for one in instances]
    fields = {
        "connection": "production",
        "schedule": "nightly",
        "scheduled_time": AUDITED_AT,
        "audited_at": AUDITED_AT,
        "timezone": "Europe/Berlin",
        "max_age_hours": 26.0,
        "first_day": date(2026, 10, 26),
        "last_day": date(2026, 11, 24),
        "audited": len(instances),
        "uncovered": sum(state.is_uncovered for state in states),
        "states": {state: states.count(state) for state in State},
        "instances": instances,
    }
    return Coverage.model_validate(fields | changes)


def make_large_coverage(instances: int) -> Coverage:
    """A month of a project in which everything is known of each instance, and one in fifty is late."""
    return make_coverage(
        *(
            make_instance(
                f"orders-eu-production-{index}",
                state=State.LATE if index < instances // 50 else State.OK,
                attempts_failed=2 if index < instances // 50 else 0,
                days="".join("gggggggfgn"[(index * 7 + day * day) % 10] for day in range(30)),
                durations_seconds=tuple(900 + (index * day) % 400 for day in range(10)),
                usual_duration_seconds=960,
                automatic_keep_days=7,
                protection={
                    "vault_lock": {"is_locked": True, "retention_days": 30, "ends_at": "2027-02-22T06:30:00Z"},
                    "encryption": "on",
                },
            )
            for index in range(instances)
        )
    )
