"""Turn one backup request into exactly one backup."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from gaussdb_backup.domain.backup_request import FURTHEST_AHEAD, BackupRequest
from gaussdb_backup.domain.models import Backup, CreatedBackup, Instance
from gaussdb_backup.domain.naming import render_name, uses_instance_name
from gaussdb_backup.errors import FieldProblem, GaussDBBackupError, InvalidRequest, NameTaken, TryLater

CLOCK_TOLERANCE = timedelta(minutes=15)
"""How far the API's clock may be behind ours: the skew at which it refuses signatures (contract, section 8.2)."""


class BackupApi(Protocol):
    """What creating a backup needs of the cloud."""

    def create_backup(self, *, instance_id: str, name: str, description: str | None) -> CreatedBackup:
        """Start a manual backup."""

    def list_backups(
        self, *, instance_id: str, backup_type: str, begin_time: datetime | None = None
    ) -> Iterable[Backup]:
        """List backups that began at or after `begin_time`."""

    def list_instances(self, *, instance_id: str) -> Iterable[Instance]:
        """List the instances of the project with this id: one or none."""


class Outcome(StrEnum):
    """How a request got its backup."""

    CREATED = "created"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class CreateResult:
    """The request's backup. `job_id` is known only for a created one, and only on the path `v3`."""

    outcome: Outcome
    backup: Backup
    job_id: str | None = None


def name_backup(request: BackupRequest, *, api: BackupApi) -> str:
    """Render the name of the request's backup; the API is asked only if the template shows the instance's name.

    Raises `InvalidRequest` for a name the API would refuse and for an instance that the project does not have.
    """
    return render_name(
        request.name_template,
        instance_id=request.instance_id,
        scheduled_time=request.scheduled_time,
        timezone=request.timezone,
        schedule=request.schedule,
        instance_name=_look_up_name(request, api) if uses_instance_name(request.name_template) else None,
    )


def create_backup(request: BackupRequest, name: str, *, api: BackupApi, now: datetime) -> CreateResult:
    """Return the one backup of the request: the one it already has, or a new one called `name`.

    Running it again for the same request returns the same backup, however the first run ended: the name is looked
    for before creating, and again after an answer that leaves open whether the API did the work. Raises what the API
    raises; `NameTaken` says whose name it is.
    """
    find = _finder(request, name, api=api, now=now)
    if backup := find():
        return CreateResult(Outcome.ADOPTED, backup)
    try:
        created = api.create_backup(instance_id=request.instance_id, name=name, description=request.description)
    except TryLater as error:
        # A conflict may be with the very backup that an earlier, killed attempt began.
        if (error.may_have_taken_effect or _is_conflict(error)) and (backup := _find_after(error, find)):
            return CreateResult(Outcome.ADOPTED, backup)
        raise
    except NameTaken as error:
        if backup := find():
            return CreateResult(Outcome.ADOPTED, backup)
        raise _explain_taken_name(request, name, api, error) from error
    return CreateResult(Outcome.CREATED, created.backup, created.job_id)


def _is_conflict(error: TryLater) -> bool:
    return error.api is not None and error.api.http_status == HTTPStatus.CONFLICT


def _find_after(error: TryLater, find: Callable[[], Backup | None]) -> Backup | None:
    """Look again; if that fails too, the first failure is the one to report: it knows what may have been done."""
    try:
        return find()
    except GaussDBBackupError as second:
        raise error from second


def _finder(request: BackupRequest, name: str, *, api: BackupApi, now: datetime) -> Callable[[], Backup | None]:
    """Make the look-up of the backup of this run among the instance's manual backups.

    Of several it is the earliest: a later run may have used the same name since. One without a time counts, since
    the API listed it as begun late enough.
    """
    earliest = _earliest_begin(request.scheduled_time, now)

    def age(backup: Backup) -> tuple[datetime, str]:
        return backup.begin_time or now, backup.id

    def find() -> Backup | None:
        backups = api.list_backups(instance_id=request.instance_id, backup_type="manual", begin_time=earliest)
        return min(
            (backup for backup in backups if backup.name == name and age(backup)[0] >= earliest), key=age, default=None
        )

    return find


def _earliest_begin(scheduled_time: datetime, now: datetime) -> datetime:
    """Tell from when on a backup can belong to the run of `scheduled_time`.

    One that began before is another run's, whatever its name: a template without a time, or two runs that read alike
    at the end of daylight saving, must not make an old backup stand for tonight's. A request that came ahead of its
    time got its backup ahead of its time too.
    """
    return scheduled_time - CLOCK_TOLERANCE - (FURTHEST_AHEAD if now < scheduled_time else timedelta(0))


def _look_up_name(request: BackupRequest, api: BackupApi) -> str:
    for instance in api.list_instances(instance_id=request.instance_id):
        if instance.id == request.instance_id:
            return instance.name
    problem = FieldProblem("instance_id", "an instance of the connection's project", f"'{request.instance_id}'")
    raise InvalidRequest("backup request", [problem])


def _explain_taken_name(request: BackupRequest, name: str, api: BackupApi, error: NameTaken) -> NameTaken:
    """Say whose name it is, so that nobody has to search."""
    others = api.list_backups(instance_id=request.instance_id, backup_type="manual")
    owner = next((other for other in others if other.name == name), None)
    which = f"backup {owner.id} of {owner.begin_time}" if owner else "a backup that the API does not list"
    return NameTaken(
        f"the name '{name}' belongs to {which}, which is older than this run: put {{scheduled_time}} into the "
        f"name_template, or delete that backup",
        api=error.api,
    )
