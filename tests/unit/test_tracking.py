"""What a look at the list makes of a followed backup."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import Status, TrackingMessage, judge, parse_tracking_message, start_tracking
from gaussdb_backup.errors import InvalidRequest
from tests.support import ORDERS, RUN

REQUEST = parse_backup_request({"instance_id": ORDERS, "schedule": "nightly"}, default_time=RUN, now=RUN)
BACKUP = Backup.model_validate(
    {"id": "b1", "name": "nightly-1", "status": "BUILDING", "begin_time": "2026-11-23T01:31:00Z"}
)
PATIENCE = timedelta(hours=6)
MESSAGE = start_tracking(REQUEST, BACKUP, now=RUN, patience=PATIENCE)
EARLY, LATE = RUN + timedelta(minutes=5), RUN + timedelta(hours=7)


def test_a_message_says_what_to_follow_and_until_when() -> None:
    assert MESSAGE.model_dump(mode="json") == {
        "version": 1,
        "connection": "default",
        "schedule": "nightly",
        "scheduled_time": "2026-11-23T01:30:00Z",
        "instance_id": ORDERS,
        "backup_id": "b1",
        "backup_name": "nightly-1",
        "begin_time": "2026-11-23T01:31:00Z",
        "deadline": "2026-11-23T07:31:00Z",
    }


def test_a_backup_without_a_time_is_followed_from_now_on() -> None:
    message = start_tracking(REQUEST, BACKUP.model_copy(update={"begin_time": None}), now=RUN, patience=PATIENCE)
    assert (message.begin_time, message.deadline) == (None, RUN + PATIENCE)


def test_a_message_is_read_back_as_it_was_sent() -> None:
    assert parse_tracking_message(json.loads(MESSAGE.model_dump_json(exclude_none=True))) == MESSAGE


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"deadline": None}, {"backup_id": ""}, {"more": 1}, {"begin_time": "soon"}]
)
def test_a_malformed_message_is_refused_by_its_field(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=f"invalid tracking message: {next(iter(change))}: expected"):
        parse_tracking_message({**MESSAGE.model_dump(mode="json"), **change})


@pytest.mark.parametrize(
    ("word", "now", "status"),
    [
        ("BUILDING", EARLY, Status.BUILDING),
        ("BUILDING", LATE, Status.OVERDUE),
        ("COMPLETED", EARLY, Status.COMPLETED),
        ("COMPLETED", LATE, Status.COMPLETED),
        ("AVAILABLE", EARLY, Status.AVAILABLE),
        ("FAILED", EARLY, Status.FAILED),
        ("FAILED", LATE, Status.FAILED),
        ("ARCHIVING", EARLY, Status.UNKNOWN),
        ("ARCHIVING", LATE, Status.OVERDUE),
        (None, EARLY, Status.BUILDING),
        (None, RUN + timedelta(minutes=12), Status.MISSING),
        (None, LATE, Status.MISSING),
    ],
)
def test_each_listed_word_at_each_time_has_its_status(word: str | None, now: Any, status: Status) -> None:
    backup = None if word is None else Backup.model_validate({"id": "b1", "status": word})
    assert judge(MESSAGE, backup, now=now).status is status


def test_a_backup_that_never_said_when_it_began_may_lag_until_its_deadline() -> None:
    message = MESSAGE.model_copy(update={"begin_time": None})
    assert judge(message, None, now=EARLY + timedelta(hours=1)).status is Status.BUILDING
    assert judge(message, None, now=LATE).status is Status.OVERDUE


@pytest.mark.parametrize(
    ("status", "end", "bad"),
    [
        (Status.BUILDING, False, False),
        (Status.UNKNOWN, False, False),
        (Status.COMPLETED, True, False),
        (Status.AVAILABLE, True, False),
        (Status.FAILED, True, True),
        (Status.OVERDUE, True, True),
        (Status.MISSING, True, True),
    ],
)
def test_following_stops_at_an_end_and_a_bad_one_needs_a_person(status: Status, end: bool, bad: bool) -> None:
    assert (status.is_end, status.is_bad_end) == (end, bad)


def test_the_facts_of_a_finding_name_run_instance_and_backup() -> None:
    ended = Backup.model_validate(
        {
            "id": "b1",
            "status": "COMPLETED",
            "begin_time": "2026-11-23T01:31:00Z",
            "end_time": "2026-11-23T01:41:00Z",
            "size": 12,
        }
    )
    facts = judge(MESSAGE, ended, now=EARLY).facts
    assert facts["status"] == "COMPLETED"
    assert (facts["backup_id"], facts["instance_id"], facts["schedule"], facts["scheduled_time"]) == (
        "b1",
        ORDERS,
        "nightly",
        RUN,
    )
    assert (facts["duration_seconds"], facts["size_mb"], facts["vendor_status"]) == (600, 12, None)


def test_the_vendors_new_word_is_among_the_facts() -> None:
    assert (
        judge(MESSAGE, Backup.model_validate({"id": "b1", "status": "Archiving"}), now=EARLY).facts["vendor_status"]
        == "Archiving"
    )


def test_a_missing_backup_is_reported_with_when_it_began() -> None:
    finding = judge(MESSAGE, None, now=LATE)
    assert finding.facts["begin_time"] == BACKUP.begin_time
    assert TrackingMessage.model_fields.keys() - finding.facts.keys() == {"version", "deadline"}
