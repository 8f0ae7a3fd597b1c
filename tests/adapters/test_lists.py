"""Lists in pages that change while they are read, with records that cannot be read, and without an end."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gaussdb_backup.domain.models import PAGE_SIZE, BackupStatus
from gaussdb_backup.errors import TryLater
from gaussdb_backup.huawei.paging import MAX_LIST_BYTES, OVERLAP
from gaussdb_backup.huawei.transport import MAX_RESPONSE_BYTES
from local import gaussdb_emulator
from tests.helpers.clock import RUN, Clock
from tests.helpers.gaussdb import ORDERS, Source, by_key, make_api, make_cloud


class BetweenPages(httpx.BaseTransport):
    """The emulator; after each response to a list something happens in the cloud."""

    def __init__(self, cloud: gaussdb_emulator.Cloud, happen: Callable[[int], object]) -> None:
        self._inner = gaussdb_emulator.EmulatorTransport(gaussdb_emulator.create_app(cloud))
        self._happen = happen
        self.pages = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.pages += 1
        self._happen(self.pages)
        return response


def make_fleet(number: int) -> tuple[gaussdb_emulator.Cloud, list[str]]:
    cloud = make_cloud(Clock())
    for instance in cloud.instances():
        cloud.remove_instance(instance.id)
    ids = [f"{index:032x}in07" for index in range(1, number + 1)]
    cloud.add_instances(*(gaussdb_emulator.Instance(id=id_, name=f"db-{id_[-10:-4]}") for id_ in ids))
    return cloud, ids


@pytest.mark.parametrize("deleted", [1, OVERLAP - 1, OVERLAP, 60, 120])
def test_instances_deleted_between_pages_hide_no_other(deleted: int) -> None:
    cloud, _ = make_fleet(350)
    listed = [instance["id"] for instance in read_raw(cloud)]

    def delete(page: int) -> None:
        for id_ in listed[:deleted] if page == 2 else []:
            cloud.remove_instance(id_)

    transport = BetweenPages(cloud, delete)
    found = [instance.id for instance in make_api(cloud, transport=transport).list_instances()]
    assert set(listed[deleted:]) <= set(found)
    assert len(found) == len(set(found))


def read_raw(cloud: gaussdb_emulator.Cloud) -> list[dict[str, Any]]:
    """The instances in the order of the list."""
    return [{"id": instance.id} for instance in make_api(cloud).list_instances()]


def test_one_instance_that_is_deleted_before_each_page_hides_no_other() -> None:
    cloud, _ = make_fleet(450)
    listed = [instance["id"] for instance in read_raw(cloud)]
    deleted: list[str] = []

    def delete(page: int) -> None:
        deleted.append(listed[page])
        cloud.remove_instance(listed[page])

    found = {instance.id for instance in make_api(cloud, transport=BetweenPages(cloud, delete)).list_instances()}
    assert set(listed) - set(deleted) <= found


def test_backups_that_begin_between_pages_make_none_listed_twice() -> None:
    cloud = make_cloud(Clock())
    ids = add_backups(cloud, 250)
    transport = BetweenPages(cloud, lambda _: add_backups(cloud, 3))
    found = [backup.id for backup in make_api(cloud, transport=transport).list_backups()]
    assert set(ids) <= set(found)
    assert len(found) == len(set(found))


def add_backups(cloud: gaussdb_emulator.Cloud, number: int) -> list[str]:
    past = gaussdb_emulator.PastBackup(instance_id=ORDERS, name="nightly", begin_time=RUN, seconds=1)
    return cloud.add_backups(*(past for _ in range(number)))


def test_a_list_that_never_stays_the_same_is_an_error_and_not_incomplete() -> None:
    pages = iter(range(10_000))

    def respond(request: httpx.Request) -> httpx.Response:
        number = next(pages)
        return page([{"id": f"{number}-{index}"} for index in range(PAGE_SIZE)], total=1000)

    with pytest.raises(TryLater, match="list backups: the list keeps changing while it is read"):
        list(serve(respond).list_backups())


def serve(respond: Callable[[httpx.Request], httpx.Response], **options: Any) -> Any:
    return make_api(make_cloud(Clock()), Source(by_key()), transport=httpx.MockTransport(respond), **options)


def page(records: list[Any], *, total: int | None = None, key: str = "backups") -> httpx.Response:
    content = {key: records} if total is None else {key: records, "total_count": total}
    return httpx.Response(200, content=json.dumps(content))


def offset(request: httpx.Request) -> int:
    return int(request.url.params["offset"])


@pytest.mark.parametrize("size", [2, 7, 50, 99])
def test_pages_smaller_than_requested_are_all_read_if_the_total_says_so(size: int) -> None:
    records = [{"id": str(index)} for index in range(120)]
    calls: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(offset(request))
        return page(records[offset(request) : offset(request) + size], total=len(records))

    assert [backup.id for backup in serve(respond).list_backups()] == [record["id"] for record in records]
    assert len(calls) <= 121


def test_a_total_that_is_too_large_costs_one_call() -> None:
    calls: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(offset(request))
        return page([{"id": str(index)} for index in range(30)][offset(request) :], total=500)

    assert len(list(serve(respond).list_backups())) == 30
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("listed", "total", "is_whole"), [(3, 3, True), (3, 2, True), (3, None, True), (3, 4, False), (0, 1, False)]
)
def test_a_whole_list_is_an_error_where_its_total_has_more(listed: int, total: int | None, *, is_whole: bool) -> None:
    """Each page is the same one, so it shows nothing new before the total is reached."""

    def respond(_: httpx.Request) -> httpx.Response:
        return page([{"id": str(index)} for index in range(listed)], total=total, key="instances")

    assert len(list(serve(respond).list_instances())) == listed
    if is_whole:
        assert len(list(serve(respond).list_instances(whole=True))) == listed
    else:
        with pytest.raises(TryLater, match=f"list instances: {listed} of {total} records are listed"):
            list(serve(respond).list_instances(whole=True))


def test_records_without_an_id_are_none_that_a_whole_list_lacks() -> None:
    """One strange instance must not cost the others their audit."""

    def respond(_: httpx.Request) -> httpx.Response:
        return page([{"id": "a"}, {"id": None}, {"id": "b"}], total=3, key="instances")

    assert [one.id for one in serve(respond).list_instances(whole=True)] == ["a", "b"]


@pytest.mark.parametrize("total", [None, 1000])
def test_a_full_page_of_repeats_is_an_error_after_two_calls(total: int | None) -> None:
    calls: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(offset(request))
        return page([{"id": str(index)} for index in range(PAGE_SIZE)], total=total)

    with pytest.raises(TryLater, match="the pages of the list repeat each other"):
        list(serve(respond).list_backups())
    assert len(calls) == 2


def test_an_api_that_ignores_the_offset_of_a_list_of_one_page_is_believed() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return page([{"id": str(index)} for index in range(PAGE_SIZE)], total=PAGE_SIZE)

    assert len(list(serve(respond).list_backups())) == PAGE_SIZE


def test_pages_without_an_end_are_an_error_after_a_thousand() -> None:
    calls: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(offset(request))
        return page([{"id": str(offset(request) + index)} for index in range(PAGE_SIZE)])

    with pytest.raises(TryLater, match="the list does not end"):
        for _ in serve(respond).list_backups():
            pass
    assert len(calls) == 1000


def test_a_list_larger_than_its_limit_is_an_error() -> None:
    blanks = b" " * (MAX_RESPONSE_BYTES - 10_000)
    calls: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        calls.append(offset(request))
        records = [{"id": str(offset(request) + index)} for index in range(PAGE_SIZE)]
        return httpx.Response(200, content=page(records).content + blanks)

    with pytest.raises(TryLater, match=f"the list is larger than {MAX_LIST_BYTES} bytes"):
        for _ in serve(respond).list_backups():
            pass
    assert len(calls) == MAX_LIST_BYTES // MAX_RESPONSE_BYTES + 1


ODD_RECORDS: list[Any] = [
    None, 5, "text", [], {}, {"id": None}, {"id": True}, {"id": [1]}, {"id": {"a": 1}}, {"id": ""}, {"id": "x" * 200},
    {"id": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_RECORDS, ids=repr)
@pytest.mark.parametrize("key", ["backups", "instances"])
def test_a_record_without_an_id_is_left_out_with_a_warning(key: str, odd: Any) -> None:
    reported: list[dict[str, Any]] = []
    api = serve(
        lambda _: page([{"id": "first"}, odd, {"id": "last"}], key=key), on_odd_records=lambda **it: reported.append(it)
    )
    listed = list(api.list_backups() if key == "backups" else api.list_instances())
    assert [record.id for record in listed] == ["first", "last"]
    [report] = reported
    assert (report["operation"], report["records"]) == (f"list {key}", 1)
    assert len(report["problem"]) < 64


@pytest.mark.parametrize(
    "odd",
    [
        {"name": None},
        {"name": [1]},
        {"instance_id": None},
        {"instance_id": {"a": 1}},
        {"status": {"a": 1}},
        {"begin_time": "9999-12-31T23:59:59+0000"},
        {"size": {"a": 1}},
        {"type": 5},
    ],
    ids=repr,
)
def test_a_backup_with_an_odd_field_is_listed(odd: dict[str, Any]) -> None:
    whole = {"name": "nightly", "instance_id": ORDERS, "status": "COMPLETED"}
    [first, second] = serve(lambda _: page([{"id": "a", **whole, **odd}, {"id": "b", **whole}])).list_backups()
    assert (first.id, second.id, second.status) == ("a", "b", BackupStatus.COMPLETED)


@pytest.mark.parametrize(
    "odd", [{"name": None}, {"tags": 5}, {"tags": [5]}, {"tags": {"a": 1}}, {"status": [1]}], ids=repr
)
def test_an_instance_with_an_odd_field_is_listed(odd: dict[str, Any]) -> None:
    [first, second] = serve(lambda _: page([{"id": "a", **odd}, {"id": "b"}], key="instances")).list_instances()
    assert (first.id, second.id) == ("a", "b")


def test_odd_records_of_many_pages_are_one_warning() -> None:
    reported: list[dict[str, Any]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        records = [{"id": str(index)} if index % 10 else {"id": None} for index in range(250)]
        return page(records[offset(request) : offset(request) + PAGE_SIZE])

    listed = list(serve(respond, on_odd_records=lambda **it: reported.append(it)).list_backups())
    assert len(listed) == 225
    [report] = reported
    assert 25 <= report["records"] <= 27
