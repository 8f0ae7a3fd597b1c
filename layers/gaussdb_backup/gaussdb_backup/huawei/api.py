"""The client of the GaussDB(for MySQL) API: the calls that backups need, in our words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from gaussdb_backup.domain.models import Backup, BatchDeletion, CreatedBackup, Instance
from gaussdb_backup.errors import (
    ApiAnswer,
    FieldProblem,
    InvalidRequest,
    TryLater,
)
from gaussdb_backup.huawei.error_body import parse_body, request_id
from gaussdb_backup.huawei.http import Answer, Call
from gaussdb_backup.huawei.session import Session

PAGE = 100
"""Records of a page, the most there may be (contract, section 2.2)."""
MOST_PAGES = 10_000
"""A list that does not end by then never will."""
MOST_DELETIONS = 50
"""Ids of one batch deletion (contract, section 3)."""


class GaussDBApi:
    """The API of one cloud project.

    Every method raises the errors of `gaussdb_backup.errors` and no others; each carries the operation and, where the
    API answered, its status, code and request id. Reads are tried three times; creating and deleting never again once
    they may have taken effect. Refused credentials are read again once. Not safe for several threads at a time.
    """

    def __init__(self, session: Session) -> None:
        """`session` is the connection to call."""
        self._session = session

    def close(self) -> None:
        """Close the connections that are kept open; the next call makes new ones."""
        self._session.close()

    # Backups

    def create_backup(self, *, instance_id: str, name: str, description: str | None = None) -> CreatedBackup:
        """Start a manual backup. Not repeated after an ambiguous failure: look for the name first."""
        body: dict[str, object] = {"instance_id": instance_id, "name": name}
        if description:
            body["description"] = description
        call = Call("create backup", "POST", "/backups/create", self._session.family(), changes=True, body=body)
        answer = self._session.call(call)
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
        family = "v3" if name is not None or instance_name is not None else self._session.family()
        call = Call("list backups", "GET", "/backups", family, parameters=parameters)
        return (Backup.model_validate(item) for item in self._pages(call, "backups"))

    def delete_backup(self, backup_id: str) -> None:
        """Ask for the deletion of one backup; it leaves the list a while later."""
        self._session.call(Call("delete backup", "DELETE", f"/backups/{backup_id}", "v3", changes=True))

    def delete_backups(self, backup_ids: Sequence[str]) -> BatchDeletion:
        """Ask for the deletion of at most 50 backups; what was refused is in the answer, not raised."""
        if not 1 <= len(backup_ids) <= MOST_DELETIONS:
            expected = f"1 to {MOST_DELETIONS} backups"
            raise InvalidRequest("deletion", [FieldProblem("backup_ids", expected, str(len(backup_ids)))])
        body: dict[str, object] = {"backup_ids": list(backup_ids)}
        call = Call("delete backups", "DELETE", "/backups", "v3", changes=True, body=body)
        answer = self._session.call(call)
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
        answer = self._session.read(replace(call, parameters=parameters))
        items = (parse_body(answer.content) or {}).get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) and item.get("id") for item in items):
            raise self._unusable(call, answer, f"has no list of {key}")
        return items

    @staticmethod
    def _unusable(call: Call, answer: Answer, what: str) -> TryLater:
        """Explain an answer of success that cannot be used."""
        api = ApiAnswer(call.operation, answer.http_status, None, request_id(answer.headers))
        text = f"{call.operation}: the API answered {answer.http_status}, but the answer {what}: ask again later"
        return TryLater(text, api=api, may_have_taken_effect=call.changes)


def _format_time(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
