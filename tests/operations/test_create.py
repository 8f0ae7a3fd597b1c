"""One request, one backup: against the emulator in process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.backup_request import BackupRequest, parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.errors import (
    CredentialsRefused,
    FixRequest,
    InstanceBusy,
    InvalidRequest,
    NameTaken,
    TooManyBackups,
    TryLater,
)
from gaussdb_backup.operations.create import CreateResult, Execution, Outcome, create_backup
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, STOCK, Source, by_key, make_api, make_cloud


class Api:
    """The emulator's API, which shows its clock in each response, with some calls of a test's own."""

    def __init__(self, inner: Any, skew: timedelta | None, calls: dict[str, Any]) -> None:
        self.clock_skew: timedelta | None = None
        self._inner = inner
        self._skew = skew
        self._calls = calls

    def list_backups(self, **filters: Any) -> Iterator[Backup]:
        yield from self._calls.get("list_backups", self._inner.list_backups)(**filters)
        self.clock_skew = self._skew

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name) or getattr(self._inner, name)


@dataclass
class Setup:
    """A cloud whose clock a test moves, and requests made to it by fresh clients, as after a function was killed.

    No result is saved unless the test says so: each request is executed as after the loss of the state table.
    """

    rules: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    skew: timedelta = timedelta(0)
    shows_its_clock: bool = True
    maximum_per_day: int = 24
    result: dict[str, Any] | None = None
    entered: list[dict[str, str]] = field(default_factory=list)
    remaining_times: list[timedelta] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    tracked: list[Backup] = field(default_factory=list)
    reported: list[tuple[str, str]] = field(default_factory=list)
    log_fields: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cloud = make_cloud(lambda: self.clock() + self.skew, **self.rules)

    def api(self, **calls: Any) -> "Api":
        return Api(
            make_api(self.cloud, Source(by_key()), now=self.clock), self.skew if self.shows_its_clock else None, calls
        )

    def request(
        self, run: datetime = RUN, *, api: Any = None, is_time_given: bool = True, **fields: Any
    ) -> CreateResult:
        given = {"scheduled_time": run.isoformat()} if is_time_given else {}
        data = {"instance_id": ORDERS, "name_template": "nightly", **given, **fields}
        return create_backup(
            parse_backup_request(data, default_time=run, now=self.clock()),
            api=api or self.api(),
            idempotency=self,
            tracker=self,
            reporter=self,
            now=self.clock,
            maximum_per_day=self.maximum_per_day,
            remaining_time=timedelta(minutes=3),
        )

    @contextmanager
    def run_once(self, key: Mapping[str, str], *, remaining_time: timedelta) -> Iterator[Execution]:
        self.entered.append(dict(key))
        self.remaining_times.append(remaining_time)
        execution: Any = SimpleNamespace(result=self.result)
        yield execution

    def track(self, request: BackupRequest, backup: Backup, *, now: datetime) -> None:
        self.steps.append("tracked")
        self.tracked.append(backup)

    def add(self, **log_fields: object) -> None:
        self.log_fields |= log_fields

    def backup_started(self, backup: Backup, *, outcome: str) -> None:
        self.steps.append("reported")
        self.reported.append((backup.id, outcome))

    def names(self, instance_id: str = ORDERS) -> list[str]:
        return [backup.name for backup in self.cloud.backups(instance_id)]


def test_a_request_is_named_executed_once_reported_and_tracked() -> None:
    setup = Setup()
    result = setup.request(schedule="nightly")
    assert setup.entered == [
        {
            "connection": "default",
            "instance_id": ORDERS,
            "name": "nightly",
            "scheduled_time": "2026-11-23T01:30:00+00:00",
        }
    ]
    assert setup.reported == [(result.backup.id, "created")]
    assert setup.tracked == [result.backup]
    assert setup.steps == ["reported", "tracked"], "a function killed in between has reported what it did"
    assert setup.log_fields == {
        "connection": "default",
        "schedule": "nightly",
        "scheduled_time": RUN,
        "instance_id": ORDERS,
        "backup_name": "nightly",
    }


def test_a_saved_result_is_returned_without_a_call_a_report_or_a_tracking_message() -> None:
    setup = Setup()
    first = setup.request()
    setup.result = first.model_dump(mode="json")
    setup.cloud.clear_requests()
    assert setup.request() == first.model_copy(update={"outcome": Outcome.ADOPTED})
    assert (len(setup.tracked), len(setup.reported), setup.cloud.requests) == (1, 1, [])


def test_what_fails_is_neither_reported_as_started_nor_tracked() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, status="REBOOTING")
    with pytest.raises(InstanceBusy):
        setup.request()
    assert setup.tracked == []
    assert setup.reported == []


def test_a_request_gets_a_new_backup_with_its_name_and_description() -> None:
    setup = Setup()
    result = setup.request(
        description="Nightly backup", name_template="{schedule}-{instance_id:.4}", schedule="nightly"
    )
    [backup] = setup.cloud.backups(ORDERS)
    assert (result.outcome, result.backup.id) == (Outcome.CREATED, backup.id)
    assert (backup.name, backup.description) == ("nightly-0000", "Nightly backup")


def test_the_same_request_again_adopts_its_backup_even_after_it_ended() -> None:
    setup = Setup()
    first = setup.request()
    setup.clock.move(hours=2)
    again = setup.request()
    assert (again.outcome, again.backup.id) == (Outcome.ADOPTED, first.backup.id)
    assert setup.names() == ["nightly"]


def test_a_backup_that_failed_is_still_the_requests_backup() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_ends="FAILED")
    first = setup.request()
    setup.clock.move(hours=1)
    again = setup.request()
    assert (again.outcome, again.backup.id, again.backup.status) == (Outcome.ADOPTED, first.backup.id, "FAILED")


def test_last_weeks_backup_of_the_same_name_is_never_adopted() -> None:
    setup = Setup()
    setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    assert setup.request().outcome is Outcome.CREATED
    assert setup.names() == ["nightly", "nightly"]


def add_namesake(setup: Setup, began: datetime, **fields: Any) -> str:
    """Add an earlier backup; `began` is by the API's clock."""
    past = gaussdb_emulator.PastBackup(**{"instance_id": ORDERS, "name": "nightly", "begin_time": began, **fields})
    [backup_id] = setup.cloud.add_backups(past)
    return backup_id


MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
SKEWS = {
    "clocks agree": (timedelta(0), True, -MINUTE),
    "the API is 10 minutes behind": (-10 * MINUTE, True, -11 * MINUTE),
    "the API is 10 minutes ahead": (10 * MINUTE, True, 9 * MINUTE),
    "a response without a date": (timedelta(0), False, -15 * MINUTE),
}


@pytest.mark.parametrize(("skew", "shows_its_clock", "bound"), SKEWS.values(), ids=SKEWS)
@pytest.mark.parametrize("is_time_given", [True, False])
def test_a_namesake_that_began_before_the_run_less_the_clock_skew_is_never_adopted(
    skew: timedelta, shows_its_clock: bool, bound: timedelta, is_time_given: bool
) -> None:
    for seconds, outcome in ((0, Outcome.ADOPTED), (-1, Outcome.CREATED)):
        setup = Setup(skew=skew, shows_its_clock=shows_its_clock)
        setup.clock.move(minutes=1)
        earliest = RUN + bound - (5 * MINUTE if is_time_given else 0 * MINUTE)
        add_namesake(setup, earliest + seconds * SECOND)
        assert setup.request(is_time_given=is_time_given).outcome is outcome


@pytest.mark.parametrize("skew", [-10 * MINUTE, 0 * MINUTE, 10 * MINUTE], ids=str)
@pytest.mark.parametrize("is_time_given", [True, False])
def test_whatever_the_clocks_a_function_killed_after_the_post_leaves_one_backup(
    skew: timedelta, is_time_given: bool
) -> None:
    setup = Setup(skew=skew)
    first = setup.request(is_time_given=is_time_given)
    for minutes in (1, 18, 200):
        setup.clock.now = RUN + minutes * MINUTE
        again = setup.request(is_time_given=is_time_given)
        assert (again.outcome, again.backup.id) == (Outcome.ADOPTED, first.backup.id)
    assert setup.names() == ["nightly"]


@pytest.mark.parametrize("minutes", [2, 14])
def test_a_second_request_without_a_time_minutes_later_gets_a_backup_of_its_own(minutes: int) -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=30)
    first = setup.request(RUN, is_time_given=False)
    setup.clock.move(minutes=minutes)
    second = setup.request(setup.clock(), is_time_given=False)
    assert second.outcome is Outcome.CREATED
    assert second.backup.id != first.backup.id


def test_a_date_that_no_signature_would_survive_is_not_believed() -> None:
    for skew in (timedelta(days=-20_000), timedelta(hours=8)):
        setup = Setup()
        add_namesake(setup, RUN - timedelta(days=7))
        api = Api(make_api(setup.cloud), skew, {})
        first = setup.request(api=api)
        assert (first.outcome, setup.request(api=api).backup.id) == (Outcome.CREATED, first.backup.id)


def test_a_namesake_without_a_begin_time_is_adopted_only_if_the_api_lists_it_as_begun_late_enough() -> None:
    for began, outcome in ((RUN - timedelta(hours=3), Outcome.CREATED), (RUN, Outcome.ADOPTED)):
        setup = Setup()
        add_namesake(setup, began)
        listed = make_api(setup.cloud).list_backups

        def without_times(listed: Any = listed, **filters: Any) -> Any:
            return (backup.model_copy(update={"begin_time": None}) for backup in listed(**filters))

        assert setup.request(api=setup.api(list_backups=without_times)).outcome is outcome


def test_another_instances_or_an_automatic_backup_of_the_same_name_is_not_adopted() -> None:
    setup = Setup()
    begun = RUN - timedelta(minutes=10)
    setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=STOCK, name="nightly", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", type="auto", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="Nightly", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly2", begin_time=begun),
    )
    assert setup.request().outcome is Outcome.CREATED


def test_two_runs_that_read_alike_when_daylight_saving_ends_get_a_backup_each() -> None:
    setup = Setup()
    berlin = ZoneInfo("Europe/Berlin")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=0).astimezone(UTC)
    winter = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1).astimezone(UTC)
    assert winter - summer == timedelta(hours=1)
    fields: dict[str, Any] = {"name_template": "nightly-{scheduled_time:%Y%m%d-%H%M}", "timezone": "Europe/Berlin"}
    results = []
    for run in (summer, winter):
        setup.clock.now = run
        results.append(setup.request(run, **fields))
    assert {result.backup.name for result in results} == {"nightly-20261025-0230"}
    assert [result.outcome for result in results] == [Outcome.CREATED, Outcome.CREATED]
    setup.clock.move(minutes=30)
    again = [setup.request(run, **fields) for run in (summer, winter)]
    assert [result.backup.id for result in again] == [result.backup.id for result in results]


def test_runs_of_a_template_without_a_time_get_a_backup_each_and_the_same_run_one() -> None:
    setup = Setup()
    first = setup.request(RUN)
    setup.clock.move(days=1)
    second = setup.request(RUN + timedelta(days=1))
    assert setup.request(RUN).backup.id == first.backup.id
    assert setup.request(RUN + timedelta(days=1)).backup.id == second.backup.id
    assert setup.names() == ["nightly", "nightly"]


@pytest.mark.parametrize(("minutes", "outcome"), [(5, Outcome.ADOPTED), (7, Outcome.CREATED)])
def test_two_requests_of_one_name_with_given_times_may_share_a_backup_less_than_six_minutes_apart(
    minutes: int, outcome: Outcome
) -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=30)
    setup.request(RUN)
    setup.clock.move(minutes=minutes)
    assert setup.request(RUN + minutes * MINUTE).outcome is outcome


@pytest.mark.parametrize(
    ("template", "outcome"), [("nightly", Outcome.ADOPTED), ("nightly-{scheduled_time}", Outcome.CREATED)]
)
def test_a_run_that_is_late_may_share_the_backup_of_the_next_unless_their_names_differ(
    template: str, outcome: Outcome
) -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=30)
    setup.clock.move(hours=1)
    setup.request(setup.clock(), name_template=template)
    setup.clock.move(minutes=5)
    assert setup.request(RUN, name_template=template).outcome is outcome


@pytest.mark.parametrize("skew", [-10 * MINUTE, 0 * MINUTE, 10 * MINUTE], ids=str)
def test_a_request_ahead_of_its_time_gets_one_backup_however_often_it_is_made(skew: timedelta) -> None:
    setup = Setup(skew=skew)
    run = RUN + 5 * MINUTE

    def lose_the_response(**fields: Any) -> Any:
        make_api(setup.cloud).create_backup(**fields)
        setup.cloud.add_fault(gaussdb_emulator.unavailable(30))
        raise TryLater("no response", may_have_taken_effect=True)

    with pytest.raises(TryLater):
        setup.request(run, api=setup.api(create_backup=lose_the_response))
    for minutes in (1, 5, 6, 60):
        setup.clock.now = RUN + minutes * MINUTE
        assert setup.request(run).outcome is Outcome.ADOPTED
    assert setup.names() == ["nightly"]


AMBIGUOUS: dict[str, dict[str, Any]] = {
    "connection dropped": {"effect": gaussdb_emulator.Effect.DROP},
    "connection reset": {"effect": gaussdb_emulator.Effect.RESET},
    "500": {"status": 500, "code": "DBS.108000"},
    "502": {"status": 502, "code": "APIGW.0201"},
    "503": {"status": 503, "code": "APIGW.0613"},
    "504": {"status": 504, "code": "APIGW.0201"},
    "no backup.id": {"effect": gaussdb_emulator.Effect.NO_BACKUP_ID},
    "an HTML page": {"status": 200, "body": "<html>"},
    "busy": {"status": 409, "code": "DBS.201205"},
}


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_response_lost_after_the_api_did_the_work_ends_in_one_adopted_backup(fault: dict[str, Any]) -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=1, **{"after_commit": True, **fault}))
    result = setup.request()
    assert (result.outcome, result.backup.name) == (Outcome.ADOPTED, "nightly")
    assert setup.names() == ["nightly"]
    assert setup.request().backup.id == result.backup.id


@pytest.mark.parametrize("fault", [fault for name, fault in AMBIGUOUS.items() if name != "no backup.id"])
def test_a_response_lost_before_the_api_did_the_work_is_raised_and_the_next_attempt_creates(
    fault: dict[str, Any],
) -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=1, **fault))
    with pytest.raises(TryLater):
        setup.request()
    assert setup.names() == []
    assert setup.request().outcome is Outcome.CREATED
    assert setup.names() == ["nightly"]


def test_a_backup_that_the_list_does_not_show_yet_is_not_made_twice() -> None:
    setup = Setup()
    setup.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=30, times=1)
    )
    setup.cloud.add_fault(gaussdb_emulator.lost_response())
    with pytest.raises(TryLater) as raised:
        setup.request()
    assert raised.value.may_have_taken_effect
    setup.clock.move(seconds=31)
    assert setup.request().outcome is Outcome.ADOPTED
    assert setup.names() == ["nightly"]


@pytest.mark.parametrize(
    ("requested", "expected"), [(None, 2 * MINUTE), (1 * MINUTE, 2 * MINUTE), (9 * MINUTE, 9 * MINUTE)]
)
def test_a_request_that_may_have_its_backup_is_not_tried_again_before_lists_show_it(
    requested: timedelta | None, expected: timedelta
) -> None:
    def lose_the_response(**fields: Any) -> Any:
        raise TryLater("no response", retry_after=requested, may_have_taken_effect=True)

    setup = Setup()
    with pytest.raises(TryLater, match="no response") as raised:
        setup.request(api=setup.api(create_backup=lose_the_response))
    assert raised.value.retry_after == expected


def test_a_failure_that_leaves_nothing_open_has_no_delay_of_its_own() -> None:
    setup = Setup()
    setup.request(name_template="another")
    with pytest.raises(InstanceBusy) as raised:
        setup.request()
    assert raised.value.retry_after is None


def test_when_listing_again_fails_too_the_first_failure_is_raised() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.lost_response())
    api = make_api(setup.cloud)

    class FailingList:
        calls = 0

        def list_backups(self, **filters: Any) -> Any:
            self.calls += 1
            if self.calls > 1:
                raise CredentialsRefused("no")
            return api.list_backups(**filters)

        def __getattr__(self, method: str) -> Any:
            return getattr(api, method)

    with pytest.raises(TryLater, match="create backup: no good response") as raised:
        setup.request(api=FailingList())
    assert raised.value.may_have_taken_effect
    assert raised.value.retry_after == 2 * MINUTE


@pytest.mark.parametrize("is_time_given", [True, False])
def test_two_executions_at_once_after_the_loss_of_the_table_end_in_one_backup(is_time_given: bool) -> None:
    setup = Setup()
    results: list[CreateResult] = []

    def list_and_be_overtaken(**filters: Any) -> list[Backup]:
        listed = list(make_api(setup.cloud).list_backups(**filters))
        if not results:
            results.append(setup.request(is_time_given=is_time_given))
        return listed

    late = setup.request(api=setup.api(list_backups=list_and_be_overtaken), is_time_given=is_time_given)
    assert (results[0].outcome, late.outcome) == (Outcome.CREATED, Outcome.ADOPTED)
    assert late.backup.id == results[0].backup.id
    assert setup.names() == ["nightly"]


def test_an_instance_that_is_busy_with_another_backup_is_reported_as_busy() -> None:
    setup = Setup()
    setup.request(name_template="another")
    with pytest.raises(InstanceBusy):
        setup.request()
    assert setup.names() == ["another"]


def test_a_name_that_belongs_to_an_older_backup_is_reported_with_that_backup_and_its_date() -> None:
    setup = Setup(rules={"unique_names": True})
    [old] = setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    with pytest.raises(NameTaken, match=rf"'nightly' belongs to backup {old} of 2026-11-16 01:30:00") as raised:
        setup.request()
    assert raised.value.error_code == "DBS.201209"


def test_a_name_taken_by_the_requests_own_backup_is_adopted() -> None:
    setup = Setup(rules={"unique_names": True})
    setup.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", after_commit=True, times=1, status=409, code="DBS.201209")
    )
    assert setup.request().outcome is Outcome.ADOPTED


def test_a_name_taken_by_a_backup_that_is_not_listed_is_tried_again_since_it_may_be_our_own() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.201209", times=1))
    with pytest.raises(TryLater, match="'nightly' is taken, perhaps by this run's own backup") as raised:
        setup.request()
    assert (raised.value.error_code, raised.value.retry_after) == ("DBS.201209", 2 * MINUTE)
    assert setup.request().outcome is Outcome.CREATED


def test_an_instances_name_is_read_only_for_a_template_that_shows_it() -> None:
    setup = Setup()
    assert setup.request(instance_id=STOCK, name_template="{instance_name}").backup.name == "stock---bung-"
    assert len(setup.cloud.calls("instances")) == 1
    setup.request(instance_id=ORDERS)
    assert len(setup.cloud.calls("instances")) == 1


def test_the_name_of_an_instance_that_is_not_there_is_an_error_of_the_request() -> None:
    with pytest.raises(InvalidRequest, match="instance_id: expected an instance of the connection's project"):
        Setup().request(instance_id="f" * 32, name_template="{instance_name}")


def test_an_api_that_ignores_the_begin_time_makes_no_old_backup_stand_for_this_run() -> None:
    setup = Setup()
    setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    api = make_api(setup.cloud)

    def list_all(*, begin_time: Any, **filters: Any) -> Any:
        return api.list_backups(**filters)

    assert setup.request(api=setup.api(list_backups=list_all)).outcome is Outcome.CREATED


def test_an_api_that_ignores_the_instance_lets_no_backup_of_another_be_adopted_or_counted() -> None:
    setup = Setup(maximum_per_day=1)
    add_namesake(setup, RUN, instance_id=STOCK)
    api = make_api(setup.cloud)

    def list_all(*, instance_id: str, **filters: Any) -> Any:
        return api.list_backups(**filters)

    assert setup.request(api=setup.api(list_backups=list_all)).outcome is Outcome.CREATED


def test_an_api_that_ignores_the_id_gives_no_request_another_instances_name() -> None:
    setup = Setup()
    api = make_api(setup.cloud)
    every_instance = setup.api(list_instances=lambda **_: api.list_instances())
    result = setup.request(instance_id=STOCK, name_template="{instance_name}", api=every_instance)
    assert result.backup.name == "stock---bung-"


def test_an_error_that_leaves_nothing_open_costs_no_second_list() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.throttled("create"))
    with pytest.raises(TryLater):
        setup.request()
    assert len(setup.cloud.calls("list")) == 1


# The limit per instance and day


def request_often(setup: Setup, times: int, every: timedelta) -> None:
    setup.cloud.change_instance(ORDERS, backup_seconds=30)
    for number in range(times):
        setup.clock.now = RUN + number * every
        setup.request(setup.clock(), name_template=f"number-{number}")


def test_more_backups_of_an_instance_in_a_day_than_the_limit_are_rejected_with_the_reason() -> None:
    setup = Setup()
    expected = r"24 manual backups .* of at most 24 .*MAXIMUM_BACKUPS_PER_DAY"
    with pytest.raises(TooManyBackups, match=expected) as raised:
        request_often(setup, 50, MINUTE)
    assert isinstance(raised.value, FixRequest)
    assert len(setup.names()) == len(setup.cloud.calls("create")) == 24
    assert setup.request(setup.clock(), instance_id=STOCK).outcome is Outcome.CREATED


def test_backups_that_the_operator_made_by_hand_count_automatic_ones_and_those_of_others_do_not() -> None:
    setup = Setup(maximum_per_day=2)
    for hours, fields in ((1, {}), (2, {"type": "auto"}), (3, {"instance_id": STOCK}), (4, {"status": "FAILED"})):
        add_namesake(setup, RUN - timedelta(hours=hours), name="by-hand", **fields)
    with pytest.raises(TooManyBackups):
        setup.request()
    setup.maximum_per_day = 3
    assert setup.request().outcome is Outcome.CREATED


def test_a_request_that_has_its_backup_already_gets_it_whatever_the_limit() -> None:
    setup = Setup(maximum_per_day=1)
    first = setup.request()
    setup.clock.move(hours=1)
    assert setup.request().backup.id == first.backup.id


def test_a_backup_each_hour_stays_within_the_default_even_if_some_are_late() -> None:
    setup = Setup()
    setup.cloud.change_instance(ORDERS, backup_seconds=30)
    for hour in range(72):
        run = RUN + timedelta(hours=hour)
        setup.clock.now = run + timedelta(minutes=29 if hour % 7 == 0 else 0)
        assert setup.request(run).outcome is Outcome.CREATED


def test_a_run_of_long_ago_counts_the_backups_of_today() -> None:
    setup = Setup(maximum_per_day=1)
    add_namesake(setup, RUN - timedelta(days=5), name="of-that-day")
    run = RUN - timedelta(days=5)
    assert setup.request(run).outcome is Outcome.CREATED
    with pytest.raises(TooManyBackups):
        setup.request(run - timedelta(days=1), name_template="another")


def test_the_limit_costs_no_call_of_its_own() -> None:
    setup = Setup()
    setup.request()
    assert [len(setup.cloud.calls(operation)) for operation in ("list", "create")] == [1, 1]
