"""An emulated cloud and a client of it."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.paging import MAX_PAGES
from gaussdb_backup.huawei.session import Session
from local import gaussdb_emulator

PROJECT = gaussdb_emulator.Project().id
KEY = gaussdb_emulator.AccessKey(access_key="EXAMPLEAK", secret_key="hush-hush-secret-key")
USER = gaussdb_emulator.IamUser(domain_name="domain", user_name="backup", password="hush-hush-password")
ORDERS, STOCK, BILLING = (f"{number:032x}in07" for number in (0xA1, 0xB2, 0xC3))


class Source:
    """A connection's secret that a test rotates: `current` is what was read, `stored` what `reread` finds.

    A value that differs is another version of the secret.
    """

    def __init__(self, connection: Connection) -> None:
        self.stored = connection
        self.connection = connection.model_copy(update={"version": "version-0"})
        self.rereads = 0

    def current(self, *, max_age: timedelta | None = None) -> Connection:
        return self.connection if max_age is None else self.reread()

    def reread(self) -> Connection:
        self.rereads += 1
        if self.stored != self.connection.model_copy(update={"version": self.stored.version}):
            self.connection = self.stored.model_copy(update={"version": f"version-{self.rereads}"})
        return self.connection


def make_cloud(clock: Any = None, **rules: Any) -> gaussdb_emulator.Cloud:
    fleet = gaussdb_emulator.Fleet(
        projects=(gaussdb_emulator.Project(),),
        access_keys=(KEY,),
        users=(USER,),
        instances=(
            gaussdb_emulator.Instance(id=ORDERS, name="orders", tags={"env": "prod"}),
            gaussdb_emulator.Instance(id=STOCK, name="stock (übung)"),
            gaussdb_emulator.Instance(id=BILLING, name="billing", tags={"env": "prod", "tier": "gold"}),
        ),
        rules=gaussdb_emulator.Rules(**rules),
    )
    if clock is None:
        return gaussdb_emulator.Cloud(fleet)
    return gaussdb_emulator.Cloud(fleet, clock=clock, sleep=lambda _: None)  # a slow response costs no time


def by_key(endpoint: str = "https://gaussdb.test", **changes: Any) -> Connection:
    key = AccessKey(access_key=KEY.access_key, secret_key=SecretStr(changes.pop("secret_key", KEY.secret_key)))
    return Connection(endpoint=endpoint, project_id=PROJECT, credentials=key, **changes)


def by_password(endpoint: str = "https://gaussdb.test", *, password: str = USER.password) -> Connection:
    user = PasswordUser(
        iam_endpoint=endpoint, domain_name=USER.domain_name, user_name=USER.user_name, password=SecretStr(password)
    )
    return Connection(endpoint=endpoint, project_id=PROJECT, credentials=user)


def make_api(cloud: gaussdb_emulator.Cloud, source: Source | None = None, **options: Any) -> GaussDBApi:
    """A client of the emulator in this process; its delays cost no time."""
    of_api: dict[str, Any] = {
        "sleep": lambda _: None,
        "max_pages": MAX_PAGES,
        "circuit_breaker": None,
        "on_odd_records": None,
        "deadline": Deadline.after(timedelta(hours=1)),
    }
    of_api |= {name: options.pop(name) for name in list(options) if name in of_api}
    given = {
        "timeout": timedelta(seconds=5),
        "now": cloud.now,
        "transport": gaussdb_emulator.EmulatorTransport(gaussdb_emulator.create_app(cloud)),
        **options,
    }
    return GaussDBApi(source or Source(by_key()), Session(**given), **of_api)
