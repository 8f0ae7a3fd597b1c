"""The client of the GaussDB(for MySQL) API: the calls that backups need, in our words."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
from pydantic import ValidationError

from gaussdb_backup.errors import (
    ApiAnswer,
    CredentialsRefused,
    FieldProblem,
    InvalidRequest,
    TryLater,
)
from gaussdb_backup.huawei.answers import parse_body, parse_failure, request_id
from gaussdb_backup.huawei.auth import make_auth
from gaussdb_backup.huawei.classification import make_error, parse_retry_after
from gaussdb_backup.huawei.retries import retry_reads
from gaussdb_backup.huawei.transport import Answer, Call, send
from gaussdb_backup.models import Backup, BatchDeletion, Connection, CreatedBackup, Instance

USER_AGENT = "gaussdb-backup/1"
PAGE = 100
"""Records of a page, the most there may be (contract, section 2.2)."""
MOST_PAGES = 10_000
"""A list that does not end by then never will."""
MOST_DELETIONS = 50
"""Ids of one batch deletion (contract, section 3)."""


Guard = Callable[[Callable[[], Answer]], Answer]


class ConnectionSource(Protocol):
    """Where the client learns where and as whom to call."""

    def current(self) -> Connection:
        """Return the connection as last read."""

    def reread(self) -> Connection:
        """Read it anew."""


class GaussDBApi:
    """The API of one cloud project.

    Every method raises the errors of `gaussdb_backup.errors` and no others; each carries the operation and, where the
    API answered, its status, code and request id. Reads are tried three times; creating and deleting never again once
    they may have taken effect. Refused credentials are read again once. Not safe for several threads at a time.
    """

    def __init__(
        self,
        source: ConnectionSource,
        *,
        timeout: timedelta,
        now: Callable[[], datetime],
        guard: Guard = lambda call: call(),
        on_version_switch: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout` is for one call. `on_version_switch` is told when the documented path is gone for good.

        `guard` makes each call, or raises in its place.
        """
        self._source = source
        self._timeout = timeout
        self._now = now
        self._guard = guard
        self._on_version_switch = on_version_switch
        self._retry = retry_reads(sleep)
        self._transport = transport
        self._connection: Connection | None = None
        self._client: httpx.Client | None = None
        self._switched = False

    def close(self) -> None:
        """Close the connections that are kept open; the next call makes new ones."""
        if self._client is not None:
            self._client.close()
            self._client = self._connection = None

    # Backups

    def create_backup(self, *, instance_id: str, name: str, description: str | None = None) -> CreatedBackup:
        """Start a manual backup. Not repeated after an ambiguous failure: look for the name first."""
        body: dict[str, object] = {"instance_id": instance_id, "name": name}
        if description:
            body["description"] = description
        call = Call("create backup", "POST", "/backups/create", self._family(), changes=True, body=body)
        answer = self._guarded(call)
        content = parse_body(answer.content) or {}
        try:
            return CreatedBackup.model_validate({"backup": content["backup"], "job_id": content.get("job_id")})
        except (KeyError, ValidationError) as error:
            raise self._unusable(call, answer, "has no backup.id") from error

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
    ) -> Iterator[Backup]:
        """List backups, page by page as they are asked for. Times bound when a backup began, inclusively.

        `name` and `instance_name` are filters of the path `v3` only, which is then used.
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
        family = "v3" if name is not None or instance_name is not None else self._family()
        call = Call("list backups", "GET", "/backups", family, parameters=parameters)
        return (Backup.model_validate(item) for item in self._pages(call, "backups"))

    def delete_backup(self, backup_id: str) -> None:
        """Ask for the deletion of one backup; it leaves the list a while later."""
        self._guarded(Call("delete backup", "DELETE", f"/backups/{backup_id}", "v3", changes=True))

    def delete_backups(self, backup_ids: Sequence[str]) -> BatchDeletion:
        """Ask for the deletion of at most 50 backups; what was refused is in the answer, not raised."""
        if not 1 <= len(backup_ids) <= MOST_DELETIONS:
            expected = f"1 to {MOST_DELETIONS} backups"
            raise InvalidRequest("deletion", [FieldProblem("backup_ids", expected, str(len(backup_ids)))])
        body: dict[str, object] = {"backup_ids": list(backup_ids)}
        call = Call("delete backups", "DELETE", "/backups", "v3", changes=True, body=body)
        answer = self._guarded(call)
        content = parse_body(answer.content)
        if content is None:
            raise self._unusable(call, answer, "cannot be read")
        results = [item for item in content.get("failed_results") or [] if isinstance(item, dict)]
        failed = {
            str(item.get("backup_id")): (str(item.get("error_code")), str(item.get("error_msg"))) for item in results
        }
        return BatchDeletion(deleted=tuple(id_ for id_ in backup_ids if id_ not in failed), failed=failed)

    # Instances

    def list_instances(
        self, *, instance_id: str | None = None, name: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Iterator[Instance]:
        """List instances, page by page. `name` is exact, or with a leading `*` a part; all `tags` must be there."""
        filters = {
            "id": instance_id,
            "name": name,
            "tags": ",".join(f"{k}={v}" for k, v in (tags or {}).items()) or None,
        }
        parameters = {key: value for key, value in filters.items() if value is not None}
        call = Call("list instances", "GET", "/instances", "v3", parameters=parameters)
        return (Instance.model_validate(item) for item in self._pages(call, "instances"))

    # How

    def _pages(self, call: Call, key: str) -> Iterator[dict[str, Any]]:
        """Yield the records of all pages, each once: records that shift between pages while reading come twice."""
        seen: set[str] = set()
        for page in range(MOST_PAGES):
            items = self._page(call, key, offset=page * PAGE)
            fresh = [item for item in items if item["id"] not in seen]
            seen.update(item["id"] for item in fresh)
            yield from fresh
            if len(items) < PAGE or not fresh:
                return
        raise TryLater(f"{call.operation}: the list does not end", api=ApiAnswer(call.operation))

    def _page(self, call: Call, key: str, *, offset: int) -> list[dict[str, Any]]:
        parameters = {**call.parameters, "offset": str(offset), "limit": str(PAGE)}
        answer: Answer = self._retry(self._guarded, replace(call, parameters=parameters))
        items = (parse_body(answer.content) or {}).get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) and item.get("id") for item in items):
            raise self._unusable(call, answer, f"has no list of {key}")
        return items

    def _guarded(self, call: Call) -> Answer:
        return self._guard(lambda: self._call(call))

    def _call(self, call: Call) -> Answer:
        """Make one call; on the successor's path if that one is gone, with the secret read anew if refused."""
        try:
            return self._attempt(call, self._source.current())
        except CredentialsRefused:
            stale, fresh = self._connection, self._source.reread()
            if fresh == stale:
                raise
            return self._attempt(call, fresh)

    def _attempt(self, call: Call, connection: Connection) -> Answer:
        answer = self._send(call, connection)
        if call.family == "mysql/v3" and self._is_gone(answer):
            answer = self._send(replace(call, family="v3"), connection)
            self._switch(answer)
        if 200 <= answer.http_status < 300:  # noqa: PLR2004 - success
            return answer
        failure = parse_failure(answer.http_status, answer.headers, answer.content)
        retry_after = parse_retry_after(answer.headers.get("Retry-After"), now=self._now())
        raise make_error(failure, operation=call.operation, changes=call.changes, retry_after=retry_after)

    def _switch(self, answer: Answer) -> None:
        """Stay with the successor's path if that one is served; if it is not either, the address is wrong."""
        if not self._switched and not self._is_gone(answer):
            self._switched = True
            self._on_version_switch()

    def _send(self, call: Call, connection: Connection) -> Answer:
        client = self._connect(connection)
        url = f"{connection.endpoint}/{call.family}/{connection.project_id}{call.path}"
        content = None if call.body is None else json.dumps(call.body, ensure_ascii=False).encode()
        request = client.build_request(call.method, url, params=call.parameters or None, content=content)
        return send(client, request, call, timeout=self._timeout)

    def _connect(self, connection: Connection) -> httpx.Client:
        """Return the client for the connection, a new one when it has changed."""
        if self._client is None or connection != self._connection:
            self.close()
            self._client = httpx.Client(
                auth=make_auth(connection.credentials, project_id=connection.project_id, now=self._now),
                headers={"User-Agent": USER_AGENT, "Content-Type": "application/json", "X-Language": "en-us"},
                timeout=httpx.Timeout(self._timeout.total_seconds()),
                transport=self._transport or httpx.HTTPTransport(retries=1, trust_env=False),
                follow_redirects=False,
                trust_env=False,
            )
            self._connection = connection
        return self._client

    def _family(self) -> str:
        return "v3" if self._switched else self._source.current().api_version

    @staticmethod
    def _is_gone(answer: Answer) -> bool:
        failure = parse_failure(answer.http_status, answer.headers, answer.content)
        code = (failure.error_code or "").replace("APIG.", "APIGW.", 1)
        return (failure.http_status, code) == (httpx.codes.NOT_FOUND, "APIGW.0101")

    @staticmethod
    def _unusable(call: Call, answer: Answer, what: str) -> TryLater:
        """Explain an answer of success that cannot be used."""
        api = ApiAnswer(call.operation, answer.http_status, None, request_id(answer.headers))
        text = f"{call.operation}: the API answered {answer.http_status}, but the answer {what}: ask again later"
        return TryLater(text, api=api, may_have_taken_effect=call.changes)


def _format_time(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
