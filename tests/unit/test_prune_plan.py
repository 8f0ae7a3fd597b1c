"""The plan of a prune: whatever the policy and the lists are, some backups are never deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.drill import DRILL_TAG, SOURCE_TAG
from gaussdb_backup.domain.models import Backup, Instance
from gaussdb_backup.domain.prune import PrunePlan, parse_prune, plan_prune

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
IDS = [f"{number:032x}in07" for number in range(1, 6)]
INSTANCES = st.sets(st.sampled_from(IDS), min_size=1)
COUNTS = st.dictionaries(st.sampled_from(["last", "daily", "weekly", "yearly"]), st.integers(1, 3), min_size=1)
DURATIONS = st.dictionaries(
    st.sampled_from(["within", "within_daily"]), st.sampled_from(["1h", "3d", "1m"]), min_size=1
)
BACKUPS = st.lists(
    st.tuples(
        st.sampled_from([*IDS, ""]),
        st.sampled_from(["nightly-1", "nightly-2", "Nightly-3", "before-upgrade", ""]),
        st.floats(-100, 9_000),
        st.sampled_from(["COMPLETED", "AVAILABLE", "FAILED", "BUILDING", "HALTED"]),
        st.sampled_from(["manual", None, "auto"]),
    ),
    max_size=30,
)


def make_backups(rows: list[tuple[Any, ...]]) -> list[Backup]:
    return [
        Backup.model_validate(
            {
                "id": f"b{number}", "instance_id": instance_id, "name": name, "status": status, "type": type_,
                "begin_time": NOW - timedelta(hours=hours),
            }
        )
        for number, (instance_id, name, hours, status, type_) in enumerate(rows)
    ]  # fmt: skip


def plan(
    rows: list[tuple[Any, ...]], listed: set[str], event: dict[str, Any], drill_of: str | None = None
) -> tuple[PrunePlan, set[str]]:
    """The plan, and the ids of the backups that it deletes."""
    prune = parse_prune({"name_prefix": "nightly-", "keep": {"last": 1}, **event})
    instances = [Instance(id=id_, name=f"db-{id_[31]}") for id_ in sorted(listed)]
    if drill_of:
        instances.append(Instance(id="f" * 32, tags={DRILL_TAG: "drill-1", SOURCE_TAG: drill_of}))
    made = plan_prune(
        prune, select=prune.select, zone=prune.zone, instances=instances, backups=make_backups(rows), now=NOW
    )
    return made, {decision.backup.id for decision in made.deletions}


@given(BACKUPS, INSTANCES, COUNTS | DURATIONS, st.booleans(), st.none() | st.sampled_from(IDS))
def test_only_ended_manual_backups_with_the_prefix_of_no_drills_source_are_deleted(
    rows: list[tuple[Any, ...]], listed: set[str], keep: dict[str, Any], orphans: bool, drill_of: str | None
) -> None:
    event = {"keep": keep, "include_orphans": orphans}
    _, deleted = plan(rows, listed, event, drill_of)
    for backup in make_backups(rows):
        if backup.id in deleted:
            assert backup.name.startswith("nightly-")
            assert backup.status.is_final
            assert backup.type != "auto"
            assert backup.instance_id not in ("", drill_of)
            assert orphans or backup.instance_id in listed


@given(BACKUPS, INSTANCES, COUNTS | DURATIONS, st.sets(st.sampled_from(IDS)), st.booleans())
def test_backups_of_instances_that_are_not_selected_are_in_no_decision(
    rows: list[tuple[Any, ...]], listed: set[str], keep: dict[str, Any], selected: set[str], orphans: bool
) -> None:
    event = {"keep": keep, "include_orphans": orphans, "select": {"instance_ids": sorted(selected)}}
    made, _ = plan(rows, listed, event)
    assert {decision.backup.instance_id for decision in made.decisions} <= selected & (set(IDS) if orphans else listed)


@given(BACKUPS, INSTANCES, COUNTS | DURATIONS, st.booleans())
def test_the_newest_good_one_of_each_instance_that_is_or_was_stays(
    rows: list[tuple[Any, ...]], listed: set[str], keep: dict[str, Any], orphans: bool
) -> None:
    _, deleted = plan(rows, listed, {"keep": keep, "include_orphans": orphans})
    for instance_id in IDS:
        good = [
            backup
            for backup in make_backups(rows)
            if backup.instance_id == instance_id and backup.status.is_good and backup.name.startswith("nightly-")
            if backup.type != "auto" and backup.begin_time and backup.begin_time <= NOW
        ]
        newest = max(good, key=lambda backup: backup.begin_time or NOW, default=None)
        assert newest is None or newest.id not in deleted


def test_backups_of_the_instance_that_a_drill_made_are_in_no_decision() -> None:
    """The drill deletes the instance; what somebody backed up of it is an orphan then."""
    of_drill = [("f" * 32, "nightly-1", hours, "COMPLETED", "manual") for hours in (1, 2, 3)]
    made, deleted = plan(of_drill, {IDS[0]}, {"include_orphans": True}, drill_of=IDS[1])
    assert (list(made.decisions), deleted) == ([], set())


@given(BACKUPS, INSTANCES, COUNTS | DURATIONS, st.integers(1, 5))
def test_more_deletions_than_are_allowed_are_refused_and_no_fewer(
    rows: list[tuple[Any, ...]], listed: set[str], keep: dict[str, Any], maximum: int
) -> None:
    made, deleted = plan(rows, listed, {"keep": keep, "max_deletions": maximum})
    assert (made.refused is not None) == (len(deleted) > maximum)


@given(BACKUPS, COUNTS | DURATIONS, st.booleans())
def test_a_project_that_lists_no_instance_is_refused_if_it_has_a_backup(
    rows: list[tuple[Any, ...]], keep: dict[str, Any], orphans: bool
) -> None:
    made, _ = plan(rows, set(), {"keep": keep, "include_orphans": orphans})
    assert (made.refused is not None) == bool(rows)
