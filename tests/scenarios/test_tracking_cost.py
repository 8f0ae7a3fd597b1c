"""Following costs far less than one call per backup and look."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from local import gaussdb_emulator
from tests.helpers.clock import RUN
from tests.helpers.scenario import Scenario, start_scenario

BACKUPS = 1_000


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    with start_scenario() as scenario:
        scenario.cloud.add_instances(
            *(
                gaussdb_emulator.Instance(
                    id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=600 + number % 3600
                )
                for number in range(10_000, 10_000 + BACKUPS)
            )
        )
        yield scenario


def test_a_thousand_backups_building_at_once_cost_at_most_a_twenty_fifth_of_a_call_per_poll(
    scenario: Scenario, measurement: Callable[[str], None]
) -> None:
    for number in range(10_000, 10_000 + BACKUPS):
        request = {"instance_id": f"{number:032x}in07", "name_template": "nightly", "scheduled_time": RUN.isoformat()}
        scenario.requests.send(json.dumps(request))
    create, track = scenario.function("create_backup"), scenario.function("track_backups")
    while scenario.deliver_requests(create, 100):
        scenario.clock.move(seconds=2)
    assert len(scenario.tracking.messages) == BACKUPS
    scenario.cloud.clear_requests()
    end = scenario.clock() + timedelta(hours=3)
    while scenario.tracking.messages and scenario.clock() < end:
        if scenario.deliver_tracking(track):
            scenario.clock.move(seconds=1)
        else:
            scenario.clock.now = max(scenario.clock(), scenario.tracking.next_visible() or end)
    assert list(scenario.final_statuses().values()).count("COMPLETED") == BACKUPS
    calls, polled = len(scenario.cloud.requests), scenario.tracking.received
    measurement(f"following {BACKUPS} backups: {calls} API calls for {polled} looks, one for {polled / calls:.0f}")
    assert calls * 25 <= polled
