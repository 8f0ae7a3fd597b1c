"""The status of a tracked backup, from what the API lists."""

import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.backup_request import parse_backup_request
from gaussdb_backup.domain.models import Backup
from gaussdb_backup.domain.tracking import (
    BACKUP_ID,
    BACKUP_NAME,
    CLOCK_TOLERANCE,
    MAX_AGE,
    PollResult,
    Status,
    TrackingMessage,
    evaluate,
    make_tracking_message,
    parse_tracking_message,
)
from gaussdb_backup.errors import InvalidRequest, TryLater
from tests.helpers.clock import RUN
from tests.helpers.gaussdb import ORDERS, STOCK

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


ODD_TEXT = st.one_of(
    st.none(), st.integers(), st.text(), st.text("<>\"'&\n\x00\ud800 .:/", max_size=2_000), st.from_regex(BACKUP_NAME)
)
ODD_TIME = st.one_of(
    ODD_TEXT,
    st.datetimes(timezones=st.timezones() | st.just(UTC)).map(lambda when: when.isoformat()),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2099-12-31T23:59:59Z"]),
)
IDS = st.one_of(
    st.integers(), st.text(min_size=1), st.from_regex(BACKUP_ID), st.text("a<\n\x00\udfff ", min_size=1, max_size=5_000)
)


@given(
    vendor=st.fixed_dictionaries(
        {"id": IDS, "name": ODD_TEXT, "instance_id": ODD_TEXT, "status": ODD_TEXT, "begin_time": ODD_TIME},
    )
)
def test_whatever_the_api_returns_for_a_new_backup_makes_a_message_that_is_read_back_as_it_was_sent(
    vendor: dict[str, Any],
) -> None:
    backup = Backup.model_validate(vendor)
    message = make_tracking_message(REQUEST, backup, now=RUN, time_limit=TIME_LIMIT)
    body = message.model_dump_json(exclude_none=True)
    assert parse_tracking_message(json.loads(body)) == message
    assert body.isascii()
    assert len(body) < 4_096
    assert RUN - MAX_AGE + TIME_LIMIT <= message.deadline <= RUN + TIME_LIMIT + CLOCK_TOLERANCE
    if message.backup_id is not None:
        assert message.identifies(backup)


@pytest.mark.parametrize("odd", ["<b>", "https://evil.test/", "a b", "é", "x" * 1_025, "b\n"])
def test_an_id_that_does_not_belong_into_an_e_mail_is_left_out(odd: str) -> None:
    backup = BACKUP.model_copy(update={"id": odd})
    message = make_tracking_message(REQUEST, backup, now=RUN, time_limit=TIME_LIMIT)
    assert (message.backup_id, message.backup_name) == (None, "nightly-1")
    assert message.identifies(backup)


def test_an_id_of_1024_characters_is_kept() -> None:
    backup = BACKUP.model_copy(update={"id": "x" * 1_024})
    assert make_tracking_message(REQUEST, backup, now=RUN, time_limit=TIME_LIMIT).backup_id == "x" * 1_024


@pytest.mark.parametrize("years", [-1, 1, 73])
def test_a_begin_that_cannot_be_true_is_left_out_and_the_deadline_counts_from_now(years: int) -> None:
    backup = BACKUP.model_copy(update={"begin_time": RUN + timedelta(days=365 * years)})
    message = make_tracking_message(REQUEST, backup, now=RUN, time_limit=TIME_LIMIT)
    assert (message.begin_time, message.deadline) == (None, RUN + TIME_LIMIT)


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"name": "another"}, True),  # it began at that very time
        ({"begin_time": RUN + timedelta(minutes=2)}, True),
        ({"begin_time": RUN - timedelta(days=1)}, False),  # of an earlier run of the same name
        ({"name": "another", "begin_time": None}, False),
        ({"begin_time": None}, True),
        ({"instance_id": ""}, True),
        ({"instance_id": STOCK}, False),
    ],
)
def test_without_an_id_a_backup_is_identified_by_its_instance_with_its_begin_or_its_name(
    changes: dict[str, Any], known: bool
) -> None:
    message = MESSAGE.model_copy(update={"backup_id": None})
    backup = BACKUP.model_copy(update={"id": "odd id", "instance_id": ORDERS, **changes})
    assert message.identifies(backup) is known


def test_without_id_and_begin_the_name_counts_from_the_time_of_the_run_on() -> None:
    message = MESSAGE.model_copy(update={"backup_id": None, "begin_time": None})
    ours = BACKUP.model_copy(update={"begin_time": RUN - CLOCK_TOLERANCE})
    assert message.identifies(ours)
    assert not message.identifies(ours.model_copy(update={"begin_time": RUN - CLOCK_TOLERANCE - timedelta(seconds=1)}))


def test_a_backup_without_a_time_is_tracked_from_now_on() -> None:
    message = make_tracking_message(
        REQUEST, BACKUP.model_copy(update={"begin_time": None}), now=RUN, time_limit=TIME_LIMIT
    )
    assert (message.begin_time, message.deadline) == (None, RUN + TIME_LIMIT)


def test_a_message_is_read_back_as_it_was_sent() -> None:
    assert parse_tracking_message(json.loads(MESSAGE.model_dump_json(exclude_none=True))) == MESSAGE


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"deadline": None},
        {"backup_id": ""},
        {"backup_id": "https://evil.test"},
        {"backup_id": "b\n"},
        {"backup_id": "x" * 1_025},
        {"backup_name": "Dear <b>operator</b>"},
        {"backup_name": "x" * 65},
        {"more": 1},
        {"begin_time": "soon"},
    ],
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


def test_a_backup_that_still_cannot_be_polled_15_minutes_after_its_deadline_is_overdue() -> None:
    poll = PollResult(errors={MESSAGE: TryLater("away")})
    for seconds in (-1, 0, 899):
        assert poll.observe(MESSAGE, now=MESSAGE.deadline + timedelta(seconds=seconds)) is None
    observation = poll.observe(MESSAGE, now=MESSAGE.deadline + timedelta(minutes=15))
    assert observation is not None
    assert observation.status is Status.OVERDUE
    log_fields = observation.log_fields
    assert (log_fields["reason"], log_fields["error_type"]) == ("could not be polled", "TryLater")


def test_a_backup_whose_turn_it_was_not_has_no_status_even_after_its_deadline() -> None:
    assert PollResult().observe(MESSAGE, now=LATE) is None


@pytest.mark.parametrize("year", [1, 9999])
def test_an_absurd_begin_or_deadline_can_be_evaluated(year: int) -> None:
    when = RUN.replace(year=year, month=12, day=31, hour=23)
    message = MESSAGE.model_copy(update={"begin_time": when, "deadline": when})
    assert evaluate(message, None, now=RUN).status is (Status.MISSING if year == 1 else Status.BUILDING)
