"""An audit that is killed at any point of its run, and repeated by Lambda, has one backup made for each gap."""

import json
from typing import Any

import pytest

from tests.helpers.clock import RUN
from tests.helpers.crash import Crash
from tests.helpers.gaussdb import BILLING, ORDERS, STOCK
from tests.helpers.scenario import Scenario, start_scenario

POINTS = {
    "before a request is sent": ("backup_queue", "send_all", True),
    "after the requests are sent": ("backup_queue", "send_all", False),
    "before the page is stored": ("reports", "store", True),
    "after the page is stored": ("reports", "store", False),
    "after the event is published": ("event_bus", "publish_audit", False),
}


class Killed:
    """A dependency with which the process ends before or after a call of one method."""

    def __init__(self, inner: Any, method: str, *, is_before: bool) -> None:
        self._inner, self._method, self._is_before = inner, method, is_before

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name != self._method:
            return attribute

        def call(*arguments: Any, **options: Any) -> Any:
            if not self._is_before:
                attribute(*arguments, **options)
            raise Crash

        return call


def run_audit(scenario: Scenario, point: str | None = None) -> Any:
    function = scenario.function("audit_backups")
    if point:
        name, method, is_before = POINTS[point]
        killed = Killed(getattr(function.dependencies, name), method, is_before=is_before)
        object.__setattr__(function.dependencies, name, killed)
    return function({"catch_up": True, "schedule": "nightly", "scheduled_time": RUN.isoformat()})


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_audit_that_is_repeated_makes_one_backup_of_each_instance(point: str) -> None:
    with start_scenario() as scenario:
        with pytest.raises(Crash):
            run_audit(scenario, point)
        scenario.clock.move(minutes=1)  # after which Lambda repeats it
        assert len(run_audit(scenario)["catch_up"]) == 3
        scenario.run(hours=3)
        made = {instance_id: len(scenario.cloud.backups(instance_id)) for instance_id in (ORDERS, STOCK, BILLING)}
    assert made == {ORDERS: 1, STOCK: 1, BILLING: 1}


def test_an_audit_beside_the_run_that_makes_the_backups_requests_none_of_those_that_are_being_made() -> None:
    with start_scenario() as scenario:
        plan = {"select": {"instance_ids": [ORDERS]}, "scheduled_time": scenario.clock().isoformat()}
        scenario.plans.send(json.dumps(plan))
        assert scenario.deliver_plans(scenario.function("dispatch_backups"))
        assert scenario.deliver_requests(scenario.function("create_backup"))
        scenario.clock.move(seconds=10)
        assert run_audit(scenario)["catch_up"] == sorted([STOCK, BILLING])
