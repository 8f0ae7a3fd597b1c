"""Following costs far less than one call per backup and look."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from local import gaussdb_emulator
from tests.scenarios.night import Night, begin
from tests.support import RUN

BACKUPS = 1_000


@pytest.fixture
def night() -> Iterator[Night]:
    with begin() as night:
        night.cloud.add_instances(
            *(
                gaussdb_emulator.Instance(
                    id=f"{number:032x}in07", name=f"db-{number}", backup_seconds=600 + number % 3600
                )
                for number in range(10_000, 10_000 + BACKUPS)
            )
        )
        yield night


def test_a_thousand_backups_building_at_once_cost_a_twenty_fifth_of_a_call_per_look(
    night: Night, figure: Callable[[str], None]
) -> None:
    for number in range(10_000, 10_000 + BACKUPS):
        request = {"instance_id": f"{number:032x}in07", "name_template": "nightly", "scheduled_time": RUN.isoformat()}
        night.requests.send(json.dumps(request))
    create, track = night.worker("create_backup"), night.worker("track_backups")
    while night.deliver(night.requests, create, 100):
        night.clock.move(seconds=2)
    assert len(night.tracking.items) == BACKUPS
    night.cloud.forget_requests()
    end = night.clock() + timedelta(hours=3)
    while night.tracking.items and night.clock() < end:
        if night.deliver(night.tracking, track, 100):
            night.clock.move(seconds=1)
        else:
            night.clock.now = max(night.clock(), night.tracking.next_visible() or end)
    assert list(night.ends().values()).count("COMPLETED") == BACKUPS
    calls, looked = len(night.cloud.requests), night.tracking.received
    figure(f"following {BACKUPS} backups: {calls} API calls for {looked} looks, one for {looked / calls:.0f}")
    assert calls * 25 <= looked
