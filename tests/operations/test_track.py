"""Tracking backups: against the emulator in process."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.tracking import Observation, Status, TrackingMessage
from gaussdb_backup.errors import TryLater
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.operations.recent_backups import RecentBackupLists
from gaussdb_backup.operations.track import track_backups
from gaussdb_backup.telemetry.log_fields import to_json
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, STOCK, Source, by_key, make_api, make_cloud

AGE = timedelta(seconds=20)


class Setup:
    """A cloud, the event bus, the reporter, and a function that polls."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud = make_cloud(self.clock)
        self.events: list[Mapping[str, Any]] = []
        self.observed: list[Observation] = []
        self.failed: list[tuple[str, int, Exception]] = []
        self.bus_accepts = True
        self.broken: set[str] = set()
        self.lists = RecentBackupLists(self, now=self.clock, max_age=AGE)

    def for_connection(self, connection: str, *, deadline: Deadline) -> GaussDBApi:
        if connection in self.broken:
            raise TryLater("no secret")
        return make_api(self.cloud, Source(by_key()), deadline=deadline)

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[str | None]:
        if self.bus_accepts:
            self.events.extend(to_json(detail) for detail in details)
        return [None if self.bus_accepts else "ThrottlingException"] * len(details)

    def status_observed(self, observation: Observation) -> None:
        self.observed.append(observation)

    def poll_failed(self, error: Exception, *, connection: str, backups: int) -> None:
        self.failed.append((connection, backups, error))

    def poll(self, *messages: TrackingMessage) -> set[int]:
        tracked = dict(enumerate(messages))
        return track_backups(
            tracked,
            backups=self.lists,
            event_bus=self,
            reporter=self,
            now=self.clock,
            deadline=Deadline.after(timedelta(minutes=1)),
        )

    def start(self, instance_id: str = ORDERS, connection: str = "default") -> TrackingMessage:
        api = make_api(self.cloud, Source(by_key()))
        created = api.create_backup(instance_id=instance_id, name="nightly").backup
        self.cloud.clear_requests()
        return tracking_message(created.id, instance_id=instance_id, connection=connection)

    @property
    def statuses(self) -> list[str]:
        return [observation.status.value for observation in self.observed]


def tracking_message(
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


def test_a_backup_is_tracked_to_its_final_status_which_is_published_as_an_event() -> None:
    setup = Setup()
    message = setup.start()
    assert setup.poll(message) == set()
    assert (setup.statuses, setup.events) == (["BUILDING"], [])
    setup.clock.move(minutes=2)
    assert setup.poll(message) == {0}
    assert setup.statuses == ["BUILDING", "COMPLETED"]
    [event] = setup.events
    assert (event["status"], event["backup_id"], event["instance_id"]) == ("COMPLETED", message.backup_id, ORDERS)
    assert event["duration_seconds"] == 60.0
    assert event["end_time"] == "2026-11-23T01:31:00+00:00"


def test_a_message_delivered_again_after_the_end_finds_the_same_status() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(minutes=2)
    assert setup.poll(message) == setup.poll(message) == {0}
    assert setup.statuses == ["COMPLETED", "COMPLETED"]
    assert setup.events[0] == setup.events[1]


def test_a_final_status_that_the_bus_does_not_take_is_not_reported_and_is_polled_again() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(minutes=2)
    setup.bus_accepts = False
    assert setup.poll(message) == set()
    assert setup.statuses == []
    setup.bus_accepts = True
    assert setup.poll(message) == {0}
    assert setup.statuses == ["COMPLETED"]


def test_a_connection_that_fails_does_not_hold_up_the_others() -> None:
    setup = Setup()
    ours, theirs = setup.start(ORDERS), setup.start(STOCK, connection="other")
    setup.broken = {"other"}
    setup.clock.move(minutes=2)
    assert setup.poll(theirs, ours) == {1}
    [(connection, backups, error)] = setup.failed
    assert (connection, backups, str(error)) == ("other", 1, "no secret")
    setup.broken = set()
    assert setup.poll(theirs) == {0}


def test_an_api_that_is_down_makes_nothing_overdue_or_missing() -> None:
    setup = Setup()
    message = setup.start()
    setup.cloud.add_fault(gaussdb_emulator.unavailable(3600 * 24))
    setup.clock.move(hours=7)
    assert setup.poll(message) == set()
    assert setup.observed == []
    assert len(setup.failed) == 1


def test_a_backup_that_stays_building_is_overdue_at_its_deadline() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_ends=None)
    message = setup.start()
    setup.clock.move(hours=6)
    assert setup.poll(message) == {0}
    assert setup.events[0]["status"] == "OVERDUE"


def test_a_backup_is_not_overdue_by_a_list_from_before_it_ended() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(hours=5, minutes=59, seconds=45)
    setup.cloud.change_instance(STOCK, backup_seconds=20)
    late = setup.start(STOCK).model_copy(update={"deadline": message.deadline})
    assert setup.poll(late) == set()
    setup.clock.move(seconds=20)
    assert setup.poll(late) == {0}
    assert setup.statuses == ["BUILDING", "COMPLETED"]


def test_a_backup_that_was_deleted_is_missing() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(minutes=5)
    make_api(setup.cloud).delete_backup(message.backup_id)
    setup.clock.move(minutes=10)
    assert setup.poll(message) == {0}
    assert setup.events[0]["status"] == "MISSING"


def test_a_backup_that_is_not_listed_yet_is_not_missing() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=120))
    message = setup.start()
    setup.clock.move(seconds=61)
    assert setup.poll(message) == set()
    setup.clock.move(seconds=61)
    assert setup.poll(message) == {0}
    assert setup.statuses == ["BUILDING", "COMPLETED"]


def test_the_vendors_new_word_is_reported_and_tracking_goes_on() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_ends="ARCHIVING")
    message = setup.start()
    setup.clock.move(minutes=2)
    assert setup.poll(message) == set()
    assert setup.observed[0].status is Status.UNKNOWN
    assert setup.observed[0].log_fields["vendor_status"] == "ARCHIVING"


def test_a_batch_costs_the_pages_of_the_list_and_not_a_call_for_each_backup() -> None:
    setup = Setup()
    ids = setup.cloud.add_backups(
        *(
            gaussdb_emulator.PastBackup(
                instance_id=ORDERS, name=f"b-{index}", begin_time=RUN + timedelta(seconds=index)
            )
            for index in range(250)
        )
    )
    setup.clock.move(hours=1)
    assert len(setup.poll(*(tracking_message(backup_id) for backup_id in ids[150:]))) == 100
    assert len(setup.cloud.calls("list")) == 3


def test_the_pages_are_bounded_by_the_oldest_backup_of_the_batch() -> None:
    setup = Setup()
    old = [
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name=f"old-{index}", begin_time=RUN - timedelta(days=index + 1))
        for index in range(300)
    ]
    setup.cloud.add_backups(*old)
    message = setup.start()
    setup.poll(message)
    assert len(setup.cloud.calls("list")) == 1


def test_batches_in_quick_succession_share_one_list() -> None:
    setup = Setup()
    first, second = setup.start(ORDERS), setup.start(STOCK)
    setup.poll(first)
    setup.clock.move(seconds=20)
    setup.poll(second)
    assert len(setup.cloud.calls("list")) == 1
    setup.clock.move(seconds=1)
    setup.poll(second)
    assert len(setup.cloud.calls("list")) == 2


def test_a_list_of_younger_backups_is_not_used_for_older_ones() -> None:
    setup = Setup()
    [old] = setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="old", begin_time=RUN - timedelta(hours=1))
    )
    setup.poll(setup.start(STOCK))
    assert setup.poll(tracking_message(old, began=RUN - timedelta(hours=1))) == {0}
    assert len(setup.cloud.calls("list")) == 2


def test_a_backup_newer_than_the_list_is_found() -> None:
    setup = Setup()
    setup.poll(setup.start(ORDERS))
    setup.poll(setup.start(STOCK))
    assert setup.statuses == ["BUILDING", "BUILDING"]
    assert setup.observed[1].backup is not None


def test_a_backup_without_a_time_is_read_by_its_id() -> None:
    setup = Setup()
    [backup_id] = setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="old", begin_time=RUN - timedelta(days=400))
    )
    assert setup.poll(tracking_message(backup_id, began=None)) == {0}
    [request] = setup.cloud.calls("list")
    assert "backup_id" in str(request)


def test_nothing_to_track_costs_no_call() -> None:
    setup = Setup()
    assert setup.poll() == set()
    assert setup.cloud.requests == []


def test_an_unexpected_error_of_one_connection_is_reported_and_its_backups_are_polled_again() -> None:
    setup = Setup()
    message = setup.start()
    setup.lists._lists["default"] = None  # type: ignore[assignment]  # any bug of ours
    assert setup.poll(message) == set()
    assert isinstance(setup.failed[0][2], AttributeError)
