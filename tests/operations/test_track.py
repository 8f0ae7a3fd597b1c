"""Tracking backups: against the emulator in process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import Observation, PollResult, Status, TrackingMessage
from gaussdb_backup.errors import CredentialsRefused, FixRequest, StateChangeRefused, TryLater
from gaussdb_backup.operations.recent_backups import MAX_CONNECTIONS, MAX_SINGLE_READS, RecentBackupLists
from gaussdb_backup.operations.track import RETRY_TIME, TrackResult, Unpublished, track_backups
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
        self.refused: list[tuple[Observation, str]] = []
        self.unexpected: list[Exception] = []
        self.refusal: str | None = None
        self.defect_of: TrackingMessage | None = None
        self.broken: set[str] = set()
        self.change_api: Callable[[Any], Any] = lambda api: api
        self.lists = RecentBackupLists(self, now=self.clock, max_age=AGE)
        self.unpublished = Unpublished()
        self.result: TrackResult[int] | None = None

    def for_connection(self, connection: str, *, deadline: Deadline) -> Any:
        if connection in self.broken:
            raise TryLater("no secret")
        return self.change_api(make_api(self.cloud, Source(by_key()), deadline=deadline))

    def publish(self, details: Sequence[Mapping[str, Any]]) -> list[str | None]:
        if self.refusal is None:
            self.events.extend(to_json(detail) for detail in details)
        return [self.refusal] * len(details)

    def status_observed(self, observation: Observation) -> None:
        if observation.message == self.defect_of:
            raise ZeroDivisionError
        self.observed.append(observation)

    def poll_failed(self, errors: Mapping[TrackingMessage, Exception], *, connection: str) -> None:
        self.failed.append((connection, len(errors), next(iter(errors.values()))))

    def state_change_not_published(self, observation: Observation, *, cause: str) -> None:
        self.refused.append((observation, cause))

    def unexpected_error(self, error: Exception, **log_fields: object) -> None:
        self.unexpected.append(error)

    def poll(self, *messages: TrackingMessage, backups: Any = None, deadline: Deadline | None = None) -> set[int]:
        self.result = track_backups(
            dict(enumerate(messages)),
            backups=backups or self.lists,
            event_bus=self,
            reporter=self,
            unpublished=self.unpublished,
            now=self.clock,
            deadline=deadline or Deadline.after(timedelta(minutes=1)),
        )
        return set(self.result.done)

    def expired(self) -> Mapping[int, Exception]:
        assert self.result is not None
        return self.result.expired

    def start(self, instance_id: str = ORDERS, connection: str = "default") -> TrackingMessage:
        api = make_api(self.cloud, Source(by_key()))
        created = api.create_backup(instance_id=instance_id, name="nightly").backup
        self.cloud.clear_requests()
        return tracking_message(created.id, instance_id=instance_id, connection=connection)

    def add(self, number: int, *, began: timedelta = timedelta(0)) -> list[str]:
        """Add ended backups; return their ids."""
        backups = (
            gaussdb_emulator.PastBackup(instance_id=ORDERS, name=f"b-{index}", begin_time=RUN + began)
            for index in range(number)
        )
        return list(self.cloud.add_backups(*backups))

    @property
    def statuses(self) -> list[str]:
        return [observation.status.value for observation in self.observed]

    def singles(self) -> int:
        """How many single backups were read."""
        return sum(1 for request in self.cloud.calls("list") if "backup_id" in str(request))


class Api:
    """The API, but for one call."""

    def __init__(self, inner: Any, list_backups: Callable[..., Any]) -> None:
        self._inner = inner
        self._list = list_backups

    def list_backups(self, **filters: Any) -> Iterator[Backup]:
        yield from self._list(self._inner, **filters)


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


def test_a_status_whose_event_the_bus_refuses_is_reported_at_once_and_only_once() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(minutes=2)
    setup.refusal = "AccessDeniedException"
    for _ in range(30):
        assert setup.poll(message) == set()
        setup.clock.move(minutes=10)
    assert setup.statuses == ["COMPLETED"]
    assert [cause for _, cause in setup.refused] == ["AccessDeniedException"] * 30
    setup.refusal = None
    assert setup.poll(message) == {0}
    assert setup.statuses == ["COMPLETED"]
    assert [event["status"] for event in setup.events] == ["COMPLETED"]


def test_another_status_after_a_refused_event_is_reported() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=7 * 3600)
    message = setup.start()
    setup.refusal = "InternalFailure"
    setup.clock.move(hours=6)
    setup.poll(message)
    setup.clock.move(hours=2)
    setup.poll(message)
    assert setup.statuses == ["OVERDUE", "COMPLETED"]


def test_a_message_whose_event_is_refused_for_hours_after_its_deadline_expires_with_the_cause() -> None:
    setup = Setup()
    message = setup.start()
    setup.refusal = "AccessDeniedException"
    setup.clock.now = message.deadline + RETRY_TIME - timedelta(seconds=1)
    assert (setup.poll(message), setup.expired()) == (set(), {})
    setup.clock.move(seconds=1)
    assert setup.poll(message) == set()
    error = setup.expired()[0]
    assert isinstance(error, StateChangeRefused)
    assert "COMPLETED" in str(error)
    assert "AccessDeniedException" in str(error)


def test_a_defect_in_publishing_repeats_no_report() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.move(minutes=2)
    setup.publish = None  # type: ignore[method-assign,assignment]  # any defect
    assert setup.poll(message) == setup.poll(message) == set()
    assert (setup.statuses, setup.refused[0][1]) == (["COMPLETED"], "TypeError")
    assert isinstance(setup.unexpected[0], TypeError)


def test_of_very_many_refused_events_the_oldest_is_forgotten() -> None:
    unpublished = Unpublished(maximum=2)
    first, second, third = (Observation(tracking_message(f"b-{number}"), Status.FAILED, None) for number in range(3))
    for observation in (first, second, third):
        unpublished.add(observation)
    assert [observation in unpublished for observation in (first, second, third)] == [False, True, True]


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


@pytest.mark.parametrize("seconds", [-1, 0, 899])
def test_until_15_minutes_after_its_deadline_a_backup_that_could_not_be_polled_is_polled_again(seconds: int) -> None:
    setup = Setup()
    message = setup.start()
    setup.cloud.add_fault(gaussdb_emulator.unavailable(3600 * 24))
    setup.clock.now = message.deadline + timedelta(seconds=seconds)
    assert setup.poll(message) == set()
    assert (setup.observed, len(setup.failed)) == ([], 1)
    assert (setup.expired(), setup.result and setup.result.waiting) == ({}, frozenset())


def test_one_poll_that_fails_after_the_deadline_hides_no_end_of_a_backup() -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.now = message.deadline + timedelta(seconds=1)
    assert setup.poll(message, backups=Raising(TryLater("every permit is in use"))) == set()
    setup.clock.move(minutes=10)
    assert setup.poll(message) == {0}
    assert setup.statuses == ["COMPLETED"]


def test_with_the_api_away_a_backup_is_overdue_15_minutes_after_its_deadline_with_the_cause() -> None:
    setup = Setup()
    message = setup.start()
    setup.cloud.add_fault(gaussdb_emulator.unavailable(3600 * 24))
    setup.clock.now = message.deadline + timedelta(minutes=15)
    assert setup.poll(message) == {0}
    [event] = setup.events
    assert (event["status"], event["reason"]) == ("OVERDUE", "could not be polled")
    assert (event["error_type"], event["error_code"]) == ("TryLater", "APIGW.0613")
    assert event["backup_id"] == message.backup_id
    assert setup.statuses == ["OVERDUE"]


@pytest.mark.parametrize("error", [CredentialsRefused("no"), TryLater("no secret"), KeyError("a defect")])
def test_whatever_keeps_a_connection_from_being_polled_its_backups_are_overdue_soon_after_their_deadline(
    error: Exception,
) -> None:
    setup = Setup()
    message = setup.start()
    setup.clock.now = message.deadline + timedelta(minutes=15)
    assert setup.poll(message, backups=Raising(error)) == {0}
    assert (setup.events[0]["status"], setup.events[0]["error_type"]) == ("OVERDUE", type(error).__name__)


class Raising:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def find(self, *_: Any, **__: Any) -> PollResult:
        raise self._error


def test_connections_share_the_time_so_that_a_dead_one_leaves_enough_for_the_others() -> None:
    setup = Setup()
    messages = [setup.start(ORDERS), *(tracking_message(f"b-{number}", connection=f"c{number}") for number in range(3))]
    shares: list[float] = []

    class Backups:
        def find(self, connection: str, messages: Any, *, deadline: Deadline) -> PollResult:
            shares.append(deadline.remaining.total_seconds())
            ticks[0] += shares[-1] if connection in ("c0", "c1") else 1.0  # these two take all that they may
            return PollResult()

    ticks = [0.0]
    setup.poll(*messages, backups=Backups(), deadline=Deadline.after(timedelta(seconds=100), clock=lambda: ticks[0]))
    assert shares == [25.0, 33.0, 33.0, 33.0]
    assert ticks[0] < 100


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
    make_api(setup.cloud).delete_backup(message.backup_id or "")
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
    setup.lists._apis = None  # type: ignore[assignment]  # any bug of ours
    assert setup.poll(message) == set()
    assert isinstance(setup.failed[0][2], AttributeError)


def test_an_unexpected_error_in_one_evaluation_costs_only_that_backup() -> None:
    setup = Setup()
    ours, theirs = setup.start(ORDERS), setup.start(STOCK)
    setup.clock.move(minutes=2)
    setup.defect_of = theirs
    assert setup.poll(theirs, ours) == {1}
    assert isinstance(setup.unexpected[0], ZeroDivisionError)
    assert setup.expired() == {}
    setup.clock.now = theirs.deadline + RETRY_TIME
    setup.poll(theirs)
    assert isinstance(setup.expired()[0], ZeroDivisionError)


@pytest.mark.parametrize("years", [{"begin_time": 1}, {"begin_time": 9999}, {"deadline": 1}, {"deadline": 9999}])
def test_an_absurd_time_costs_its_neighbours_nothing(years: dict[str, int]) -> None:
    setup = Setup()
    ours, theirs = setup.start(ORDERS), setup.start(STOCK)
    setup.clock.move(minutes=2)
    absurd = {name: datetime(year, 12, 31, 23, 59, tzinfo=UTC) for name, year in years.items()}
    assert 1 in setup.poll(theirs.model_copy(update={"backup_id": "gone", **absurd}), ours)
    assert (setup.unexpected, setup.failed) == ([], [])


def strange_backup(strange_id: str, error: Exception) -> Callable[[Any], Any]:
    """Make the API fail for one backup when it is read by itself; it is on no page."""

    def list_backups(inner: Any, **filters: Any) -> Any:
        if filters.get("backup_id") == strange_id:
            raise error
        return (backup for backup in inner.list_backups(**filters) if backup.id != strange_id)

    return lambda api: Api(api, list_backups)


@pytest.mark.parametrize("error", [FixRequest("400"), TryLater("malformed"), KeyError("a defect")])
def test_a_single_read_that_fails_hides_no_status_of_a_neighbour(error: Exception) -> None:
    setup = Setup()
    setup.cloud.change_instance(STOCK, backup_ends="FAILED")
    strange, failing = setup.start(ORDERS), setup.start(STOCK)
    setup.change_api = strange_backup(strange.backup_id or "", error)
    setup.clock.move(minutes=2)
    assert setup.poll(strange, failing) == {1}
    assert setup.statuses == ["FAILED"]
    assert setup.failed == [("default", 1, error)]


def test_a_backup_that_the_api_refuses_to_show_is_overdue_soon_after_its_deadline_with_the_cause() -> None:
    setup = Setup()
    message = setup.start()
    setup.change_api = strange_backup(message.backup_id or "", FixRequest("400"))
    setup.clock.now = message.deadline + timedelta(minutes=15)
    assert setup.poll(message) == {0}
    assert (setup.events[0]["status"], setup.events[0]["error_type"]) == ("OVERDUE", "FixRequest")


def test_a_hundred_deleted_backups_are_missing_after_a_hundred_single_reads_ten_at_a_time() -> None:
    setup = Setup()
    gone = {index: tracking_message(f"gone-{index}") for index in range(100)}
    setup.clock.move(hours=1)
    for poll in range(1, 11):
        keys = list(gone)
        done = setup.poll(*gone.values())
        assert len(done) == 10
        assert setup.singles() == 10 * poll
        assert setup.result is not None
        assert setup.result.waiting == frozenset(range(len(gone))) - done
        for index in done:
            del gone[keys[index]]
        setup.clock.move(minutes=1)
    assert setup.statuses == ["MISSING"] * 100


def test_single_reads_take_turns_so_that_those_which_fail_hold_up_no_other() -> None:
    setup = Setup()
    bad = [tracking_message(f"bad-{index}", began=None) for index in range(MAX_SINGLE_READS)]
    [good_id] = setup.add(1, began=-timedelta(days=400))

    def list_backups(inner: Any, **filters: Any) -> Any:
        if str(filters.get("backup_id")).startswith("bad"):
            raise FixRequest("400")
        return inner.list_backups(**filters)

    setup.change_api = lambda api: Api(api, list_backups)
    messages = [*bad, tracking_message(good_id, began=None)]
    assert setup.poll(*messages) == set()
    setup.clock.move(minutes=1)
    assert setup.poll(*messages) == {MAX_SINGLE_READS}


def test_an_error_that_every_single_read_would_get_is_met_once_in_a_poll() -> None:
    setup = Setup()
    messages = [tracking_message(f"b-{index}", began=None) for index in range(5)]
    setup.cloud.add_fault(gaussdb_emulator.throttled("list", retry_after="60"))
    assert setup.poll(*messages) == set()
    assert (len(setup.cloud.calls("list")), len(setup.failed)) == (1, 1)
    assert setup.result is not None
    assert len(setup.result.waiting) == 4


def test_what_the_pages_showed_before_one_failed_is_reported() -> None:
    setup = Setup()
    ids = setup.add(150, began=timedelta(seconds=1))
    setup.clock.move(hours=1)

    def list_backups(inner: Any, **filters: Any) -> Any:
        for number, backup in enumerate(inner.list_backups(**filters)):
            if number == 100:
                raise TryLater("the second page")
            yield backup

    setup.change_api = lambda api: Api(api, list_backups)
    assert len(setup.poll(*(tracking_message(backup_id) for backup_id in ids))) == 100
    assert setup.failed[0][1] == 50
    setup.change_api = lambda api: api
    assert len(setup.poll(*(tracking_message(backup_id) for backup_id in ids))) == 150


def test_a_list_that_takes_longer_to_read_than_it_may_be_old_serves_the_next_batches() -> None:
    setup = Setup()
    first, second = setup.start(ORDERS), setup.start(STOCK)
    setup.clock.move(seconds=30)

    def list_slowly(inner: Any, **filters: Any) -> Any:
        yield from inner.list_backups(**filters)
        setup.clock.move(seconds=60)

    setup.change_api = lambda api: Api(api, list_slowly)
    setup.poll(first)
    setup.poll(second)
    setup.poll(first, second)
    assert len(setup.cloud.calls("list")) == 1
    setup.clock.move(seconds=21)
    assert setup.poll(first, second) == {0, 1}
    assert len(setup.cloud.calls("list")) == 2


def test_one_backup_begun_long_before_the_others_is_read_by_itself() -> None:
    setup = Setup()
    for day in range(1, 8):
        setup.add(200, began=-timedelta(days=day, hours=1))
    [old] = setup.add(1, began=-timedelta(days=7))
    messages = [setup.start(STOCK), tracking_message(old, began=RUN - timedelta(days=7))]
    assert setup.poll(*messages) == {1}
    assert (len(setup.cloud.calls("list")), setup.singles()) == (2, 1)


def test_a_few_very_old_backups_alone_are_read_by_themselves() -> None:
    setup = Setup()
    setup.add(500, began=-timedelta(days=2))
    old = setup.add(2, began=-timedelta(days=7))
    assert setup.poll(*(tracking_message(each, began=RUN - timedelta(days=7)) for each in old)) == {0, 1}
    assert len(setup.cloud.calls("list")) == 2


def test_many_old_backups_are_worth_the_pages() -> None:
    setup = Setup()
    old = setup.add(100, began=-timedelta(days=3))
    assert len(setup.poll(*(tracking_message(each, began=RUN - timedelta(days=3)) for each in old))) == 100
    assert setup.singles() == 0


def test_a_begin_in_the_future_does_not_shorten_the_list() -> None:
    setup = Setup()
    ours, theirs = setup.start(ORDERS), setup.start(STOCK)
    setup.clock.move(minutes=2)
    assert 0 in setup.poll(ours, theirs.model_copy(update={"begin_time": RUN + timedelta(days=400)}))
    assert setup.singles() == 0


def test_a_status_from_an_old_list_is_not_used_for_a_backup_that_is_no_longer_listed_for_its_age() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=86_400)
    message = setup.start().model_copy(update={"deadline": RUN + timedelta(days=9)})
    setup.poll(message)
    setup.clock.move(days=2)
    assert setup.poll(message) == {0}
    assert setup.statuses == ["BUILDING", "COMPLETED"]


def test_a_backup_that_ends_while_the_list_is_read_past_its_deadline_is_not_overdue() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=6 * 3600 - 5)
    message = setup.start()
    setup.clock.now = message.deadline - timedelta(seconds=10)

    def list_slowly(inner: Any, **filters: Any) -> Any:
        yield from inner.list_backups(**filters)
        setup.clock.move(seconds=30)

    setup.change_api = lambda api: Api(api, list_slowly)
    assert setup.poll(message) == set()
    assert setup.poll(message) == {0}
    assert setup.statuses == ["BUILDING", "COMPLETED"]


def test_an_overdue_backup_costs_no_second_reading_of_the_pages() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_ends=None)
    message = setup.start()
    setup.clock.now = message.deadline
    assert setup.poll(message) == setup.poll(message) == {0}
    assert len(setup.cloud.calls("list")) == 1


def test_lists_are_kept_of_the_latest_connections_only() -> None:
    setup = Setup()
    for number in range(MAX_CONNECTIONS + 5):
        setup.poll(tracking_message("b-1", connection=f"c{number}"))
        setup.poll(tracking_message("b-1", connection="default"))
    assert len(setup.lists._lists) == MAX_CONNECTIONS
    assert "default" in setup.lists._lists


def test_a_backup_without_a_usable_id_is_found_by_its_instance_and_name() -> None:
    setup = Setup()
    message = setup.start().model_copy(update={"backup_id": None})
    assert setup.poll(message) == set()
    setup.clock.move(minutes=2)
    assert setup.poll(message, setup.start(STOCK)) == {0}
    assert (setup.events[0]["status"], setup.events[0]["backup_name"]) == ("COMPLETED", "nightly")
