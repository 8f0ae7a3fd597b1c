"""Turn one backup request into exactly one backup."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from gaussdb_backup.domain.backup_request import MAX_AHEAD, BackupRequest
from gaussdb_backup.domain.models import Backup, CreatedBackup, Frozen, Instance
from gaussdb_backup.domain.naming import render_backup_name, uses_instance_name
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest, NameTaken, TryLater

CLOCK_TOLERANCE = timedelta(minutes=15)
"""How far the API's clock may be behind ours: the skew beyond which it refuses signatures.

Source: docs/reference/gaussdb_api.md, "Signing with an access key".
"""


class BackupApi(Protocol):
    """The calls of the API that creating a backup needs."""

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
    """The backup of a request. `job_id` is known only for a created one, and only on the path `v3`."""

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
    remaining_time: timedelta,
) -> CreateResult:
    """Return the one backup of a request: the one that it has already, or a new one, which is then tracked.

    Running it again for the same request returns the same backup, however the first run ended. `remaining_time` is
    after how long Lambda ends this function; after that another may execute the request. Raises what the API raises;
    `InvalidRequest` for a name that the API would refuse and for an instance that the project does not have;
    `TryLater` while another function executes the request.
    """
    reporter.add(**request.log_fields)
    name = _render_name(request, api=api)
    reporter.add(backup_name=name)
    with idempotency.run_once(request.idempotency_key(name), remaining_time=remaining_time) as execution:
        if execution.result is not None:
            return CreateResult.model_validate(execution.result)
        result = find_or_create(request, name, api=api, now=now())
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


def find_or_create(request: BackupRequest, name: str, *, api: BackupApi, now: datetime) -> CreateResult:
    """Return the backup called `name` of this run, or create it.

    The name is searched for before creating, and again after a response that leaves open whether the API did the
    work: an ambiguous failure, a conflict (which may be with the very backup that a killed function began), a name
    that is taken. Raises what the API raises; `NameTaken` names the backup that has the name.
    """
    earliest = _earliest_begin(request.scheduled_time, now)
    if backup := _find_backup(request.instance_id, name, earliest=earliest, api=api):
        return CreateResult(outcome=Outcome.ADOPTED, backup=backup)
    try:
        created = api.create_backup(instance_id=request.instance_id, name=name, description=request.description)
    except TryLater as error:
        if not (error.may_have_taken_effect or _is_conflict(error)):
            raise
        try:
            backup = _find_backup(request.instance_id, name, earliest=earliest, api=api)
        except GaussDBBackupError as second:
            raise error from second  # the first error is the one that says whether the work may be done
        if backup is None:
            raise
    except NameTaken as error:
        backup = _find_backup(request.instance_id, name, earliest=earliest, api=api)
        if backup is None:
            raise _name_taken_by(request, name, api=api, error=error) from error
    else:
        named = created.backup.model_copy(update={"name": created.backup.name or name})  # it may be found by it only
        return CreateResult(outcome=Outcome.CREATED, backup=named, job_id=created.job_id)
    return CreateResult(outcome=Outcome.ADOPTED, backup=backup)


def _is_conflict(error: TryLater) -> bool:
    return error.api_call is not None and error.api_call.http_status == HTTPStatus.CONFLICT


def _find_backup(instance_id: str, name: str, *, earliest: datetime, api: BackupApi) -> Backup | None:
    """Return the manual backup of that name that began first, at `earliest` or later.

    Of several it is the first: a later run may have used the same name since. One without a begin time is taken only
    if there is no other; it counts, since the API listed it as begun late enough.
    """
    listed = api.list_backups(instance_id=instance_id, backup_type="manual", begin_time=earliest)
    found = [backup for backup in listed if backup.name == name and (backup.begin_time or earliest) >= earliest]
    return min(found, key=_age_order, default=None)


def _age_order(backup: Backup) -> tuple[bool, float, str]:
    begin = backup.begin_time.timestamp() if backup.begin_time else 0.0
    return (backup.begin_time is None, begin, backup.id)


def _earliest_begin(scheduled_time: datetime, now: datetime) -> datetime:
    """Return from when on a backup can belong to the run of `scheduled_time`.

    One that began before belongs to another run, whatever its name: with a template without a time, or two runs that
    read alike when daylight saving ends, an old backup must not be taken for that of this run. A request that is
    ahead of its time got its backup ahead of its time too.
    """
    return scheduled_time - CLOCK_TOLERANCE - (MAX_AHEAD if now < scheduled_time else timedelta(0))


def _name_taken_by(request: BackupRequest, name: str, *, api: BackupApi, error: NameTaken) -> NameTaken:
    """Name the backup that has the name, so that nobody has to search for it."""
    others = api.list_backups(instance_id=request.instance_id, backup_type="manual")
    owner = next((other for other in others if other.name == name), None)
    which = f"backup {owner.id} of {owner.begin_time}" if owner else "a backup that the API does not list"
    return NameTaken(
        f"the name '{name}' belongs to {which}, which is older than this run: put {{scheduled_time}} into the "
        f"name_template, or delete that backup",
        api_call=error.api_call,
    )
