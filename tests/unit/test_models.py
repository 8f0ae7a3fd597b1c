"""What the vendor sends is read leniently: nothing about it may stop a backup but a missing id."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gaussdb_backup.domain.models import Backup, BackupStatus, CreatedBackup, Instance

WHEN = datetime(2020, 7, 6, 17, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2020-07-07T01:17:05+0800",
        "2020-07-07T01:17:05+08:00",
        "2020-07-06T17:17:05Z",
        "2020-07-07T01:17:05_0800",
        "2020-07-06T17:17:05",
    ],
)
def test_a_time_is_read_in_each_form_the_vendor_prints(written: str) -> None:
    assert Backup.model_validate({"id": "b", "begin_time": written}).begin_time == WHEN


def test_a_time_that_was_read_already_is_kept_in_utc() -> None:
    backup = Backup.model_validate({"id": "b", "begin_time": WHEN})
    assert Backup.model_validate(backup.model_dump()) == backup


@pytest.mark.parametrize("written", ["", None, "soon", 5, "0001-01-01T00:00:00+2359"])
def test_a_time_that_cannot_be_read_is_not_known(written: object) -> None:
    assert Backup.model_validate({"id": "b", "begin_time": written}).begin_time is None


@pytest.mark.parametrize(
    ("size", "size_mb"), [(100, 100.0), ("12.5", 12.5), (0.25, 0.25), ("", None), (None, None), ("big", None)]
)
def test_a_size_may_be_a_number_or_a_string(size: object, size_mb: float | None) -> None:
    assert Backup.model_validate({"id": "b", "size": size}).size_mb == size_mb


@pytest.mark.parametrize(
    ("word", "status", "good", "ended"),
    [
        ("BUILDING", BackupStatus.BUILDING, False, False),
        ("completed", BackupStatus.COMPLETED, True, True),
        ("AVAILABLE", BackupStatus.AVAILABLE, True, True),
        ("FAILED", BackupStatus.FAILED, False, True),
        ("ARCHIVING", BackupStatus.UNKNOWN, False, False),
        (None, BackupStatus.UNKNOWN, False, False),
    ],
)
def test_a_status_is_one_of_ours_and_a_new_word_is_never_success(
    word: Any, status: BackupStatus, good: bool, ended: bool
) -> None:
    backup = Backup.model_validate({"id": "b", "status": word})
    assert (backup.status, backup.vendor_status, backup.status.is_good, backup.status.is_final) == (
        status,
        word,
        good,
        ended,
    )


def test_a_misspelt_key_and_new_fields_are_borne() -> None:
    backup = Backup.model_validate({"id": "b", "descriprion": "d", "new": {"x": 1}})
    assert backup.description == "d"


def test_a_backup_without_an_id_is_no_backup() -> None:
    with pytest.raises(ValidationError):
        Backup.model_validate({"name": "x"})


def test_a_duration_is_known_once_both_ends_are() -> None:
    ended = Backup.model_validate({"id": "b", "begin_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:12:00Z"})
    assert ended.duration_seconds == 720
    assert Backup.model_validate({"id": "b", "begin_time": "2026-01-01T00:00:00Z"}).duration_seconds is None


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        ("env=prod", {}),
        ([{"key": "env", "value": "prod"}], {"env": "prod"}),
        ({"env": "prod"}, {"env": "prod"}),
        (None, {}),
        ([{"key": "x"}, "y"], {"x": ""}),
    ],
)
def test_an_instances_tags_are_read_in_either_form(tags: object, read: dict[str, str]) -> None:
    assert Instance.model_validate({"id": "i", "tags": tags, "status": "active"}) == Instance(
        id="i", tags=read, status="ACTIVE"
    )


@pytest.mark.parametrize("size", ["nan", "1e999", "-inf", -1, 1e300, True, [], {}, 10**400])
def test_a_size_that_means_nothing_is_not_known(size: object) -> None:
    assert Backup.model_validate({"id": "b", "size": size}).size_mb is None


@pytest.mark.parametrize(
    "written",
    ["1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z", datetime(9999, 1, 1, tzinfo=UTC)],
)
def test_a_time_outside_of_this_century_is_not_known(written: object) -> None:
    assert Backup.model_validate({"id": "b", "begin_time": written, "end_time": written}).begin_time is None


def test_the_first_and_last_times_of_this_century_are_known() -> None:
    backup = Backup.model_validate(
        {"id": "b", "begin_time": "2000-01-01T00:00:00Z", "end_time": "2099-12-31T23:59:59Z"}
    )
    assert (backup.begin_time, backup.end_time) == (
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
    )


def test_an_end_before_the_begin_gives_no_duration() -> None:
    odd = {"id": "b", "begin_time": "2026-01-01T00:12:00Z", "end_time": "2026-01-01T00:00:00Z"}
    assert Backup.model_validate(odd).duration_seconds is None


@pytest.mark.parametrize("model", [Backup, Instance])
def test_a_null_name_is_borne(model: type[Backup | Instance]) -> None:
    assert model.model_validate({"id": "b", "name": None, "instance_id": None, "tags": None}).name == ""


def test_numbers_are_borne_where_texts_belong() -> None:
    backup = Backup.model_validate({"id": 7, "name": 8, "instance_id": 9, "description": 10})
    assert (backup.id, backup.name, backup.instance_id, backup.description) == ("7", "8", "9", "10")


@pytest.mark.parametrize("model", [Backup, Instance])
@pytest.mark.parametrize("odd", [None, "", True, [1], {"x": 1}, 1.5])
def test_an_id_is_a_text_or_a_whole_number(model: type[Backup | Instance], odd: object) -> None:
    with pytest.raises(ValidationError):
        model.model_validate({"id": odd})


def test_a_new_word_is_kept_as_64_printable_characters() -> None:
    backup = Backup.model_validate({"id": "b", "status": "AR\nCHIVING" + "x" * 100})
    assert backup.vendor_status == "AR CHIVING" + "x" * 54


def test_half_of_a_character_is_replaced() -> None:
    assert Backup.model_validate({"id": "b\ud800", "name": "n\udfff"}).model_dump(mode="json")["name"] == "n?"


def test_an_odd_job_id_leaves_the_created_backup_known() -> None:
    assert CreatedBackup.model_validate({"backup": {"id": "b"}, "job_id": ["j"]}).backup.id == "b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["9999-12-31T23:59:59-2359"]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["key", "value", "x"]), each, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("model", [Backup, Instance])
@given(st.data())
def test_whatever_a_record_with_an_id_has_besides_it_is_one(
    model: type[Backup | Instance], data: st.DataObject
) -> None:
    names = [field.validation_alias for field in model.model_fields.values() if isinstance(field.validation_alias, str)]
    keys = [*names, *model.model_fields, "size", "descriprion"]
    record = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, JSON)))
    assert model.model_validate({**record, "id": "one"}).id == "one"
