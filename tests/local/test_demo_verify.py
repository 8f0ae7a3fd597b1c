"""The demo's judge believes the cloud, not the handlers: each false answer is found."""

from dataclasses import replace

import pytest

from local.demo.verify import Held, Told, find_differences

MADE = Told("a message", "a1in07", "created", "created", "b1", "nightly", "COMPLETED", "COMPLETED")
AGAIN = replace(MADE, title="the same again", expected="adopted", outcome="adopted")
REFUSED = Told("a wrong message", "stock-01", "rejected", "rejected")
TOLD = (MADE, AGAIN, REFUSED)
MISSED = Told("a busy message", "c3in07", "put off", "put off", by_queue=True)
KEPT = Held("b1", "a1in07", "nightly", "COMPLETED")
EVENT = ("b1", "COMPLETED")


def test_agreement_has_no_differences() -> None:
    assert find_differences(TOLD, [KEPT], [EVENT]) == []


def test_an_event_told_twice_is_no_difference() -> None:
    assert find_differences(TOLD, [KEPT], [EVENT, EVENT]) == []


def test_a_backup_that_the_cloud_does_not_hold_is_found() -> None:
    differences = find_differences([MADE], [], [EVENT])
    assert differences == ["a message: the handler said 'created', but the cloud holds no backup b1"]


def test_a_backup_that_nobody_told_of_is_found() -> None:
    stranger = replace(KEPT, backup_id="b2", name="other")
    assert find_differences(TOLD, [KEPT, stranger], [EVENT]) == ["the cloud holds 'other', which nobody was told of"]


def test_two_backups_of_one_name_are_found_even_if_both_were_told() -> None:
    second = replace(MADE, title="another message", backup_id="b2")
    held = [KEPT, replace(KEPT, backup_id="b2")]
    events = [EVENT, ("b2", "COMPLETED")]
    assert find_differences([MADE, second], held, events) == ["2 backups called 'nightly' of a1in07"]


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [("created", "adopted"), ("adopted", "created"), ("put off", "created"), ("rejected", "put off")],
)
def test_an_outcome_that_should_not_be_is_found(expected: str, outcome: str) -> None:
    one = replace(MADE, expected=expected, outcome=outcome)
    assert find_differences([one], [KEPT], [EVENT]) == [
        f"a message: expected '{expected}', the handler said '{outcome}'"
    ]


def test_a_request_that_was_put_off_but_made_a_backup_is_found() -> None:
    one = Told("a busy one", "a1in07", "put off", "put off")
    assert find_differences([one], [KEPT]) == ["the cloud holds 'nightly', which nobody was told of"]


@pytest.mark.parametrize("wrong", [{"instance_id": "c3in07"}, {"name": "other"}], ids=["instance", "name"])
def test_a_backup_of_another_instance_or_name_is_found(wrong: dict[str, str]) -> None:
    [difference] = find_differences([MADE], [replace(KEPT, **wrong)], [EVENT])
    assert difference.endswith("as b1")


@pytest.mark.parametrize("status", ["FAILED", "BUILDING"])
def test_a_good_end_that_the_cloud_does_not_know_of_is_found(status: str) -> None:
    differences = find_differences([MADE], [replace(KEPT, status=status)], [EVENT])
    assert differences == [f"a message: told COMPLETED, but the cloud says {status}"]


def test_a_backup_that_is_overdue_may_still_be_building() -> None:
    one = replace(MADE, should_end="OVERDUE", status="OVERDUE")
    assert find_differences([one], [replace(KEPT, status="BUILDING")], [("b1", "OVERDUE")]) == []


def test_a_backup_whose_end_was_never_told_is_found() -> None:
    assert find_differences([replace(MADE, status=None)], [KEPT]) == [
        "a message: should have ended COMPLETED, was told None"
    ]


def test_an_end_without_an_event_is_found() -> None:
    assert find_differences(TOLD, [KEPT], []) == ["no event on the bus for backup b1 COMPLETED"]


def test_a_message_that_waits_is_no_difference() -> None:
    assert find_differences([MISSED, replace(MADE, by_queue=True)], [KEPT], [EVENT], waiting=1) == []


@pytest.mark.parametrize("waiting", [0, 2], ids=["dropped", "made a backup and stayed"])
def test_a_message_that_is_neither_a_backup_nor_in_a_queue_is_found(waiting: int) -> None:
    differences = find_differences([MISSED, replace(MADE, by_queue=True)], [KEPT], [EVENT], waiting=waiting)
    assert differences == [f"messages that made no backup: 1; in the queues: {waiting}"]
