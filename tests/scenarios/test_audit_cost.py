"""What an audit and a prune of a large project cost: calls of the API, time on one core, memory."""

import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta

import pytest

from gaussdb_backup.domain.audit import parse_audit
from gaussdb_backup.domain.instance_coverage import find_orphans, measure_instances
from gaussdb_backup.domain.models import PAGE_SIZE, Backup, Instance
from gaussdb_backup.domain.prune import parse_prune, plan_prune
from gaussdb_backup.huawei.paging import OVERLAP
from local import gaussdb_emulator
from local.gaussdb_emulator import Fleet, PastBackup
from local.gaussdb_emulator import Instance as EmulatedInstance
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import KEY, make_api

INSTANCES, PER_INSTANCE = 500, 20
PRUNE = {"name_prefix": "nightly-", "keep": {"last": 3, "daily": 7, "weekly": 5, "monthly": 12, "within_yearly": "3y"}}


@pytest.fixture(scope="module")
def cloud() -> gaussdb_emulator.Cloud:
    instances = tuple(EmulatedInstance(id=f"{number:032x}in07", name=f"db-{number}") for number in range(INSTANCES))
    backups = tuple(
        PastBackup(
            instance_id=instance.id,
            name=f"nightly-{day}",
            begin_time=RUN - timedelta(days=day, seconds=number),
            status="FAILED" if (day + number) % 9 == 0 else "COMPLETED",
        )
        for number, instance in enumerate(instances)
        for day in range(PER_INSTANCE)
    )
    return gaussdb_emulator.Cloud(
        Fleet(access_keys=(KEY,), instances=instances, backups=backups), clock=Clock(RUN), sleep=lambda _: None
    )


@pytest.fixture(scope="module")
def lists(cloud: gaussdb_emulator.Cloud) -> tuple[list[Instance], list[Backup]]:
    api = make_api(cloud)
    return list(api.list_instances()), list(api.list_backups(backup_type="manual", with_instance_names=True))


def pages(records: int) -> int:
    """The pages of a list: each but the first repeats some records of the one before it."""
    return 1 + max(0, -(-(records - PAGE_SIZE) // (PAGE_SIZE - OVERLAP)))


def test_a_list_costs_one_call_for_each_page(cloud: gaussdb_emulator.Cloud) -> None:
    cloud.clear_requests()
    api = make_api(cloud)
    assert len(list(api.list_instances())) == INSTANCES
    assert len(list(api.list_backups(backup_type="manual", with_instance_names=True))) == INSTANCES * PER_INSTANCE
    calls = {operation: len(cloud.calls(operation)) for operation in ("instances", "list")}
    assert calls == {"instances": pages(INSTANCES), "list": pages(INSTANCES * PER_INSTANCE)}


def test_coverage_and_plan_of_ten_thousand_backups_take_less_than_a_second_on_one_core(
    lists: tuple[list[Instance], list[Backup]], measurement: Callable[[str], None]
) -> None:
    instances, backups = lists
    audit = parse_audit({"timezone": "Europe/Berlin"}, default_time=RUN, now=RUN)
    prune = parse_prune({**PRUNE, "timezone": "Europe/Berlin"})
    tracemalloc.start()
    measure_instances(instances, backups, audit.criteria(now=RUN))
    plan_prune(prune, select=prune.select, zone=prune.zone, instances=instances, backups=backups, now=RUN)
    peak = tracemalloc.get_traced_memory()[1] / 1024 / 1024
    tracemalloc.stop()
    started = time.process_time()
    measured = measure_instances(instances, backups, audit.criteria(now=RUN))
    find_orphans(backups, {instance.id for instance in instances})
    between = time.process_time()
    plan = plan_prune(prune, select=prune.select, zone=prune.zone, instances=instances, backups=backups, now=RUN)
    ended = time.process_time()
    measurement(
        f"{len(backups)} backups of {len(measured)} instances: coverage {between - started:.2f} s, plan of the prune "
        f"{ended - between:.2f} s of one core, at most {peak:.0f} MB beside the lists"
    )
    assert len(plan.decisions) == INSTANCES * PER_INSTANCE
    assert ended - started < 1
    assert peak < 64
