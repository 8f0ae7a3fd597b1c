"""A prune that is killed at any point of its run, and run again, deletes exactly what its plan named."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.prune import Prune, parse_prune
from gaussdb_backup.operations.prune import prune_backups
from local.gaussdb_emulator import Cloud, PastBackup
from tests.helpers.clock import RUN, Clock
from tests.helpers.crash import Crash
from tests.helpers.gaussdb import BILLING, KEY, ORDERS, STOCK, Source, by_key, make_api, make_cloud

PER_INSTANCE = 60
PRUNE = {"name_prefix": "nightly-", "keep": {"daily": 5, "weekly": 3, "monthly": 2}, "dry_run": False}


@dataclass
class KilledApi:
    """The client of the API, with which the process ends before or after the n-th call that it makes."""

    inner: Any
    ends_at: int
    is_before: bool
    calls: list[str] = field(default_factory=list)

    def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        self.calls.append(name)
        is_last = len(self.calls) == self.ends_at
        if is_last and self.is_before:
            raise Crash
        result = getattr(self.inner, name)(*arguments, **options)
        result = result if name == "delete_backups" else list(result)
        if is_last:
            raise Crash
        return result

    def list_instances(self, *, whole: bool) -> Any:
        return self._call("list_instances", whole=whole)

    def list_backups(self, **options: Any) -> Any:
        return self._call("list_backups", **options)

    def delete_backups(self, backup_ids: Sequence[str]) -> Any:
        return self._call("delete_backups", backup_ids)


@dataclass
class KilledReporter:
    """A reporter with which the process ends at the n-th report; it never does with 0."""

    ends_at: int = 0
    reports: int = 0
    pruned_ids: list[str] = field(default_factory=list)
    requested_ids: set[str] = field(default_factory=set)

    def _report(self) -> None:
        self.reports += 1
        if self.reports == self.ends_at:
            raise Crash

    def add(self, **log_fields: object) -> None: ...

    def instances_not_found(self, instance_ids: Any) -> None: ...

    def deletion_requested(self, backup_ids: Sequence[str]) -> None:
        self.requested_ids.update(backup_ids)
        self._report()

    def pruned(self, decision: Any) -> None:
        self.pruned_ids.append(decision.backup.id)
        self._report()

    def deletion_deferred(self, backup: Any, *, error_code: str, error_message: str) -> None:
        self._report()

    def deletion_failed(self, backup: Any, *, error_code: str, error_message: str) -> None:
        self._report()

    def deletions_stopped(self, error: Exception) -> None:
        self._report()

    def prune_finished(self, summary: Any, *, dry_run: bool) -> None:
        self._report()

    def not_delivered(self, what: str, *, cause: str) -> None:
        self._report()


class Events:
    def publish_prune(self, detail: Any) -> str | None:
        return None


def make_project() -> tuple[Cloud, Clock]:
    clock = Clock(RUN)
    cloud = make_cloud(clock)
    for number, instance_id in enumerate((ORDERS, STOCK, BILLING)):
        for hours in range(PER_INSTANCE):
            begin = RUN - timedelta(hours=9 * hours + number, minutes=1)
            status = "FAILED" if hours % 10 == 7 else "COMPLETED"
            name = f"nightly-{hours}" if hours % 13 else f"by-hand-{hours}"
            past = PastBackup(
                id=f"{number}-{hours}", instance_id=instance_id, name=name, begin_time=begin, status=status
            )
            cloud.add_backups(past)
    return cloud, clock


def run(cloud: Cloud, clock: Clock, *, api: Any = None, reporter: Any = None, prune: Prune | None = None) -> Any:
    return prune_backups(
        prune or parse_prune(PRUNE),
        api=api or make_api(cloud),
        event_bus=Events(),
        reporter=reporter or KilledReporter(),
        now=clock,
    )


def existing(cloud: Cloud, clock: Clock) -> set[str]:
    """The ids of the backups that the cloud has once it has deleted what it was asked to."""
    clock.move(minutes=10)
    return {backup.id for backup in cloud.backups()}


def planned() -> tuple[set[str], set[str]]:
    """All ids, and those that the plan names."""
    cloud, clock = make_project()
    result = run(cloud, clock, prune=parse_prune({**PRUNE, "dry_run": True}))
    return {backup.id for backup in cloud.backups()}, {decision.backup.id for decision in result.deleted}


def test_the_plan_of_these_tests_takes_several_calls() -> None:
    everything, named = planned()
    assert 100 < len(named) < len(everything) - 20


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 6))
def test_killed_at_a_call_and_run_again_it_deletes_what_the_plan_named(call: int, is_before: bool) -> None:
    everything, named = planned()
    cloud, clock = make_project()
    api = KilledApi(make_api(cloud), call, is_before)
    with pytest.raises(Crash):
        run(cloud, clock, api=api)
    assert api.calls == ["list_instances", "list_backups", "delete_backups", "delete_backups", "delete_backups"][:call]
    between = existing(cloud, clock)
    assert everything - named <= between
    run(cloud, clock)
    assert existing(cloud, clock) == everything - named


@pytest.mark.parametrize("report", [1, 2, 49, 50, 51, 99, 100, 101])
def test_killed_at_a_report_and_run_again_it_deletes_what_the_plan_named(report: int) -> None:
    everything, named = planned()
    cloud, clock = make_project()
    with pytest.raises(Crash):
        run(cloud, clock, reporter=KilledReporter(ends_at=report))
    run(cloud, clock)
    assert existing(cloud, clock) == everything - named


@pytest.mark.parametrize("call", [3, 4, 5])
def test_killed_right_after_a_deletion_each_backup_that_is_gone_was_named_before(call: int) -> None:
    everything, _ = planned()
    cloud, clock = make_project()
    reporter = KilledReporter()
    with pytest.raises(Crash):
        run(cloud, clock, api=KilledApi(make_api(cloud), call, is_before=False), reporter=reporter)
    assert everything - existing(cloud, clock) == reporter.requested_ids


def test_run_again_at_once_it_finds_what_is_being_deleted_and_fails_for_none() -> None:
    everything, named = planned()
    cloud, clock = make_project()
    with pytest.raises(Crash):
        run(cloud, clock, api=KilledApi(make_api(cloud), 4, is_before=False))
    again = run(cloud, clock)
    assert (len(again.deferred), dict(again.failed)) == (100, {})
    assert {decision.backup.id for decision in again.deleted} | set(again.deferred) == named
    assert existing(cloud, clock) == everything - named


def test_two_prunes_at_the_same_time_delete_what_one_would() -> None:
    """Each reads the lists before the other deletes."""
    everything, named = planned()
    cloud, clock = make_project()
    second = {"ran": False}

    class Interleaved:
        inner = make_api(cloud)

        def list_instances(self, *, whole: bool) -> Any:
            return self.inner.list_instances(whole=whole)

        def list_backups(self, **options: Any) -> Any:
            listed = list(self.inner.list_backups(**options))
            if not second["ran"]:
                second["ran"] = True
                run(cloud, clock)
            return listed

        def delete_backups(self, backup_ids: Sequence[str]) -> Any:
            return self.inner.delete_backups(backup_ids)

    result = run(cloud, clock, api=Interleaved())
    assert dict(result.failed) == {}
    assert existing(cloud, clock) == everything - named


def test_after_a_prune_another_one_has_nothing_to_do() -> None:
    cloud, clock = make_project()
    run(cloud, clock)
    clock.move(minutes=10)
    api = KilledApi(make_api(cloud), 0, is_before=True)
    assert run(cloud, clock, api=api).deleted == []
    assert "delete_backups" not in api.calls


def test_a_secret_that_is_rotated_between_the_lists_and_the_deletions_costs_nothing() -> None:
    everything, named = planned()
    cloud, clock = make_project()
    source = Source(by_key())

    class Rotated(KilledApi):
        def list_backups(self, **options: Any) -> Any:
            listed = super().list_backups(**options)
            cloud.rotate_key(KEY.access_key, "another-secret-key")
            source.stored = by_key(secret_key="another-secret-key")
            return listed

    result = run(cloud, clock, api=Rotated(make_api(cloud, source), 0, is_before=True))
    assert (len(result.deleted), dict(result.failed)) == (len(named), {})
    assert existing(cloud, clock) == everything - named
