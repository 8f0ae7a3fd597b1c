"""The demo trusts the cloud's own list, not the functions: each false report is found."""

from dataclasses import replace
from typing import Any

import pytest

from local.demo.verify import (
    Pruned,
    ReportedRequest,
    StoredBackup,
    find_differences,
    find_prune_differences,
    find_state_differences,
)

CREATED = ReportedRequest("a message", "a1in07", "created", "created", "b1", "nightly", "COMPLETED", "COMPLETED")
AGAIN = replace(CREATED, title="the same again", expected="adopted", outcome="adopted")
REJECTED = ReportedRequest("a wrong message", "stock-01", "rejected", "rejected")
REPORTED = (CREATED, AGAIN, REJECTED)
DEFERRED = ReportedRequest("a busy message", "c3in07", "deferred", "deferred", from_queue=True)
STORED = StoredBackup("b1", "a1in07", "nightly", "COMPLETED")
EVENT = ("b1", "COMPLETED")


def test_reports_that_agree_with_the_cloud_have_no_differences() -> None:
    assert find_differences(REPORTED, [STORED], [EVENT]) == []


def test_an_event_that_is_published_twice_is_no_difference() -> None:
    assert find_differences(REPORTED, [STORED], [EVENT, EVENT]) == []


def test_a_reported_backup_that_the_cloud_does_not_have_is_found() -> None:
    differences = find_differences([CREATED], [], [EVENT])
    assert differences == ["a message: the function reported 'created', but the cloud has no backup b1"]


def test_a_backup_that_was_not_reported_is_found() -> None:
    unreported = replace(STORED, backup_id="b2", name="other")
    assert find_differences(REPORTED, [STORED, unreported], [EVENT]) == [
        "the cloud has 'other', which was not reported"
    ]


def test_two_backups_of_one_name_are_found_even_if_both_were_reported() -> None:
    second = replace(CREATED, title="another message", backup_id="b2")
    stored = [STORED, replace(STORED, backup_id="b2")]
    events = [EVENT, ("b2", "COMPLETED")]
    assert find_differences([CREATED, second], stored, events) == ["2 backups called 'nightly' of a1in07"]


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [("created", "adopted"), ("adopted", "created"), ("deferred", "created"), ("rejected", "deferred")],
)
def test_an_outcome_other_than_the_expected_one_is_found(expected: str, outcome: str) -> None:
    one = replace(CREATED, expected=expected, outcome=outcome)
    assert find_differences([one], [STORED], [EVENT]) == [
        f"a message: expected '{expected}', the function reported '{outcome}'"
    ]


def test_a_request_that_was_deferred_but_made_a_backup_is_found() -> None:
    one = ReportedRequest("a busy one", "a1in07", "deferred", "deferred")
    assert find_differences([one], [STORED]) == ["the cloud has 'nightly', which was not reported"]


@pytest.mark.parametrize("wrong", [{"instance_id": "c3in07"}, {"name": "other"}], ids=["instance", "name"])
def test_a_backup_of_another_instance_or_name_is_found(wrong: dict[str, str]) -> None:
    [difference] = find_differences([CREATED], [replace(STORED, **wrong)], [EVENT])
    assert difference.endswith("as b1")


@pytest.mark.parametrize("status", ["FAILED", "BUILDING"])
def test_a_final_status_that_differs_from_the_clouds_is_found(status: str) -> None:
    differences = find_differences([CREATED], [replace(STORED, status=status)], [EVENT])
    assert differences == [f"a message: reported was COMPLETED, but the cloud's status is {status}"]


def test_an_overdue_backup_may_still_be_building() -> None:
    one = replace(CREATED, expected_status="OVERDUE", status="OVERDUE")
    assert find_differences([one], [replace(STORED, status="BUILDING")], [("b1", "OVERDUE")]) == []


def test_a_backup_whose_final_status_was_never_reported_is_found() -> None:
    assert find_differences([replace(CREATED, status=None)], [STORED]) == [
        "a message: expected the final status COMPLETED, reported was None"
    ]


def test_a_final_status_without_an_event_is_found() -> None:
    assert find_differences(REPORTED, [STORED], []) == ["no event on the bus for backup b1 COMPLETED"]


def test_a_message_that_waits_in_its_queue_is_no_difference() -> None:
    assert find_differences([DEFERRED, replace(CREATED, from_queue=True)], [STORED], [EVENT], waiting=1) == []


@pytest.mark.parametrize("waiting", [0, 2], ids=["dropped", "made a backup and stayed"])
def test_a_message_that_is_neither_a_backup_nor_in_a_queue_is_found(waiting: int) -> None:
    differences = find_differences([DEFERRED, replace(CREATED, from_queue=True)], [STORED], [EVENT], waiting=waiting)
    assert differences == [f"messages without a backup: 1; in the queues: {waiting}"]


PRUNED = Pruned(
    before={"1", "2", "3", "by-hand"},
    after_dry_run={"1", "2", "3", "by-hand"},
    after={"1", "by-hand"},
    foreseen={"2", "3"},
    shown={"2", "3"},
    deleted={"2", "3"},
    failed=0,
    kept_by_hand="by-hand",
)


def test_a_prune_that_did_what_was_foreseen_has_no_difference() -> None:
    assert find_prune_differences(PRUNED) == []


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({"after_dry_run": {"1", "2", "by-hand"}}, ["prune: the dry run deleted something"]),
        ({"shown": {"2"}}, ["prune: the dry run showed other backups than the prune deleted"]),
        ({"foreseen": {"1", "2", "3"}}, ["prune: the page foresaw other backups than the prune deleted"]),
        ({"after": {"by-hand"}}, ["prune: the cloud's list has others than it should"]),
        ({"after": {"1", "2", "by-hand"}}, ["prune: the cloud's list has others than it should"]),
        ({"failed": 1}, ["prune: not everything was deleted"]),
        (
            {"after": {"1"}},
            ["prune: the cloud's list has others than it should", "prune: a backup that a person made is gone"],
        ),
    ],
)
def test_each_broken_guarantee_of_a_prune_is_a_difference(changes: dict[str, Any], differences: list[str]) -> None:
    assert find_prune_differences(replace(PRUNED, **changes)) == differences


def test_an_instance_with_another_state_or_none_is_a_difference() -> None:
    found = {"orders": "ok", "reports": "late"}
    assert find_state_differences(found, {"orders": "ok", "reports": "failing", "stock": "ok"}) == [
        "audit: expected reports to be 'failing', reported was 'late'",
        "audit: expected stock to be 'ok', reported was 'None'",
    ]
