"""Thirty days of one project: a plan each night, an audit each morning, a prune at noon, and what goes wrong meanwhile.

The zone is Berlin's, where daylight saving ends on 25 October.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gaussdb_backup.domain.coverage import Coverage
from gaussdb_backup.domain.digest import make_digest
from local.gaussdb_emulator import Instance
from tests.helpers.scenario import Scenario, start_scenario

pytestmark = pytest.mark.slow
BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 10, 10, tzinfo=BERLIN)
DAYS = 30
STEADY, FAILING, DELETED, NEW, UNPLANNED = (f"{number:032x}in07" for number in range(0xE0, 0xE5))
FAILS, IS_DELETED, IS_CREATED, SKIPPED = range(8, 15), 10, 12, 20
"""Days on which backups of FAILING fail, DELETED is deleted and NEW created after the night, and no plan is sent."""
SHOWN = 17
"""The day on which the marks of the days are compared: two nights after the one in which two o'clock is twice."""
TEMPLATE = "{schedule}-{instance_name}-{scheduled_time:%Y%m%d-%H%M}"
SHARED = {"schedule": "nightly", "name_template": TEMPLATE, "timezone": "Europe/Berlin"}
KEEP = {"last": 3, "daily": 7, "weekly": 2}


@dataclass
class Diary:
    """What the audits and prunes of each day returned."""

    audits: list[dict[str, Any]] = field(default_factory=list)
    prunes: list[dict[str, Any]] = field(default_factory=list)
    listed_at_the_end: list[tuple[str, datetime, str]] = field(default_factory=list)
    listed_days: set[date] = field(default_factory=set)
    left: dict[str, list[str]] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=dict)

    def states(self, instance_id: str) -> list[str | None]:
        """The state of an instance on each day; `None` where it is no row."""
        by_day = [{one["instance_id"]: one["state"] for one in audit["instances"]} for audit in self.audits]
        return [day.get(instance_id) for day in by_day]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A local time of a day."""
    return datetime.combine(FIRST.date() + timedelta(days=day), time(hour, minute), BERLIN).astimezone(UTC)


def live_one_day(scenario: Scenario, day: int, diary: Diary) -> None:
    scenario.move_to(at(day, 3, 30))
    scenario.cloud.change_instance(FAILING, backup_ends="FAILED" if day in FAILS else "COMPLETED")
    if day != SKIPPED:
        plan = {**SHARED, "select": {"tags": {"env": "prod"}}, "scheduled_time": scenario.clock().isoformat()}
        scenario.plans.send(json.dumps(plan))
        scenario.run(hours=3)
    scenario.move_to(at(day, 7))
    if day == IS_DELETED:
        scenario.cloud.remove_instance(DELETED)
    if day == IS_CREATED:
        scenario.cloud.add_instances(
            Instance(id=NEW, name="new", tags={"env": "prod"}, created=scenario.clock() - timedelta(hours=2))
        )
    scenario.move_to(at(day, 8))
    if day == SHOWN:
        diary.listed_days = {each.begin_at.astimezone(BERLIN).date() for each in scenario.cloud.backups(STEADY)}
    audit = {**SHARED, "catch_up": True, "scheduled_time": scenario.clock().isoformat()}
    for _ in range(2):  # asking twice gives one
        response = scenario.function("audit_backups")(audit)
    diary.audits.append(response)
    scenario.run(hours=3)
    for backup in scenario.cloud.backups():
        names = diary.made.setdefault(backup.instance_id, [])
        if backup.name not in names:
            names.append(backup.name)
    scenario.move_to(at(day, 12))
    if day == DAYS - 1:
        diary.listed_at_the_end = [
            (backup.instance_id, backup.begin_at, backup.name)
            for backup in scenario.cloud.backups()
            if backup.end_status == "COMPLETED"
        ]
    prune = {**SHARED, "keep": KEEP, "name_prefix": "nightly-", "dry_run": False}
    del prune["name_template"]
    diary.prunes.append(scenario.function("prune_backups")(prune))


@pytest.fixture(scope="module")
def diary() -> Iterator[Diary]:
    """The days are lived once, for all tests of this module."""
    with start_scenario() as scenario:
        for instance in scenario.cloud.instances():
            scenario.cloud.remove_instance(instance.id)
        for id_, name in ((STEADY, "steady"), (FAILING, "failing"), (DELETED, "deleted")):
            scenario.cloud.add_instances(Instance(id=id_, name=name, tags={"env": "prod"}))
        scenario.cloud.add_instances(Instance(id=UNPLANNED, name="unplanned", tags={"env": "dev"}))
        diary = Diary()
        for day in range(DAYS):
            live_one_day(scenario, day, diary)
        scenario.clock.move(hours=1)
        for backup in scenario.cloud.backups():
            diary.left.setdefault(backup.instance_id, []).append(backup.name)
        yield diary


def test_an_instance_of_the_plan_is_covered_each_day_but_the_one_without_a_run(diary: Diary) -> None:
    assert diary.states(STEADY) == ["late" if day == SKIPPED else "ok" for day in range(DAYS)]


def test_a_week_of_failures_is_seen_on_each_of_its_days_and_ends_with_a_good_backup(diary: Diary) -> None:
    expected = ["failing" if day in FAILS else "late" if day == SKIPPED else "ok" for day in range(DAYS)]
    assert diary.states(FAILING) == expected
    counts = [
        next(one["attempts_failed"] for one in diary.audits[day]["instances"] if one["instance_id"] == FAILING)
        for day in FAILS
    ]
    assert counts == [1, 3, 5, 7, 9, 11, 13]  # each night one, and one to catch up


def test_a_deleted_instance_becomes_an_orphan_on_the_day_of_its_deletion(diary: Diary) -> None:
    assert diary.states(DELETED) == ["ok"] * IS_DELETED + [None] * (DAYS - IS_DELETED)
    orphans = [[one["instance_id"] for one in audit["orphans"]] for audit in diary.audits]
    assert orphans == [[]] * IS_DELETED + [[DELETED]] * (DAYS - IS_DELETED)


def test_a_new_instance_is_new_until_its_first_backup(diary: Diary) -> None:
    later = ["late" if day == SKIPPED else "ok" for day in range(IS_CREATED + 1, DAYS)]
    assert diary.states(NEW) == [None] * IS_CREATED + ["new"] + later


def test_an_instance_that_no_plan_selects_is_found_and_caught_up_whenever_its_last_is_too_old(diary: Diary) -> None:
    assert diary.states(UNPLANNED) == ["never", "ok"] + ["late", "ok"] * (DAYS // 2 - 1)
    assert len(diary.made[UNPLANNED]) == DAYS // 2


def test_each_gap_is_caught_up_by_exactly_one_backup(diary: Diary) -> None:
    """The morning after the night without a run, by which each instance of the plan is late."""
    assert set(diary.audits[SKIPPED]["catch_up"]) >= {STEADY, FAILING, NEW}
    caught_up = [name for name in diary.made[STEADY] if name.endswith("-0800")]
    assert caught_up == ["nightly-steady-20261030-0800"]
    assert len(diary.made[STEADY]) == DAYS
    assert len([name for name in diary.made[FAILING] if name.endswith("-0800")]) == len(FAILS) + 1


def test_each_day_has_its_own_mark_across_the_end_of_daylight_saving(diary: Diary) -> None:
    steady = next(one for one in diary.audits[SHOWN]["instances"] if one["instance_id"] == STEADY)
    days = [FIRST.date() + timedelta(days=SHOWN - back) for back in reversed(range(30))]
    assert steady["days"] == "".join("g" if day in diary.listed_days else "n" for day in days)
    assert {date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26)} <= diary.listed_days


def test_bad_news_are_in_the_digest_of_each_day_that_has_some(diary: Diary) -> None:
    outcomes = [make_digest(Coverage.model_validate(audit))["outcome"] for audit in diary.audits]
    bad = {0, SKIPPED, *FAILS, *range(2, DAYS, 2)}
    assert [day for day, outcome in enumerate(outcomes) if outcome == "uncovered"] == sorted(bad)


def keep_by_restics_rules(times: list[datetime]) -> set[datetime]:
    """What the rules of KEEP keep, counted here in another way: from the set of the periods."""
    local = {when: when.astimezone(BERLIN) for when in times}
    kept = set(sorted(times)[-KEEP["last"] :])
    for rule, period in (("daily", "%Y-%m-%d"), ("weekly", "%G-%V")):
        newest: dict[str, datetime] = {}
        for when in sorted(times):
            newest[local[when].strftime(period)] = when
        periods = sorted(newest)
        kept |= {newest[name] for name in periods[-KEEP[rule] :]}
        if len(periods) < KEEP[rule]:
            kept.add(min(times))
    return kept


@pytest.mark.parametrize("instance_id", [STEADY, FAILING, NEW, UNPLANNED])
def test_the_backups_that_are_left_are_those_that_restics_rules_keep(diary: Diary, instance_id: str) -> None:
    of_instance = {when: name for id_, when, name in diary.listed_at_the_end if id_ == instance_id}
    kept = keep_by_restics_rules(list(of_instance))
    left = [name for name in diary.left[instance_id] if name in of_instance.values()]
    assert sorted(left) == sorted(of_instance[when] for when in kept)


def test_backups_of_the_deleted_instance_are_left_alone(diary: Diary) -> None:
    before = [one["backup_name"] for prune in diary.prunes[:IS_DELETED] for one in prune["deleted"]]
    assert sorted(diary.left[DELETED]) == sorted(set(diary.made[DELETED]) - set(before))


def test_failed_backups_are_gone_a_week_later(diary: Diary) -> None:
    failed = [one for prune in diary.prunes for one in prune["deleted"] if one["reasons"] == ["failed"]]
    assert len(failed) == 2 * len(FAILS)
    assert {one["instance_id"] for one in failed} == {FAILING}


def test_no_prune_failed_or_was_refused(diary: Diary) -> None:
    assert {(prune["counts"]["failed"], prune["counts"]["deferred"], prune["refused"]) for prune in diary.prunes} == {
        (0, 0, None)
    }
