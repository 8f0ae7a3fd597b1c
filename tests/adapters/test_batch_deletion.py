"""A batch deletion reports each backup as deleted, gone, deferred or failed, and no other, whatever the API returns."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussdb_backup.domain.models import BatchDeletion
from gaussdb_backup.errors import InvalidRequest, TryLater
from gaussdb_backup.huawei.deletion import read_batch_deletion
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, make_api, make_cloud

IDS = ["one", "two", "three"]


def add(cloud: gaussdb_emulator.Cloud, name: str = "old", **fields: Any) -> str:
    past = gaussdb_emulator.PastBackup(instance_id=ORDERS, name=name, begin_time=RUN - timedelta(days=1), **fields)
    return cloud.add_backups(past)[0]


def respond(body: object) -> gaussdb_emulator.Cloud:
    """A cloud that returns this body for a batch deletion; a text as it is."""
    cloud = make_cloud(Clock())
    text = body if isinstance(body, str) else json.dumps(body)
    cloud.add_fault(gaussdb_emulator.Fault(operation="batch_delete", status=200, body=text))
    return cloud


def item(
    id_: object, code: object = "DBS.201204", message: object = "The backup type is not allowed."
) -> dict[str, Any]:
    return {"backup_id": id_, "error_code": code, "error_msg": message}


def test_each_backup_is_deleted_gone_deferred_or_failed_with_its_code() -> None:
    cloud = make_cloud(Clock())
    good, failed = add(cloud), add(cloud, status="FAILED")
    auto, held, building = add(cloud, type="auto"), add(cloud, held=True), add(cloud, status=None)
    result = make_api(cloud).delete_backups([auto, good, "unknown", held, failed, building])
    assert (result.deleted, result.gone) == ((good, failed), ("unknown",))
    assert result.failed == {auto: ("DBS.201204", "The backup type is not allowed.")}
    assert {id_: code for id_, (code, _) in result.deferred.items()} == dict.fromkeys((held, building), "DBS.201208")


def test_a_backup_that_is_deleted_again_is_deferred_until_it_is_gone() -> None:
    cloud = make_cloud(Clock())
    backup_id = add(cloud)
    api = make_api(cloud)
    assert api.delete_backups([backup_id]) == BatchDeletion(deleted=(backup_id,))
    assert list(api.delete_backups([backup_id]).deferred) == [backup_id]
    cloud.advance(timedelta(seconds=cloud.rules.deletion_seconds))
    assert api.delete_backups([backup_id]) == BatchDeletion(gone=(backup_id,))


def test_a_backup_under_a_vault_lock_is_deferred() -> None:
    cloud = make_cloud(Clock())
    lock = gaussdb_emulator.VaultLock(retention_days=30, starts_at=RUN - timedelta(days=29))
    cloud.change_instance(ORDERS, vault_lock=lock)
    backup_id = add(cloud)
    assert list(make_api(cloud).delete_backups([backup_id]).deferred) == [backup_id]
    assert cloud.status_of(backup_id) == "COMPLETED"
    cloud.advance(timedelta(days=1))
    assert make_api(cloud).delete_backups([backup_id]).deleted == (backup_id,)


def test_fifty_backups_are_one_call_and_a_repeated_one_is_sent_once() -> None:
    cloud = make_cloud(Clock())
    ids = [add(cloud, name=f"old-{number}") for number in range(49)]
    result = make_api(cloud).delete_backups([*ids, ids[0]])
    assert (result.deleted, result.gone, result.failed) == (tuple(ids), (), {})
    assert [call.status for call in cloud.calls("batch_delete")] == [200]


@pytest.mark.parametrize("number", [0, 51])
def test_a_batch_deletion_has_one_to_fifty_backups(number: int) -> None:
    cloud = make_cloud(Clock())
    with pytest.raises(InvalidRequest, match=f"1 to 50 backups; got {number}"):
        make_api(cloud).delete_backups([str(each) for each in range(number)])
    assert cloud.requests == []


@pytest.mark.parametrize("code", ["DBS.201203", "DBS.280214", "DBS.201010", "DBS.290013"])
def test_a_backup_is_gone_by_its_code_whatever_the_message(code: str) -> None:
    cloud = respond({"failed_results": [item("two", code, "The backup type is not allowed.")]})
    assert make_api(cloud).delete_backups(IDS) == BatchDeletion(deleted=("one", "three"), gone=("two",))


@pytest.mark.parametrize(
    "item_",
    [item("two", "DBS.201208", "The backup file does not exist."), item("two", "dbs.201203"), item("two", 201203)],
)
def test_a_backup_is_not_gone_by_another_code(item_: dict[str, Any]) -> None:
    result = make_api(respond({"failed_results": [item_]})).delete_backups(IDS)
    assert (result.gone, [*result.deferred, *result.failed]) == ((), ["two"])


@pytest.mark.parametrize(
    ("body", "deleted"),
    [
        ({"success_count": 3, "failed_count": 0, "failed_results": []}, IDS),
        ({"success_count": "3", "failed_count": "0", "failed_results": None}, IDS),
        ({"success_count": 3}, IDS),
        ({"failed_results": []}, IDS),
        ({"failed_results": [item("one")], "new": {"x": 1}}, ["two", "three"]),
        ({"success_count": 0, "failed_count": 3, "failed_results": [item(id_) for id_ in IDS]}, []),
    ],
    ids=json.dumps,
)
def test_the_others_are_deleted_in_each_form_of_the_response(body: object, deleted: list[str]) -> None:
    result = make_api(respond(body)).delete_backups(IDS)
    assert (list(result.deleted), sorted([*result.deleted, *result.failed])) == (deleted, sorted(IDS))


ODD_ITEMS: list[object] = [None, 5, "one", [], {}, item(None), item(1), item(["one"]), item("four")]


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "<html>", {}, {"failed_count": 0},
        *({"failed_results": odd} for odd in ("none", 5, True, {"backup_id": "one"}, {})),
        *({"failed_results": [odd]} for odd in ODD_ITEMS),
        {"failed_results": [item("one"), item("four")]},
        {"failed_count": 2, "failed_results": [item("one")]},
        {"failed_count": 1, "failed_results": []},
        {"failed_count": 1, "failed_results": None, "success_count": 3},
        {"success_count": 2}, {"success_count": 1, "failed_results": [item("one")]},
        {"success_count": 3, "failed_results": [item("one")]}, {"success_count": True}, {"success_count": [3]},
    ],
    ids=repr,
)  # fmt: skip
def test_a_response_that_does_not_account_for_each_backup_may_have_taken_effect(body: object) -> None:
    cloud = respond(body)
    with pytest.raises(TryLater, match="delete backups: the API returned 200, but the body") as raised:
        make_api(cloud).delete_backups(IDS)
    assert raised.value.may_have_taken_effect
    assert len(cloud.calls("batch_delete")) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({}, ("", "")),
        ({"error_code": None, "error_msg": None}, ("", "")),
        ({"error_msg": "locked"}, ("", "locked")),
        ({"error_code": ["x"], "error_msg": {"x": 1}}, ("", "")),
        ({"error_code": 5, "error_msg": 6}, ("5", "6")),
        ({"error_code": "a b", "error_msg": "line\nbreak"}, ("", "line break")),
        ({"error_code": "DBS." + "1" * 100, "error_msg": "m" * 300}, ("DBS." + "1" * 60, "m" * 200)),
    ],
    ids=json.dumps,
)
def test_an_odd_code_or_message_of_a_failed_backup_is_empty_or_shortened(
    error: dict[str, Any], expected: tuple[str, str]
) -> None:
    cloud = respond({"failed_results": [{"backup_id": "one", **error}]})
    assert make_api(cloud).delete_backups(IDS).failed == {"one": expected}


@pytest.mark.parametrize("codes", [["DBS.201203", "DBS.201208"], ["DBS.201208", "DBS.201203"]])
def test_a_backup_that_is_reported_as_gone_and_as_held_is_deferred(codes: list[str]) -> None:
    cloud = respond({"failed_results": [item("one", code) for code in codes]})
    result = make_api(cloud).delete_backups(IDS)
    assert (result.gone, result.deferred["one"][0]) == ((), "DBS.201208")


RESULTS = st.lists(
    st.none() | st.text(max_size=5)
    | st.fixed_dictionaries(
        {"backup_id": st.sampled_from([*IDS, "four"]) | st.none() | st.integers()},
        optional={"error_code": st.sampled_from(["DBS.201203", "DBS.201204", "", None, 5]), "error_msg": st.text()},
    ),
    max_size=4,
)  # fmt: skip
COUNTS = st.none() | st.integers(-1, 5) | st.sampled_from(["0", "3", "x"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "failed_results": RESULTS | st.none() | st.integers(),
            "success_count": COUNTS,
            "failed_count": COUNTS,
        },
    )
)
def test_whatever_the_api_returns_each_requested_backup_is_reported_once_or_the_body_is_unusable(
    content: Mapping[str, Any],
) -> None:
    result = read_batch_deletion(content, IDS)
    if result is not None:
        assert sorted([*result.deleted, *result.gone, *result.deferred, *result.failed]) == sorted(IDS)
