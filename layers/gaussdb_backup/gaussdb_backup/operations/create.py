"""Turn one backup request into exactly one backup."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from gaussdb_backup.domain.adoption import earliest_begin, find_own
from gaussdb_backup.domain.backup_request import BackupRequest
from gaussdb_backup.domain.daily_limit import check_daily_limit
from gaussdb_backup.domain.models import Backup, CreatedBackup, Frozen, Instance
from gaussdb_backup.domain.naming import render_backup_name, uses_instance_name
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest, NameTaken, TryLater

SEARCHED = timedelta(days=1)
"""How far before its run a backup is searched for: further than any clock skew, so that one list serves whatever skew
its response shows."""
SEARCH_AGAIN_AFTER = timedelta(minutes=2)
"""How soon a request at the earliest is executed again that may have its backup already, although the API lists none:
lists may lag behind, and one that is asked too early lets the backup be made twice."""


class BackupApi(Protocol):
    """The calls of the API that creating a backup needs."""

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the API's clock is ahead of ours, by its last response; `None` where that is not known."""

    def create_backup(self, *, instance_id: str, name: str, description: str | None) -> CreatedBackup:
        """Start a manual backup."""

    def list_backups(
        self, *, instance_id: str, backup_type: str, begin_time: datetime | None = None
    ) -> Iterable[Backup]:
        """List backups that began at or after `begin_time`."""

    def list_instances(self, *, instance_id: str) -> Iterable[Instance]:
        """List the instances of the project with this id: one or none."""


class Execution(Protocol):
    """One execution for an idempotency key. `result` is the saved one where the work is done already."""

    result: dict[str, Any] | None


class Idempotency(Protocol):
    """Saved results, shared by everything that executes requests."""

    def run_once(self, key: Mapping[str, str], *, remaining_time: timedelta) -> AbstractContextManager[Execution]:
        """Enter the one execution for a key; the result that is set in the block is saved for the next."""


class Tracker(Protocol):
    """What has a backup tracked to its end."""

    def track(self, request: BackupRequest, backup: Backup, *, now: datetime) -> None:
        """Have a backup tracked."""


class Reporter(Protocol):
    """What logs and counts."""

    def add(self, **log_fields: object) -> None:
        """Add fields to each later record, to that of an error too."""

    def backup_started(self, backup: Backup, *, outcome: str) -> None:
        """Report that a backup was created or adopted."""


class Outcome(StrEnum):
    """How a request got its backup."""

    CREATED = "created"
    ADOPTED = "adopted"


class CreateResult(Frozen):
    """The backup of a request. `job_id` is known only of one that was created in the last hours, on the path `v3`."""

    outcome: Outcome
    backup: Backup
    job_id: str | None = None


def create_backup(
    request: BackupRequest,
    *,
    api: BackupApi,
    idempotency: Idempotency,
    tracker: Tracker,
    reporter: Reporter,
    now: Callable[[], datetime],
    maximum_per_day: int,
    remaining_time: timedelta,
) -> CreateResult:
    """Return the one backup of a request: the one that it has already, or a new one, which is then tracked.

    Running it again for the same request returns the same backup, however the first run ended. `remaining_time` is
    after how long Lambda ends this function; after that another may execute the request. Raises what the API raises;
    `InvalidRequest` for a name that the API would refuse and for an instance that the project does not have;
    `TooManyBackups` if the instance has had `maximum_per_day` manual backups within a day, whoever made them;
    `TryLater` while another function executes the request.
    """
    reporter.add(**request.log_fields)
    name = _render_name(request, api=api)
    reporter.add(backup_name=name)
    with idempotency.run_once(request.idempotency_key(name), remaining_time=remaining_time) as execution:
        if execution.result is not None:
            return CreateResult.model_validate({**execution.result, "outcome": Outcome.ADOPTED})
        search = _Search(request=request, name=name, api=api, now=now())
        result = _find_or_create(search, maximum_per_day=maximum_per_day)
        reporter.backup_started(result.backup, outcome=result.outcome.value)
        tracker.track(request, result.backup, now=now())
        execution.result = result.model_dump(mode="json")
    return result


def _render_name(request: BackupRequest, *, api: BackupApi) -> str:
    """Render the name of the backup; the API is called only where the template has the name of the instance."""
    needs_instance = uses_instance_name(request.name_template)
    return render_backup_name(
        request.name_template,
        instance_id=request.instance_id,
        scheduled_time=request.scheduled_time,
        timezone=request.timezone,
        schedule=request.schedule,
        instance_name=_read_instance_name(request, api=api) if needs_instance else None,
    )


def _read_instance_name(request: BackupRequest, *, api: BackupApi) -> str:
    for instance in api.list_instances(instance_id=request.instance_id):
        if instance.id == request.instance_id:
            return instance.name
    problem = FieldProblem("instance_id", "an instance of the connection's project", f"'{request.instance_id}'")
    raise InvalidRequest("backup request", [problem])


@dataclass(frozen=True, kw_only=True)
class _Search:
    """The search for the backup called `name` of this run among the manual backups of the instance."""

    request: BackupRequest
    name: str
    api: BackupApi
    now: datetime

    def list_recent(self) -> list[Backup]:
        """List the backups among which that of this run is, if there is one."""
        return self._list_since(min(self.now, self.request.scheduled_time) - SEARCHED)

    def list_all(self) -> list[Backup]:
        """List every manual backup of the instance."""
        return self._list_since(None)

    def find(self, listed: Iterable[Backup]) -> Backup | None:
        """Return the backup of this run, by the clock skew that the response to the list shows.

        One without a begin time is that of this run only if the API lists it as begun late enough.
        """
        earliest = earliest_begin(self.request, clock_skew=self.api.clock_skew)
        own = find_own(listed, self.name, earliest=earliest)
        if own is None or own.begin_time is not None:
            return own
        return find_own(self._list_since(earliest), self.name, earliest=earliest)

    def _list_since(self, begin_time: datetime | None) -> list[Backup]:
        id_ = self.request.instance_id
        listed = self.api.list_backups(instance_id=id_, backup_type="manual", begin_time=begin_time)
        return [backup for backup in listed if backup.instance_id in ("", id_)]


def _find_or_create(search: _Search, *, maximum_per_day: int) -> CreateResult:
    """Return the backup of a run, or create it.

    The name is searched for before creating, and again after a response that leaves open whether the API did the
    work: an ambiguous failure, a conflict (which may be with the very backup that a killed function began), a name
    that is taken. Raises what the API raises; `NameTaken` names the backup that has the name, where the API lists it.
    """
    request, name, api = search.request, search.name, search.api
    listed = search.list_recent()
    if backup := search.find(listed):
        return CreateResult(outcome=Outcome.ADOPTED, backup=backup)
    check_daily_limit(listed, maximum=maximum_per_day, now=search.now)
    try:
        created = api.create_backup(instance_id=request.instance_id, name=name, description=request.description)
    except TryLater as error:
        if error.may_have_taken_effect:
            error.retry_after = max(error.retry_after or SEARCH_AGAIN_AFTER, SEARCH_AGAIN_AFTER)
        elif not _is_conflict(error):
            raise
        try:
            backup = search.find(search.list_recent())
        except GaussDBBackupError as second:
            raise error from second  # the first error is the one that says whether the work may be done
        if backup is None:
            raise
    except NameTaken as error:
        listed = search.list_all()
        backup = search.find(listed)
        if backup is None:
            raise _explain_taken_name(name, listed, error=error) from error
    else:
        named = created.backup.model_copy(update={"name": created.backup.name or name})  # it may be found by it only
        return CreateResult(outcome=Outcome.CREATED, backup=named, job_id=created.job_id)
    return CreateResult(outcome=Outcome.ADOPTED, backup=backup)


def _is_conflict(error: TryLater) -> bool:
    return error.api_call is not None and error.api_call.http_status == HTTPStatus.CONFLICT


def _explain_taken_name(name: str, listed: Iterable[Backup], *, error: NameTaken) -> NameTaken | TryLater:
    """Name the backup that has the name, so that nobody has to search for it.

    Where the API lists none, it may be that of this run, whose response was lost: it is listed later.
    """
    owner = next((other for other in listed if other.name == name), None)
    if owner is None:
        text = f"the name '{name}' is taken, perhaps by this run's own backup, which the API does not list yet"
        return TryLater(f"{text}: repeat it later", api_call=error.api_call, retry_after=SEARCH_AGAIN_AFTER)
    return NameTaken(
        f"the name '{name}' belongs to backup {owner.id} of {owner.begin_time}, which is older than this run: put "
        f"{{scheduled_time}} into the name_template, or delete that backup",
        api_call=error.api_call,
    )
