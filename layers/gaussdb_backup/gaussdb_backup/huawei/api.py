"""The operations of the GaussDB(for MySQL) API that backups need."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import (
    PAGE_SIZE,
    Backup,
    BatchDeletion,
    CreatedBackup,
    Instance,
    LastResponse,
    Protection,
    VaultLock,
)
from gaussdb_backup.errors import FailedApiCall, FieldProblem, InvalidRequest, TryLater
from gaussdb_backup.huawei.calls import Caller, CircuitBreaker, ConnectionSource
from gaussdb_backup.huawei.deletion import read_batch_deletion
from gaussdb_backup.huawei.error_body import parse_body, request_id
from gaussdb_backup.huawei.http import ApiRequest, ApiResponse
from gaussdb_backup.huawei.paging import MAX_PAGES, OddRecordsHook, Page, read_list
from gaussdb_backup.huawei.session import Session

MAX_DELETIONS = 50
"""Ids of one batch deletion (docs/reference/gaussdb_api.md, "Deleting backups")."""
MAX_ID = 64
"""Characters of an id that is part of a path; the vendor's have 36."""


class GaussDBApi:
    """The API of one cloud project, for one piece of work that has to end by a deadline.

    Every method raises the errors of `gaussdb_backup.errors` and no others; each carries the operation and, where the
    API returned them, status, code and request id. Reads have three attempts; creating and deleting are never repeated
    once they may have taken effect. Not safe for several threads at a time.
    """

    def __init__(
        self,
        source: ConnectionSource,
        session: Session,
        *,
        deadline: Deadline,
        circuit_breaker: CircuitBreaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
        on_odd_records: OddRecordsHook | None = None,
        max_pages: int = MAX_PAGES,
    ) -> None:
        """`circuit_breaker` permits each call, and each attempt of a read, before it is made; `sleep` takes seconds.

        Each call, with all attempts of a read, ends by the `deadline`. `on_odd_records` is called once for each list
        with records that cannot be read.
        """
        self._session = session
        self._caller = Caller(source, session, deadline=deadline, circuit_breaker=circuit_breaker, sleep=sleep)
        self._on_odd_records = on_odd_records
        self._max_pages = max_pages
        self._odd_records: dict[str, int] = {}

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the API's clock is ahead of ours, by its last response; `None` where that is not known."""
        return self._session.clock_skew

    @property
    def last_response(self) -> LastResponse | None:
        """Where the last response came from, and when; `None` before the first."""
        return self._session.last_response

    @property
    def odd_records(self) -> Mapping[str, int]:
        """How many records of the lists that were read so far were left out, by operation; none: no entry."""
        return self._odd_records

    def create_backup(self, *, instance_id: str, name: str, description: str | None = None) -> CreatedBackup:
        """Start a manual backup. After an ambiguous failure list the backups before this is called again."""
        body: dict[str, object] = {"instance_id": instance_id, "name": name}
        if description:
            body["description"] = description
        request = ApiRequest("create backup", "POST", "/backups/create", is_mutating=True, body=body)
        response = self._caller.send(request)
        content = parse_body(response.content) or {}
        try:
            return CreatedBackup.model_validate({"backup": content["backup"], "job_id": content.get("job_id")})
        except (KeyError, ValidationError) as error:
            raise _unusable(request, response, "has no backup.id") from error

    def list_backups(
        self,
        *,
        instance_id: str | None = None,
        backup_id: str | None = None,
        backup_type: str | None = None,
        begin_time: datetime | None = None,
        end_time: datetime | None = None,
        name: str | None = None,
        instance_name: str | None = None,
        with_instance_names: bool = False,
    ) -> Iterator[Backup]:
        """List backups; a page is requested when it is needed. Times bound the begin of a backup, inclusively.

        What cannot be read of a record is not known, a status then UNKNOWN; one without an id is left out. `name` and
        `instance_name` are filters of the path `v3` only, which is then used, as it is `with_instance_names`: only its
        records have the names of the instances.
        """
        filters = {
            "instance_id": instance_id,
            "backup_id": backup_id,
            "backup_type": backup_type,
            "begin_time": _format_time(begin_time),
            "end_time": _format_time(end_time),
            "name": name,
            "instance_name": instance_name,
        }
        parameters = {key: value for key, value in filters.items() if value is not None}
        needs_v3 = with_instance_names or name is not None or instance_name is not None
        api_prefix = "v3" if needs_v3 else None
        request = ApiRequest("list backups", "GET", "/backups", api_prefix, parameters=parameters)
        return self._list(request, "backups", Backup.model_validate)

    def delete_backup(self, backup_id: str) -> None:
        """Request the deletion of one backup; it stays in the list for a while.

        Raises `InvalidRequest` for an id that no address can have.
        """
        path = f"/backups/{_path_part('backup_id', backup_id)}"
        self._caller.send(ApiRequest("delete backup", "DELETE", path, "v3", is_mutating=True))

    def delete_backups(self, backup_ids: Sequence[str]) -> BatchDeletion:
        """Request the deletion of at most 50 backups, each once; what was refused is in the result, not raised.

        A response that does not account for each backup is a `TryLater` that may have taken effect: list them again.
        """
        if not 1 <= len(backup_ids) <= MAX_DELETIONS:
            expected = f"1 to {MAX_DELETIONS} backups"
            raise InvalidRequest("deletion", [FieldProblem("backup_ids", expected, str(len(backup_ids)))])
        ids = list(dict.fromkeys(backup_ids))
        body: dict[str, object] = {"backup_ids": ids}
        request = ApiRequest("delete backups", "DELETE", "/backups", "v3", is_mutating=True, body=body)
        response = self._caller.send(request)
        content = parse_body(response.content)
        if content is None:
            raise _unusable(request, response, "is malformed")
        result = read_batch_deletion(content, ids)
        if result is None:
            raise _unusable(request, response, "does not account for each backup")
        return result

    def list_instances(
        self,
        *,
        instance_id: str | None = None,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        whole: bool = False,
    ) -> Iterator[Instance]:
        """List instances; a page is requested when it is needed.

        `name` is exact, or with a leading `*` a part of a name; all `tags` must be present. What cannot be read of a
        record is not known; one without an id is left out. A `whole` list is an error where its total has more.
        """
        filters = {
            "id": instance_id,
            "name": name,
            "tags": ",".join(f"{k}={v}" for k, v in (tags or {}).items()) or None,
        }
        parameters = {key: value for key, value in filters.items() if value is not None}
        request = ApiRequest("list instances", "GET", "/instances", "v3", parameters=parameters)
        return self._list(request, "instances", Instance.model_validate, whole=whole)

    def show_vault_lock(self, instance_id: str) -> VaultLock | None:
        """Return the vault lock of an instance's backups; `None` where the API does not return one that can be read.

        Raises `InvalidRequest` for an id that no address can have.
        """
        return self._show_protection("show vault lock", instance_id, "vault-lock").vault_lock

    def show_backup_encryption(self, instance_id: str) -> Literal["on", "off"] | None:
        """Return whether the backups of an instance are encrypted; `None` and errors as of `show_vault_lock`."""
        return self._show_protection("show backup encryption", instance_id, "encryption").encryption

    def _show_protection(self, operation: str, instance_id: str, part: str) -> Protection:
        path = f"/instances/{_path_part('instance_id', instance_id)}/backups/{part}"
        request = ApiRequest(operation, "GET", path, "v3")
        response = self._caller.read(request)
        content = parse_body(response.content)
        if content is None:
            raise _unusable(request, response, "is malformed")
        return Protection.model_validate(content)

    def _list[T](
        self, request: ApiRequest, key: str, parse: Callable[[Mapping[str, Any]], T], *, whole: bool = False
    ) -> Iterator[T]:
        return read_list(
            request.operation,
            lambda offset: self._read_page(request, key, offset=offset),
            parse=parse,
            on_odd_records=self._note_odd_records,
            max_pages=self._max_pages,
            whole=whole,
        )

    def _note_odd_records(self, *, operation: str, records: int, problem: str) -> None:
        self._odd_records[operation] = records
        if self._on_odd_records:
            self._on_odd_records(operation=operation, records=records, problem=problem)

    def _read_page(self, request: ApiRequest, key: str, *, offset: int) -> Page:
        parameters = {**request.parameters, "offset": str(offset), "limit": str(PAGE_SIZE)}
        response = self._caller.read(replace(request, parameters=parameters))
        content = parse_body(response.content) or {}
        records, total = content.get(key), content.get("total_count")
        if not isinstance(records, list):
            raise _unusable(request, response, f"has no list of {key}")
        return Page(records, len(response.content), total if isinstance(total, int) else None)


def _path_part(field: str, id_: str) -> str:
    """Return an id as a part of a path. Ids are the API's own, but one of `../` would be another call."""
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MAX_ID}}}", id_):
        expected = f"an id of at most {MAX_ID} letters, digits, - and _"
        raise InvalidRequest("call", [FieldProblem(field, expected, repr(id_)[:MAX_ID])])
    return id_


def _unusable(request: ApiRequest, response: ApiResponse, problem: str) -> TryLater:
    """Make the error for a response of success that cannot be used."""
    api_call = FailedApiCall(request.operation, response.http_status, None, request_id(response.headers))
    text = f"{request.operation}: the API returned {response.http_status}, but the body {problem}: repeat it later"
    return TryLater(text, api_call=api_call, may_have_taken_effect=request.is_mutating)


def _format_time(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
