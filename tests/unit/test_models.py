"""What the vendor sends is read leniently: nothing about it may stop a backup but a missing id."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gaussdb_backup.domain.models import Backup, BackupStatus, CreatedBackup, Instance, Protection, VaultLock

ODD: list[Any] = [None, "", [], {}]
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


WORDS = ["key", "value", "keep_days", "start_time", "lock_policy", "lock_end_time", "lock_retention_days", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["9999-12-31T23:59:59-2359"]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(WORDS), each, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("model", [Backup, Instance])
@given(st.data())
def test_whatever_a_record_with_an_id_has_besides_it_is_one(
    model: type[Backup | Instance], data: st.DataObject
) -> None:
    names = [field.validation_alias for field in model.model_fields.values() if isinstance(field.validation_alias, str)]
    keys = [*names, *model.model_fields, "size", "descriprion", "backup_strategy"]
    record = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, JSON)))
    assert model.model_validate({**record, "id": "one"}).id == "one"


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("7", 7), (7, 7), (7.0, 7), ("7,", 7), (" 732 ", 732), (0, 0), (36500, 36500),
        (36501, None), (99999, None), (-1, None), ("", None), (None, None), (True, None), (1.5, None),
        ("a week", None), ("\u0667", None),
        ([7], None), ({"days": 7}, None), (10**400, None), ("nan", None),
    ],
    ids=repr,
)  # fmt: skip
def test_the_days_that_automatic_backups_are_kept_are_a_whole_number_or_not_known(
    written: object, days: int | None
) -> None:
    instance = Instance.model_validate({"id": "i", "backup_strategy": {"keep_days": written}})
    assert instance.automatic_keep_days == days


def test_an_instance_has_its_creation_and_the_hour_of_its_automatic_backups() -> None:
    strategy = {"keep_days": "7", "start_time": "18:00-19:00"}
    record = {"id": "i", "created": "2020-07-07T01:17:05+0800", "backup_strategy": strategy}
    instance = Instance.model_validate(record)
    assert (instance.created, instance.automatic_start_time) == (WHEN, "18:00-19:00")
    assert Instance.model_validate(instance.model_dump()) == instance


@pytest.mark.parametrize(
    "strategy", [None, "7", 7, [], ["keep_days"], {}, {"keep_days": None, "start_time": None}, True]
)
def test_an_instance_with_an_odd_strategy_has_unknown_automatic_backups(strategy: object) -> None:
    instance = Instance.model_validate({"id": "i", "created": "", "backup_strategy": strategy})
    assert (instance.created, instance.automatic_keep_days, instance.automatic_start_time) == (None, None, None)


def test_the_hour_of_automatic_backups_is_kept_as_64_printable_characters() -> None:
    instance = Instance.model_validate({"id": "i", "backup_strategy": {"start_time": "18\n" + "0" * 100}})
    assert instance.automatic_start_time == "18 " + "0" * 61


@pytest.mark.parametrize(
    ("written", "ends_at"),
    [
        (1594055825, WHEN), (1594055825000, WHEN), ("1594055825000", WHEN), ("2020-07-07T01:17:05+0800", WHEN),
        (0, None), (-1, None), (None, None), ("", None), (True, None), ("soon", None), (10**15, None), (10**400, None),
        ([1594055825], None), (946684799, None), (4102444800000, None),
    ],
    ids=repr,
)  # fmt: skip
def test_the_end_of_a_vault_lock_is_a_time_or_not_known(written: object, ends_at: datetime | None) -> None:
    assert VaultLock.model_validate({"lock_policy": True, "lock_end_time": written}).ends_at == ends_at


@pytest.mark.parametrize(
    ("info", "vault_lock"),
    [
        ({"lock_policy": True, "lock_retention_days": 30}, VaultLock(is_locked=True, retention_days=30)),
        ({"lock_policy": "False", "lock_retention_days": 0}, VaultLock(is_locked=False, retention_days=0)),
        ({"lock_policy": "true", "lock_retention_days": "x"}, VaultLock(is_locked=True)),
        *(({"lock_policy": odd, "lock_retention_days": 30}, None) for odd in [*ODD, "on", 1, 0, [True]]),
        *((odd, None) for odd in [*ODD, "locked", 5, True]),
    ],
    ids=repr,
)
def test_a_vault_lock_that_is_neither_on_nor_off_is_not_known(info: object, vault_lock: VaultLock | None) -> None:
    assert Protection.model_validate({"backup_vaultlock_info": info}).vault_lock == vault_lock


@pytest.mark.parametrize(
    ("written", "encryption"),
    [("on", "on"), ("OFF", "off"), (" on ", "on"), *((odd, None) for odd in [*ODD, "kms", True, 1, ["on"]])],
    ids=repr,
)
def test_encryption_is_on_or_off_or_not_known(written: object, encryption: str | None) -> None:
    assert Protection.model_validate({"encryption_status": written}).encryption == encryption


def test_what_protects_backups_is_read_again_as_it_was() -> None:
    protection = Protection(vault_lock=VaultLock(is_locked=True, retention_days=30, ends_at=WHEN), encryption="on")
    assert Protection.model_validate(protection.model_dump()) == protection


@given(st.dictionaries(st.sampled_from(["backup_vaultlock_info", "encryption_status", "x"]), JSON))
def test_whatever_the_api_returns_about_protection_is_a_value_or_not_known(body: dict[str, Any]) -> None:
    assert Protection.model_validate(body) is not None
