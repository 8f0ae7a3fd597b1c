"""A response is never larger than Lambda takes, whatever the size of the project: by then things may be deleted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.coverage import NextPrune, Orphans, PlannedDeletion
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.prune import PrunePlan, parse_prune
from gaussdb_backup.domain.response_size import fit
from gaussdb_backup.domain.retention import Decision
from gaussdb_backup.operations.prune import PruneResult
from tests.helpers.coverage import AUDITED_AT, make_coverage, make_instance

LAMBDA_BYTES = 6 * 1024 * 1024
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REASONS = ("within 2d", "last", "hourly", "daily", "weekly", "monthly", "yearly", "oldest yearly", "daily within 30d")


def size_of(response: Any) -> int:
    return len(json.dumps(response))


def make_decision(number: int, name: str, *, keep: bool) -> Decision:
    fields = {"instance_id": "a" * 36, "begin_time": NOW - timedelta(hours=number), "size": 512.5}
    backup = Backup.model_validate({"id": f"{number:032x}br07", "name": name, **fields})
    return Decision(backup, keep=keep, reasons=REASONS if keep else ())


@pytest.mark.parametrize("name", ["nightly-" + "x" * 56, "nightly-" + "备" * 248], ids=["a name", "a long one"])
@pytest.mark.parametrize("failed", [0, 10_000])
def test_a_prune_of_ten_thousand_backups_returns_what_lambda_takes(name: str, failed: int) -> None:
    kept = [make_decision(number, name, keep=True) for number in range(10_000)]
    deleted = [make_decision(number, name, keep=False) for number in range(10_000, 20_000)]
    prune = parse_prune({"name_prefix": "nightly-", "keep": {"daily": 7}, "dry_run": False})
    problems = {one.backup.id: ("DBS.201204", "The backup type is not allowed.") for one in deleted[:failed]}
    plan = PrunePlan([*kept, *deleted], not_found=[f"{number:032x}in07" for number in range(10_000)])
    response = PruneResult(prune, plan, deleted[failed:], failed=problems).to_json()
    assert size_of(response) < LAMBDA_BYTES
    assert response["counts"]["deleted"] + response["counts"]["failed"] == 10_000
    assert response["counts"]["kept"] == 10_000
    first = response["failed" if failed else "deleted"][0]["backup_id"]
    assert first == (plan.deletions if failed else deleted)[0].backup.id


def make_deletion(number: int) -> PlannedDeletion:
    fields = {"backup_id": f"{number:032x}br07", "backup_name": "nightly-" + "x" * 56, "instance_id": "a" * 36}
    return PlannedDeletion(**fields, begin_time=AUDITED_AT, size_mb=512.5, reason="no rule keeps it")


def test_an_audit_that_foresees_thirty_thousand_deletions_returns_what_lambda_takes() -> None:
    """They are what a project has for which rules are given for the first time."""
    deletions = tuple(make_deletion(number) for number in range(30_000))
    coverage = make_coverage(make_instance(), next_prune=NextPrune(kept=100, deleted=deletions))
    response = coverage.to_json()
    assert size_of(response) < LAMBDA_BYTES
    listed = len(response["next_prune"]["deleted"])
    assert listed > 10_000
    remark = f"next_prune.deleted has the first {listed} of 30000: a response has 6 MB at most"
    assert response["remarks"] == [remark]
    assert [one["instance_id"] for one in response["instances"]] == [make_instance().instance_id]


def test_an_audit_with_many_orphans_and_long_names_returns_what_lambda_takes() -> None:
    orphans = [
        Orphans(instance_id=f"{n:036x}", instance_name="备" * 256, backups=9, good=9, newest=AUDITED_AT, size_mb=1)
        for n in range(8_000)
    ]
    response = make_coverage(make_instance(), orphans=orphans).to_json()
    assert size_of(response) < LAMBDA_BYTES
    assert response["remarks"][0].startswith("orphans has the first ")


def test_the_worst_instances_are_in_a_response_that_has_no_room_for_all() -> None:
    instances = [make_instance(f"{number}", instance_name="备" * 256) for number in range(4_000)]
    unselected = [make_instance(f"{number}") for number in range(4_000, 4_100)]
    response = make_coverage(*instances, unselected=unselected).to_json()
    assert size_of(response) < LAMBDA_BYTES
    listed = [one["instance_id"] for one in response["instances"]]
    assert listed == [one.instance_id for one in instances][: len(listed)]
    assert response["unselected"] == []
    assert response["audited"] == 4_000


def test_a_response_that_is_small_enough_is_whole() -> None:
    response = make_coverage(make_instance(), catch_up=(make_instance().instance_id,)).to_json()
    assert (response["remarks"], len(response["catch_up"])) == ([], 1)


def test_earlier_lists_are_filled_first() -> None:
    assert fit({"a": ["x", "y"], "b": ["z", "z"]}, limit=15) == {"a": ["x", "y"], "b": ["z"]}
