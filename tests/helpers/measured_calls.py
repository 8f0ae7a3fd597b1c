"""Calls of an API in a process of their own, which has what a function has and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from gaussdb_backup.bootstrap import create  # noqa: F401 - with the libraries of a function
from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.errors import GaussDBBackupError
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session

PROJECT = "0" * 32


class _Source:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, *, max_age: timedelta | None = None) -> Connection:
        return self._connection

    def reread(self) -> Connection:
        return self._connection


def _connection(url: str, *, by_password: bool) -> Connection:
    credentials: AccessKey | PasswordUser = AccessKey(access_key="key", secret_key=SecretStr("secret"))
    if by_password:
        credentials = PasswordUser(
            iam_endpoint=url, domain_name="domain", user_name="user", password=SecretStr("password")
        )
    return Connection(endpoint=url, project_id=PROJECT, credentials=credentials)


def measure(url: str, *, by_password: bool) -> int:
    """Create a backup and list the backups; return the most memory that this process ever had, in megabytes."""
    session = Session(timeout=timedelta(seconds=5), now=lambda: datetime.now(UTC))
    source = _Source(_connection(url, by_password=by_password))
    for call in ("create", "list"):
        api = GaussDBApi(source, session, deadline=Deadline.after(timedelta(seconds=6)), sleep=lambda _: None)
        try:
            if call == "create":
                api.create_backup(instance_id=f"{PROJECT}in07", name="first")
            else:
                list(api.list_backups())
        except GaussDBBackupError:
            continue
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) // 1024
