"""Following backups: against the emulator in process."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gaussdb_backup.domain.tracking import Finding, Status, TrackingMessage
from gaussdb_backup.errors import TryLater
from gaussdb_backup.operations.track import RecentBackups, track_backups
from local import gaussdb_emulator
from tests.support import ORDERS, RUN, STOCK, Clock, Source, by_key, make_api, make_cloud

AGE = timedelta(seconds=20)


class World:
    """A cloud, the bus and the report, and a function that looks."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud = make_cloud(self.clock)
        self.events: list[Mapping[str, Any]] = []
        self.found: list[Finding] = []
        self.failed: list[tuple[str, int, Exception]] = []
        self.bus_takes = True
        self.broken: set[str] = set()
        self.lists: dict[str, RecentBackups] = {}

    def recent(self, connection: str) -> RecentBackups:
        if connection in self.broken:
            raise TryLater("no secret")
        if connection not in self.lists:
            api = make_api(self.cloud, Source(by_key()))
            self.lists[connection] = RecentBackups(api, now=self.clock, max_age=AGE)
        return self.lists[connection]

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[bool]:
        if self.bus_takes:
            self.events.extend(details)
        return [self.bus_takes] * len(details)

    def backup_found(self, finding: Finding) -> None:
        self.found.append(finding)

    def look_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        self.failed.append((connection, backups, error))

    def look(self, *messages: TrackingMessage) -> set[int]:
        followed = dict(enumerate(messages))
        return track_backups(followed, recent=self.recent, publish=self.publish, report=self, now=self.clock)

    def start(self, instance_id: str = ORDERS, connection: str = "default") -> TrackingMessage:
        api = make_api(self.cloud, Source(by_key()))
        created = api.create_backup(instance_id=instance_id, name="nightly").backup
        self.cloud.forget_requests()
        return follow(created.id, instance_id=instance_id, connection=connection)

    @property
    def statuses(self) -> list[str]:
        return [finding.status.value for finding in self.found]


def follow(
    backup_id: str, *, instance_id: str = ORDERS, connection: str = "default", began: Any = RUN
) -> TrackingMessage:
    return TrackingMessage.model_validate(
        {
            "connection": connection,
            "instance_id": instance_id,
            "backup_id": backup_id,
            "backup_name": "nightly",
            "begin_time": began.isoformat() if began else None,
            "deadline": (RUN + timedelta(hours=6)).isoformat(),
        }
    )


def test_a_backup_is_followed_until_it_ended_and_then_told_with_an_event() -> None:
    world = World()
    message = world.start()
    assert world.look(message) == set()
    assert (world.statuses, world.events) == (["BUILDING"], [])
    world.clock.move(minutes=2)
    assert world.look(message) == {0}
    assert world.statuses == ["BUILDING", "COMPLETED"]
    [event] = world.events
    assert (event["status"], event["backup_id"], event["instance_id"]) == ("COMPLETED", message.backup_id, ORDERS)
    assert event["duration_seconds"] == 60.0
    assert event["end_time"] == "2026-11-23T01:31:00+00:00"


def test_a_message_delivered_again_after_the_end_finds_the_same_end() -> None:
    world = World()
    message = world.start()
    world.clock.move(minutes=2)
    assert world.look(message) == world.look(message) == {0}
    assert world.statuses == ["COMPLETED", "COMPLETED"]
    assert world.events[0] == world.events[1]


def test_an_end_that_the_bus_does_not_take_is_not_told_and_is_looked_at_again() -> None:
    world = World()
    message = world.start()
    world.clock.move(minutes=2)
    world.bus_takes = False
    assert world.look(message) == set()
    assert world.statuses == []
    world.bus_takes = True
    assert world.look(message) == {0}
    assert world.statuses == ["COMPLETED"]


def test_one_connections_trouble_does_not_hold_up_the_others() -> None:
    world = World()
    ours, theirs = world.start(ORDERS), world.start(STOCK, connection="other")
    world.broken = {"other"}
    world.clock.move(minutes=2)
    assert world.look(theirs, ours) == {1}
    [(connection, backups, error)] = world.failed
    assert (connection, backups, str(error)) == ("other", 1, "no secret")
    world.broken = set()
    assert world.look(theirs) == {0}


def test_an_api_that_is_down_makes_nothing_overdue_or_missing() -> None:
    world = World()
    message = world.start()
    world.cloud.add_fault(gaussdb_emulator.unavailable(3600 * 24))
    world.clock.move(hours=7)
    assert world.look(message) == set()
    assert world.found == []
    assert len(world.failed) == 1


def test_a_backup_that_stays_building_is_overdue_at_its_deadline() -> None:
    world = World()
    world.cloud.change_instance(ORDERS, backup_ends=None)
    message = world.start()
    world.clock.move(hours=6)
    assert world.look(message) == {0}
    assert world.events[0]["status"] == "OVERDUE"


def test_a_backup_is_not_overdue_by_a_list_from_before_it_ended() -> None:
    world = World()
    message = world.start()
    world.clock.move(hours=5, minutes=59, seconds=45)
    world.cloud.change_instance(STOCK, backup_seconds=20)
    late = world.start(STOCK).model_copy(update={"deadline": message.deadline})
    assert world.look(late) == set()
    world.clock.move(seconds=20)
    assert world.look(late) == {0}
    assert world.statuses == ["BUILDING", "COMPLETED"]


def test_a_backup_that_was_deleted_is_missing() -> None:
    world = World()
    message = world.start()
    world.clock.move(minutes=5)
    make_api(world.cloud).delete_backup(message.backup_id)
    world.clock.move(minutes=10)
    assert world.look(message) == {0}
    assert world.events[0]["status"] == "MISSING"


def test_a_backup_that_is_not_listed_yet_is_not_missing() -> None:
    world = World()
    world.cloud.add_fault(gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=120))
    message = world.start()
    world.clock.move(seconds=61)
    assert world.look(message) == set()
    world.clock.move(seconds=61)
    assert world.look(message) == {0}
    assert world.statuses == ["BUILDING", "COMPLETED"]


def test_the_vendors_new_word_is_told_and_followed_on() -> None:
    world = World()
    world.cloud.change_instance(ORDERS, backup_ends="ARCHIVING")
    message = world.start()
    world.clock.move(minutes=2)
    assert world.look(message) == set()
    assert world.found[0].status is Status.UNKNOWN
    assert world.found[0].facts["vendor_status"] == "ARCHIVING"


def test_a_batch_costs_the_pages_of_the_list_and_not_a_call_for_each_backup() -> None:
    world = World()
    ids = world.cloud.add_backups(
        *(
            gaussdb_emulator.PastBackup(
                instance_id=ORDERS, name=f"b-{index}", begin_time=RUN + timedelta(seconds=index)
            )
            for index in range(250)
        )
    )
    world.clock.move(hours=1)
    assert len(world.look(*(follow(backup_id) for backup_id in ids[150:]))) == 100
    assert len(world.cloud.calls("list")) == 3


def test_the_pages_are_bounded_by_the_oldest_backup_of_the_batch() -> None:
    world = World()
    old = [
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name=f"old-{index}", begin_time=RUN - timedelta(days=index + 1))
        for index in range(300)
    ]
    world.cloud.add_backups(*old)
    message = world.start()
    world.look(message)
    assert len(world.cloud.calls("list")) == 1


def test_batches_that_come_in_quick_succession_share_what_was_listed() -> None:
    world = World()
    first, second = world.start(ORDERS), world.start(STOCK)
    world.look(first)
    world.clock.move(seconds=20)
    world.look(second)
    assert len(world.cloud.calls("list")) == 1
    world.clock.move(seconds=1)
    world.look(second)
    assert len(world.cloud.calls("list")) == 2


def test_what_was_listed_for_younger_backups_does_not_serve_older_ones() -> None:
    world = World()
    [old] = world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="old", begin_time=RUN - timedelta(hours=1))
    )
    world.look(world.start(STOCK))
    assert world.look(follow(old, began=RUN - timedelta(hours=1))) == {0}
    assert len(world.cloud.calls("list")) == 2


def test_a_backup_newer_than_what_was_listed_is_found() -> None:
    world = World()
    world.look(world.start(ORDERS))
    world.look(world.start(STOCK))
    assert world.statuses == ["BUILDING", "BUILDING"]
    assert world.found[1].backup is not None


def test_a_backup_without_a_time_is_looked_up_by_its_id() -> None:
    world = World()
    [backup_id] = world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="old", begin_time=RUN - timedelta(days=400))
    )
    assert world.look(follow(backup_id, began=None)) == {0}
    [request] = world.cloud.calls("list")
    assert "backup_id" in str(request)


def test_nothing_to_follow_costs_nothing() -> None:
    world = World()
    assert world.look() == set()
    assert world.cloud.requests == []


def test_an_unforeseen_error_of_one_connection_is_told_and_its_backups_come_back() -> None:
    world = World()
    message = world.start()
    world.lists["default"] = None  # type: ignore[assignment]  # any bug of ours
    assert world.look(message) == set()
    assert isinstance(world.failed[0][2], AttributeError)
