"""What a plan would do with the instances that there are: the names of their backups, and what is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gaussdb_backup_cli.aws import explain
from gaussdb_backup_cli.failure import CommandFailed
from gaussdb_backup_cli.plans.models import PlanOfFile
from gaussdb_backup_cli.plans.payloads import make_payloads, without_time
from gaussdb_backup_cli.schedules import Kind
from gaussdb_backup_cli.stack import Stack


@dataclass(frozen=True, slots=True)
class Rendered:
    """The response of a dry run. `failure` is why there is none."""

    queued: Sequence[Mapping[str, Any]] = ()
    skipped: Sequence[Mapping[str, Any]] = ()
    rejected: Sequence[Mapping[str, Any]] = ()
    failure: str | None = None


def render(name: str, plan: PlanOfFile, stack: Stack) -> Rendered:
    """Have a plan dispatched in a dry run, of the present time."""
    event = {**without_time(make_payloads(name, plan)[Kind.BACKUP]), "dry_run": True}
    try:
        response = stack.invoke("DispatchBackups", event)
    except CommandFailed as failure:
        return Rendered(failure=failure.message)
    except (BotoCoreError, ClientError) as error:
        return Rendered(failure=explain(error).message)
    return Rendered(**{key: response.get(key, []) for key in ("queued", "skipped", "rejected")})
