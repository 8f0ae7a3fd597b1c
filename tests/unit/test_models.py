"""What the vendor sends is read leniently: nothing about it may stop a backup but a missing id."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gaussdb_backup.domain.models import Backup, BackupStatus, Instance

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
