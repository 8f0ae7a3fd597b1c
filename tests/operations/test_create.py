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
from gaussdb_backup.errors import CredentialsRefused, InstanceBusy, InvalidRequest, NameTaken, TryLater
from gaussdb_backup.operations.create import CreateResult, Execution, Outcome, create_backup
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, STOCK, Source, by_key, make_api, make_cloud


@dataclass
class Setup:
    """A cloud whose clock a test moves, and requests made to it by fresh clients, as after a function was killed.

    No result is saved unless the test says so: each request is executed as after the loss of the state table.
    """

    rules: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    result: dict[str, Any] | None = None
    entered: list[dict[str, str]] = field(default_factory=list)
    remaining_times: list[timedelta] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    tracked: list[Backup] = field(default_factory=list)
    reported: list[tuple[str, str]] = field(default_factory=list)
    log_fields: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cloud = make_cloud(self.clock, **self.rules)

    def request(self, run: datetime = RUN, *, api: Any = None, **fields: Any) -> CreateResult:
        data = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": run.isoformat(), **fields}
        return create_backup(
            parse_backup_request(data, default_time=run, now=self.clock()),
            api=api or make_api(self.cloud, Source(by_key())),
            idempotency=self,
            tracker=self,
            reporter=self,
            now=self.clock,
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
    assert setup.request() == first
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


@pytest.mark.parametrize(("minutes", "outcome"), [(14.9, Outcome.ADOPTED), (15.1, Outcome.CREATED)])
def test_clocks_may_differ_by_a_quarter_of_an_hour(minutes: float, outcome: Outcome) -> None:
    setup = Setup()
    setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(minutes=minutes))
    )
    assert setup.request().outcome is outcome


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
    fields = {"name_template": "nightly-{scheduled_time:%Y%m%d-%H%M}", "timezone": "Europe/Berlin"}
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


def test_a_request_ahead_of_its_time_gets_one_backup_however_often_it_is_made() -> None:
    setup = Setup()
    run = RUN + timedelta(minutes=59)
    first = setup.request(run)
    setup.clock.move(minutes=40)
    assert setup.request(run).backup.id == first.backup.id
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


def test_a_name_taken_by_a_backup_that_is_not_listed_is_reported() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.201209"))
    with pytest.raises(NameTaken, match="belongs to a backup that the API does not list"):
        setup.request()


def test_an_instances_name_is_read_only_for_a_template_that_shows_it() -> None:
    setup = Setup()
    assert setup.request(instance_id=STOCK, name_template="{instance_name}").backup.name == "stock---bung-"
    assert len(setup.cloud.calls("instances")) == 1
    setup.request(instance_id=ORDERS)
    assert len(setup.cloud.calls("instances")) == 1


def test_the_name_of_an_instance_that_is_not_there_is_an_error_of_the_request() -> None:
    with pytest.raises(InvalidRequest, match="instance_id: expected an instance of the connection's project"):
        Setup().request(instance_id="f" * 32, name_template="{instance_name}")


class Api:
    """The emulator's API with some calls of a test's own."""

    def __init__(self, inner: Any, **calls: Any) -> None:
        self._inner = inner
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return self._calls.get(name) or getattr(self._inner, name)


def test_an_api_that_ignores_the_begin_time_makes_no_old_backup_stand_for_this_run() -> None:
    setup = Setup()
    setup.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    api = make_api(setup.cloud)

    def list_all(*, begin_time: Any, **filters: Any) -> Any:
        return api.list_backups(**filters)

    assert setup.request(api=Api(api, list_backups=list_all)).outcome is Outcome.CREATED


def test_an_api_that_ignores_the_id_gives_no_request_another_instances_name() -> None:
    setup = Setup()
    api = make_api(setup.cloud)
    every_instance = Api(api, list_instances=lambda **_: api.list_instances())
    result = setup.request(instance_id=STOCK, name_template="{instance_name}", api=every_instance)
    assert result.backup.name == "stock---bung-"


def test_an_error_that_leaves_nothing_open_costs_no_second_list() -> None:
    setup = Setup()
    setup.cloud.add_fault(gaussdb_emulator.throttled("create"))
    with pytest.raises(TryLater):
        setup.request()
    assert len(setup.cloud.calls("list")) == 1
