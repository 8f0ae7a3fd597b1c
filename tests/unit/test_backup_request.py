"""Backup requests: every wrong field is named at once, with what was expected and what came."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.backup_request import BackupRequest, extract_log_fields, parse_backup_request
from gaussdb_backup.domain.plan import parse_plan
from gaussdb_backup.domain.tracking import parse_tracking_message
from gaussdb_backup.domain.validation import parse_object
from gaussdb_backup.errors import InvalidRequest

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
INSTANCE = "d8e6ca5a624745bcb546a227aa3ae1cfin07"


def parse(**fields: Any) -> BackupRequest:
    return parse_backup_request({"instance_id": INSTANCE, **fields}, default_time=NOW, now=NOW)


def test_an_instance_is_all_that_a_request_needs() -> None:
    request = parse()
    assert (request.connection, request.timezone, request.schedule, request.scheduled_time) == (
        "default",
        "UTC",
        None,
        NOW,
    )


@pytest.mark.parametrize("instance_id", ["a" * 32, INSTANCE, "01234567-89ab-cdef-0123-456789abcdef"])
def test_both_forms_of_an_instances_id_are_taken(instance_id: str) -> None:
    assert parse(instance_id=instance_id).instance_id == instance_id


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T01:30:00Z", datetime(2026, 11, 23, 1, 30, tzinfo=UTC)),
        ("2026-11-23T02:30:00+01:00", datetime(2026, 11, 23, 1, 30, tzinfo=UTC)),
        ("2026-11-23T02:05:00Z", NOW + timedelta(minutes=5)),
        ("2026-10-23T02:00:00Z", NOW - timedelta(days=31)),
    ],
)
def test_the_nominal_time_is_read_with_its_offset(written: str, meant: datetime) -> None:
    assert parse(scheduled_time=written).scheduled_time == meant


WRONG = {
    "too short an id": ("instance_id", "abc"),
    "a number for an id": ("instance_id", 12345),
    "an id with a line break behind it": ("instance_id", INSTANCE + "\n"),
    "an id with in and one digit": ("instance_id", "a" * 32 + "in7"),
    "an empty template": ("name_template", ""),
    "a template of 257 characters": ("name_template", "a" * 257),
    "a list for a template": ("name_template", ["x"]),
    "257 characters of description": ("description", "d" * 257),
    "an apostrophe": ("description", "Ann's"),
    "an ampersand": ("description", "a & b"),
    "a line break": ("description", "a\nb"),
    "a line break at the end": ("description", "a\n"),
    "a carriage return": ("description", "a\rb"),
    "a unicode line separator": ("description", "a\u2028b"),
    "half a character": ("description", "\ud800"),
    "a number for a description": ("description", 1.5),
    "a time without an offset": ("scheduled_time", "2026-11-23T01:30:00"),
    "a number for a time": ("scheduled_time", 1795397400),
    "words for a time": ("scheduled_time", "tonight"),
    "an unfilled placeholder": ("scheduled_time", "<aws.scheduler.scheduled-time>"),
    "a time further ahead than five minutes": ("scheduled_time", "2026-11-23T02:05:01Z"),
    "a time older than 31 days": ("scheduled_time", "2026-10-23T01:59:59Z"),
    "the year 1": ("scheduled_time", "0001-01-01T00:00:00Z"),
    "a time outside the calendar": ("scheduled_time", "0001-01-01T00:00:00+23:59"),
    "the year 9999": ("scheduled_time", "9999-12-31T23:59:59-23:59"),
    "an unknown zone": ("timezone", "Mars/Olympus"),
    "a path for a zone": ("timezone", "../../etc/passwd"),
    "a folder of zones": ("timezone", "Europe"),
    "an empty zone": ("timezone", ""),
    "a connection with a slash": ("connection", "a/b"),
    "a connection of 65 characters": ("connection", "c" * 65),
    "a schedule with a space": ("schedule", "every night"),
    "another version": ("version", 2),
    "an unknown field": ("instanceId", INSTANCE),
}


@pytest.mark.parametrize(("field", "value"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(**{field: value})
    assert [problem.field for problem in raised.value.problems] == [field]
    assert f"{field}: expected " in str(raised.value) or f"{field}: expected no such field" in str(raised.value)


@pytest.mark.parametrize("written", ["1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_was_never_meant_is_none_in_any_message(written: str) -> None:
    message = {"connection": "default", "instance_id": INSTANCE, "backup_id": "b", "backup_name": "nightly"}
    with pytest.raises(InvalidRequest, match=r"deadline: .*not between 2000 and 2100"):
        parse_tracking_message({**message, "begin_time": NOW.isoformat(), "deadline": written})
    with pytest.raises(InvalidRequest, match=r"scheduled_time: .*not between 2000 and 2100"):
        parse(scheduled_time=written)


def test_a_time_out_of_bounds_is_named_with_the_bounds_and_beside_the_other_faults() -> None:
    expected = (
        r"scheduled_time: expected ISO 8601 with an offset, at most 31 days old and at most 5 minutes ahead of now; "
        r"got '2026-10-01T00:00:00Z' \(it is 2026-11-23T02:00:00\+00:00 now\)"
    )
    with pytest.raises(InvalidRequest, match=expected) as raised:
        parse(scheduled_time="2026-10-01T00:00:00Z", timezone="Mars/Olympus")
    assert [problem.field for problem in raised.value.problems] == ["scheduled_time", "timezone"]


@pytest.mark.parametrize("age", [timedelta(days=31, seconds=1), timedelta(minutes=-5, seconds=-1)])
def test_the_bounds_hold_for_plans_too_and_for_a_time_that_a_message_brings(age: timedelta) -> None:
    with pytest.raises(InvalidRequest, match="scheduled_time: expected ISO 8601 with an offset, at most 31 days"):
        parse_plan({"scheduled_time": (NOW - age).isoformat()}, now=NOW)
    with pytest.raises(InvalidRequest, match="scheduled_time: expected ISO 8601 with an offset, at most 31 days"):
        parse_backup_request({"instance_id": INSTANCE}, default_time=NOW - age, now=NOW)


def test_a_missing_instance_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"instance_id: expected 32 letters or digits.*; got nothing"):
        parse_backup_request({}, default_time=NOW, now=NOW)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(instance_id="x", timezone="Mars", description="<", extra=1)
    assert {problem.field for problem in raised.value.problems} == {"instance_id", "timezone", "description", "extra"}


@pytest.mark.parametrize(
    ("template", "problems"),
    [
        ("{x}-{instance_id!r}", ["only the fields {instance_id}, ", "no conversions"]),
        ("{", ["Python format syntax"]),
        ("{schedule}-{instance_name}", ["a value for '{schedule}'"]),
    ],
)
def test_the_faults_of_a_template_are_named_beside_those_of_other_fields(template: str, problems: list[str]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(name_template=template, timezone="Mars")
    assert [problem.field for problem in raised.value.problems] == ["timezone"] + len(problems) * ["name_template"]
    for problem in problems:
        assert f"name_template: expected {problem}" in str(raised.value)
    with pytest.raises(InvalidRequest, match=r"^invalid plan: name_template: "):
        parse_plan({"name_template": template, "scheduled_time": NOW.isoformat()}, now=NOW)


def test_a_template_may_have_the_name_of_the_instance_which_is_known_later_only() -> None:
    assert parse(name_template="{schedule}-{instance_name}", schedule="nightly").schedule == "nightly"


@pytest.mark.parametrize("field", ["description", "u" * 300_000])
def test_a_huge_value_or_field_does_not_make_a_huge_message(field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(**{field: "x" * 300_000})
    assert len(str(raised.value)) < 1_000


BODIES = {
    "empty": ("", "got nothing"),
    "blank": ("  ", "got nothing"),
    "not JSON": ("instance_id: x", "not JSON"),
    "a list": ("[]", "got a list"),
    "a string": ('"text"', "got 'text'"),
    "null": ("null", "got null"),
    "too deep": ("[" * 200_000, "not JSON"),
    "a number too long": ("1" * 5000, "not JSON"),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_object_is_refused_as_such(body: str, expected: str) -> None:
    with pytest.raises(InvalidRequest, match=f"body: expected a JSON object; .*{expected}") as raised:
        parse_object(body, "backup request")
    assert len(str(raised.value)) < 500


@given(
    st.dictionaries(
        st.sampled_from(sorted(BackupRequest.model_fields)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_whatever_comes_it_is_a_request_or_an_error_that_names_fields(data: dict[str, Any]) -> None:
    try:
        request = parse_backup_request(data, default_time=NOW, now=NOW)
    except InvalidRequest as error:
        assert error.problems
    else:
        json.dumps(request.model_dump(mode="json")).encode()


def test_what_names_the_run_is_read_even_from_an_invalid_request() -> None:
    log_fields = extract_log_fields(
        {"instance_id": "short", "connection": "a b", "schedule": 7, "scheduled_time": "2026-11-23T01:30:00Z"}
    )
    assert log_fields == {"instance_id": "short", "scheduled_time": "2026-11-23T01:30:00Z"}


@pytest.mark.parametrize("key", ["connection", "schedule", "instance_id", "scheduled_time"])
@pytest.mark.parametrize("value", ["ünïted", "\uff11\uff12", "a" * 65, "a\n", "", "a.b c"])
def test_what_names_the_run_is_ascii_and_short_before_it_is_checked(key: str, value: str) -> None:
    assert extract_log_fields({key: value}) == {}


@pytest.mark.parametrize("key", ["connection", "schedule", "instance_id"])
@pytest.mark.parametrize("value", ["a:b", "a+b", "a.b"])
def test_what_becomes_a_dimension_has_no_other_characters_than_a_label(key: str, value: str) -> None:
    assert extract_log_fields({key: value}) == {}
    assert extract_log_fields({key: "a-B_9"}) == {key: "a-B_9"}
