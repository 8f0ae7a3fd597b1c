"""The status of a tracked backup, from what the API lists."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import (
    Status,
    TrackingMessage,
    evaluate,
    make_tracking_message,
    parse_tracking_message,
)
from gaussdb_backup.errors import InvalidRequest
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import ORDERS

REQUEST = parse_backup_request({"instance_id": ORDERS, "schedule": "nightly"}, default_time=RUN, now=RUN)
BACKUP = Backup.model_validate(
    {"id": "b1", "name": "nightly-1", "status": "BUILDING", "begin_time": "2026-11-23T01:31:00Z"}
)
TIME_LIMIT = timedelta(hours=6)
MESSAGE = make_tracking_message(REQUEST, BACKUP, now=RUN, time_limit=TIME_LIMIT)
EARLY, LATE = RUN + timedelta(minutes=5), RUN + timedelta(hours=7)


def test_a_message_has_the_backup_and_its_deadline() -> None:
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


def test_a_backup_without_a_time_is_tracked_from_now_on() -> None:
    message = make_tracking_message(
        REQUEST, BACKUP.model_copy(update={"begin_time": None}), now=RUN, time_limit=TIME_LIMIT
    )
    assert (message.begin_time, message.deadline) == (None, RUN + TIME_LIMIT)


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
    assert evaluate(MESSAGE, backup, now=now).status is status


def test_a_backup_that_never_said_when_it_began_may_lag_until_its_deadline() -> None:
    message = MESSAGE.model_copy(update={"begin_time": None})
    assert evaluate(message, None, now=EARLY + timedelta(hours=1)).status is Status.BUILDING
    assert evaluate(message, None, now=LATE).status is Status.OVERDUE


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
def test_tracking_stops_at_a_final_status_and_a_failure_needs_a_person(status: Status, end: bool, bad: bool) -> None:
    assert (status.is_final, status.is_failure) == (end, bad)


def test_the_log_fields_of_an_observation_name_run_instance_and_backup() -> None:
    ended = Backup.model_validate(
        {
            "id": "b1",
            "status": "COMPLETED",
            "begin_time": "2026-11-23T01:31:00Z",
            "end_time": "2026-11-23T01:41:00Z",
            "size": 12,
        }
    )
    log_fields = evaluate(MESSAGE, ended, now=EARLY).log_fields
    assert log_fields["status"] == "COMPLETED"
    assert (
        log_fields["backup_id"],
        log_fields["instance_id"],
        log_fields["schedule"],
        log_fields["scheduled_time"],
    ) == (
        "b1",
        ORDERS,
        "nightly",
        RUN,
    )
    assert (log_fields["duration_seconds"], log_fields["size_mb"], log_fields["vendor_status"]) == (600, 12, None)


def test_the_vendors_new_word_is_among_the_log_fields() -> None:
    assert (
        evaluate(MESSAGE, Backup.model_validate({"id": "b1", "status": "Archiving"}), now=EARLY).log_fields[
            "vendor_status"
        ]
        == "Archiving"
    )


def test_a_missing_backup_is_reported_with_when_it_began() -> None:
    observation = evaluate(MESSAGE, None, now=LATE)
    assert observation.log_fields["begin_time"] == BACKUP.begin_time
    assert TrackingMessage.model_fields.keys() - observation.log_fields.keys() == {"version", "deadline"}
