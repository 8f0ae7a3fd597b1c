"""Tracking costs far less than one call per backup and poll."""

from collections.abc import Callable
from datetime import timedelta

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import make_tracking_message
from local import gaussdb_emulator
from tests.helpers.clock import RUN
from tests.helpers.scenario import Scenario, start_scenario

BACKUPS = 1_000


def start_backup(scenario: Scenario, number: int) -> None:
    """Start a backup of an instance of its own, and have it tracked as `create_backup` does."""
    instance = gaussdb_emulator.Instance(id=f"{number:032x}in07", name=f"db-{number}")
    scenario.cloud.add_instances(instance)
    [backup_id] = scenario.cloud.add_backups(
        gaussdb_emulator.PastBackup(
            instance_id=instance.id, name="nightly", begin_time=scenario.clock(), seconds=600 + number % 3600
        )
    )
    request = parse_backup_request({"instance_id": instance.id}, default_time=RUN, now=RUN)
    backup = Backup(id=backup_id, name="nightly", begin_time=scenario.clock())
    message = make_tracking_message(request, backup, now=scenario.clock(), time_limit=timedelta(hours=6))
    scenario.tracking.send(message.model_dump_json(exclude_none=True), delay=timedelta(seconds=60))


def test_a_thousand_backups_building_at_once_cost_at_most_a_twenty_fifth_of_a_call_per_poll(
    measurement: Callable[[str], None],
) -> None:
    with start_scenario() as scenario:
        for number in range(10_000, 10_000 + BACKUPS):
            start_backup(scenario, number)
            scenario.clock.move(seconds=0.02)
        track = scenario.function("track_backups")
        end = scenario.clock() + timedelta(hours=3)
        while scenario.tracking.messages and scenario.clock() < end:
            if scenario.deliver_tracking(track):
                scenario.clock.move(seconds=1)
            else:
                scenario.clock.now = max(scenario.clock(), scenario.tracking.next_visible() or end)
        calls, polls = len(scenario.cloud.requests), scenario.tracking.received
    assert list(scenario.final_statuses().values()).count("COMPLETED") == BACKUPS
    measurement(f"tracking {BACKUPS} backups: {calls} API calls for {polls} polls, one for {polls / calls:.0f}")
    assert calls * 25 <= polls


def test_backups_that_wait_for_their_turn_are_polled_again_after_the_first_delay() -> None:
    with start_scenario() as scenario:
        for number in range(12):
            start_backup(scenario, number)
        for backup in scenario.cloud.backups():
            scenario.cloud.store.delete(backup, scenario.clock())
        scenario.clock.move(hours=1)
        for message in scenario.tracking.messages.values():
            message.receives = 20
        assert scenario.deliver_tracking(scenario.function("track_backups"))
        assert list(scenario.final_statuses().values()) == ["MISSING"] * 10
        waiting = {message.visible_at - scenario.clock() for message in scenario.tracking.messages.values()}
        assert waiting == {timedelta(seconds=45)}  # 60, jittered


def test_a_hundred_deleted_backups_are_missing_within_a_quarter_of_an_hour_at_sixty_calls_a_minute() -> None:
    with start_scenario() as scenario:
        for number in range(100):
            start_backup(scenario, number)
        for backup in scenario.cloud.backups():
            scenario.cloud.store.delete(backup, scenario.clock())
        scenario.clock.move(hours=1)
        track, began = scenario.function("track_backups"), scenario.clock()
        while scenario.tracking.messages:
            before = len(scenario.cloud.requests)
            if scenario.deliver_tracking(track):
                assert len(scenario.cloud.requests) - before <= 12
            else:
                scenario.clock.now = max(scenario.clock(), scenario.tracking.next_visible() or began)
        assert list(scenario.final_statuses().values()) == ["MISSING"] * 100
        assert scenario.clock() - began < timedelta(minutes=15)
