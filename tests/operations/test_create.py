"""One request, one backup: against the emulator in process."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.errors import CredentialsRefused, InstanceBusy, InvalidRequest, NameTaken, TryLater
from gaussdb_backup.operations.create import CreateResult, Outcome, create_backup, name_backup
from local import gaussdb_emulator
from tests.support import ORDERS, RUN, STOCK, Clock, Source, by_key, make_api, make_cloud


class World:
    """A cloud whose clock a test moves, and requests made to it by fresh clients, as after a function was killed."""

    def __init__(self, **rules: Any) -> None:
        self.clock = Clock()
        self.cloud = make_cloud(self.clock, **rules)

    def ask(self, run: datetime = RUN, **fields: Any) -> CreateResult:
        data = {"instance_id": ORDERS, "name_template": "nightly", "scheduled_time": run.isoformat(), **fields}
        request = parse_backup_request(data, default_time=run, now=self.clock())
        api = make_api(self.cloud, Source(by_key()))
        return create_backup(request, name_backup(request, api=api), api=api, now=self.clock())

    def names(self, instance_id: str = ORDERS) -> list[str]:
        return [backup.name for backup in self.cloud.backups(instance_id)]


def test_a_request_gets_a_new_backup_with_its_name_and_description() -> None:
    world = World()
    result = world.ask(description="Nightly backup", name_template="{schedule}-{instance_id:.4}", schedule="nightly")
    [backup] = world.cloud.backups(ORDERS)
    assert (result.outcome, result.backup.id) == (Outcome.CREATED, backup.id)
    assert (backup.name, backup.description) == ("nightly-0000", "Nightly backup")


def test_the_same_request_again_adopts_its_backup_even_after_it_ended() -> None:
    world = World()
    first = world.ask()
    world.clock.move(hours=2)
    again = world.ask()
    assert (again.outcome, again.backup.id) == (Outcome.ADOPTED, first.backup.id)
    assert world.names() == ["nightly"]


def test_a_backup_that_failed_is_still_the_requests_backup() -> None:
    world = World()
    world.cloud.change_instance(ORDERS, backup_ends="FAILED")
    first = world.ask()
    world.clock.move(hours=1)
    again = world.ask()
    assert (again.outcome, again.backup.id, again.backup.status) == (Outcome.ADOPTED, first.backup.id, "FAILED")


def test_last_weeks_backup_of_the_same_name_is_never_adopted() -> None:
    world = World()
    world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    assert world.ask().outcome is Outcome.CREATED
    assert world.names() == ["nightly", "nightly"]


@pytest.mark.parametrize(("minutes", "outcome"), [(14.9, Outcome.ADOPTED), (15.1, Outcome.CREATED)])
def test_clocks_may_differ_by_a_quarter_of_an_hour(minutes: float, outcome: Outcome) -> None:
    world = World()
    world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(minutes=minutes))
    )
    assert world.ask().outcome is outcome


def test_another_instances_or_an_automatic_backup_of_the_same_name_is_not_adopted() -> None:
    world = World()
    begun = RUN - timedelta(minutes=10)
    world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=STOCK, name="nightly", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", type="auto", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="Nightly", begin_time=begun),
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly2", begin_time=begun),
    )
    assert world.ask().outcome is Outcome.CREATED


def test_two_runs_that_read_alike_when_daylight_saving_ends_get_a_backup_each() -> None:
    world = World()
    berlin = ZoneInfo("Europe/Berlin")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=0).astimezone(UTC)
    winter = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1).astimezone(UTC)
    assert winter - summer == timedelta(hours=1)
    fields = {"name_template": "nightly-{scheduled_time:%Y%m%d-%H%M}", "timezone": "Europe/Berlin"}
    results = []
    for run in (summer, winter):
        world.clock.now = run
        results.append(world.ask(run, **fields))
    assert {result.backup.name for result in results} == {"nightly-20261025-0230"}
    assert [result.outcome for result in results] == [Outcome.CREATED, Outcome.CREATED]
    world.clock.move(minutes=30)
    again = [world.ask(run, **fields) for run in (summer, winter)]
    assert [result.backup.id for result in again] == [result.backup.id for result in results]


def test_runs_of_a_template_without_a_time_get_a_backup_each_and_the_same_run_one() -> None:
    world = World()
    first = world.ask(RUN)
    world.clock.move(days=1)
    second = world.ask(RUN + timedelta(days=1))
    assert world.ask(RUN).backup.id == first.backup.id
    assert world.ask(RUN + timedelta(days=1)).backup.id == second.backup.id
    assert world.names() == ["nightly", "nightly"]


def test_a_request_ahead_of_its_time_gets_one_backup_however_often_it_is_asked() -> None:
    world = World()
    run = RUN + timedelta(minutes=59)
    first = world.ask(run)
    world.clock.move(minutes=40)
    assert world.ask(run).backup.id == first.backup.id
    assert world.names() == ["nightly"]


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
def test_an_answer_lost_after_the_api_did_the_work_ends_in_one_adopted_backup(fault: dict[str, Any]) -> None:
    world = World()
    world.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=1, **{"after_commit": True, **fault}))
    result = world.ask()
    assert (result.outcome, result.backup.name) == (Outcome.ADOPTED, "nightly")
    assert world.names() == ["nightly"]
    assert world.ask().backup.id == result.backup.id


@pytest.mark.parametrize("fault", [fault for name, fault in AMBIGUOUS.items() if name != "no backup.id"])
def test_an_answer_lost_before_the_api_did_the_work_is_told_and_the_next_try_creates(fault: dict[str, Any]) -> None:
    world = World()
    world.cloud.add_fault(gaussdb_emulator.Fault(operation="create", times=1, **fault))
    with pytest.raises(TryLater):
        world.ask()
    assert world.names() == []
    assert world.ask().outcome is Outcome.CREATED
    assert world.names() == ["nightly"]


def test_a_backup_that_the_list_does_not_show_yet_is_not_made_twice() -> None:
    world = World()
    world.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", effect=gaussdb_emulator.Effect.LAG, seconds=30, times=1)
    )
    world.cloud.add_fault(gaussdb_emulator.lost_answer())
    with pytest.raises(TryLater) as raised:
        world.ask()
    assert raised.value.may_have_taken_effect
    world.clock.move(seconds=31)
    assert world.ask().outcome is Outcome.ADOPTED
    assert world.names() == ["nightly"]


def test_when_looking_again_fails_too_the_first_failure_is_told() -> None:
    world = World()
    world.cloud.add_fault(gaussdb_emulator.lost_answer())
    api = make_api(world.cloud)
    request = parse_backup_request({"instance_id": ORDERS}, default_time=RUN, now=RUN)
    name = name_backup(request, api=api)

    class FailingList:
        calls = 0

        def list_backups(self, **filters: Any) -> Any:
            self.calls += 1
            if self.calls > 1:
                raise CredentialsRefused("no")
            return api.list_backups(**filters)

        def __getattr__(self, method: str) -> Any:
            return getattr(api, method)

    with pytest.raises(TryLater, match="create backup: no good answer") as raised:
        create_backup(request, name, api=FailingList(), now=RUN)
    assert raised.value.may_have_taken_effect


def test_an_instance_that_is_busy_with_another_backup_is_told_as_busy() -> None:
    world = World()
    world.ask(name_template="another")
    with pytest.raises(InstanceBusy):
        world.ask()
    assert world.names() == ["another"]


def test_a_name_that_belongs_to_an_older_backup_is_told_with_that_backup_and_its_date() -> None:
    world = World(unique_names=True)
    [old] = world.cloud.add_backups(
        gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN - timedelta(days=7))
    )
    with pytest.raises(NameTaken, match=rf"'nightly' belongs to backup {old} of 2026-11-16 01:30:00") as raised:
        world.ask()
    assert raised.value.error_code == "DBS.201209"


def test_a_name_taken_by_the_requests_own_backup_is_adopted() -> None:
    world = World(unique_names=True)
    world.cloud.add_fault(
        gaussdb_emulator.Fault(operation="create", after_commit=True, times=1, status=409, code="DBS.201209")
    )
    assert world.ask().outcome is Outcome.ADOPTED


def test_a_name_taken_by_a_backup_that_is_not_listed_is_told() -> None:
    world = World()
    world.cloud.add_fault(gaussdb_emulator.Fault(operation="create", status=409, code="DBS.201209"))
    with pytest.raises(NameTaken, match="belongs to a backup that the API does not list"):
        world.ask()


def test_an_instances_name_is_looked_up_only_for_a_template_that_shows_it() -> None:
    world = World()
    assert world.ask(instance_id=STOCK, name_template="{instance_name}").backup.name == "stock---bung-"
    assert len(world.cloud.calls("instances")) == 1
    world.ask(instance_id=ORDERS)
    assert len(world.cloud.calls("instances")) == 1


def test_the_name_of_an_instance_that_is_not_there_is_an_error_of_the_request() -> None:
    with pytest.raises(InvalidRequest, match="instance_id: expected an instance of the connection's project"):
        World().ask(instance_id="f" * 32, name_template="{instance_name}")
