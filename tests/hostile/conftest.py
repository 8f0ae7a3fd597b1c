"""Secrets whose every value is recognizable, and a search for each part of them in all that was emitted."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from gaussdb_backup.domain.deadline import Deadline
from gaussdb_backup.domain.models import AccessKey, Connection, PasswordUser
from gaussdb_backup.huawei.api import GaussDBApi
from gaussdb_backup.huawei.session import Session
from gaussdb_backup.huawei.transport import NetworkTransport
from gaussdb_backup.telemetry.logger import make_logger
from tests.helpers.canaries import CANARIES, emitted_text, find_canaries
from tests.helpers.gaussdb import Source
from tests.helpers.hostile_server import Behaviour, issues_tokens, serve_hostile

TIMEOUT = timedelta(seconds=1)
"""For calls that wait until it is over. A busy machine needs some of it to connect."""
TIMEOUT_WITH_TOKEN = 2 * TIMEOUT
"""For those that request a token first."""
ENOUGH = timedelta(seconds=10)
"""For calls that end by themselves: however busy the machine is, it is not what ends them."""
MARGIN = 4.0
"""Seconds that a busy machine may need besides."""


@dataclass
class Client:
    """Makes clients of servers that it starts, and collects what they emit."""

    stack: ExitStack
    caplog: pytest.LogCaptureFixture
    capsys: pytest.CaptureFixture[str]
    emitted: list[str] = field(default_factory=list)

    def serve(self, behaviour: Behaviour, **options: Any) -> str:
        return self.stack.enter_context(serve_hostile(behaviour, **options)).url

    def by_key(self, endpoint: str) -> Connection:
        key = AccessKey(
            access_key=CANARIES["access_key"],
            secret_key=SecretStr(CANARIES["secret_key"]),
            security_token=SecretStr(CANARIES["security_token"]),
        )
        return Connection(endpoint=endpoint, project_id=CANARIES["project_id"], credentials=key)

    def by_password(self, endpoint: str, iam_endpoint: str) -> Connection:
        user = PasswordUser(
            iam_endpoint=iam_endpoint,
            domain_name=CANARIES["domain_name"],
            user_name=CANARIES["user_name"],
            password=SecretStr(CANARIES["password"]),
        )
        return Connection(endpoint=endpoint, project_id=CANARIES["project_id"], credentials=user)

    def connect(self, where: str, behaviour: Behaviour) -> Connection:
        """Return the connection whose API, or IAM, behaves like that."""
        url = self.serve(behaviour)
        if where == "API by key":
            return self.by_key(url)
        if where == "API by password":
            return self.by_password(url, self.serve(issues_tokens(CANARIES["token"])))
        return self.by_password("https://127.0.0.1:9", url)

    def api(
        self, connection: Connection, *, timeout: timedelta = TIMEOUT, work: timedelta | None = None, **options: Any
    ) -> GaussDBApi:
        """`work` is the time of all calls together; without it there is time for one."""
        session = Session(**{"timeout": timeout, "now": lambda: datetime.now(UTC), **options})
        self.stack.callback(session.close)
        # With less than a second left no attempt is repeated.
        deadline = Deadline.after(work or max(timeout, timedelta(seconds=1.1)))
        return GaussDBApi(Source(connection), session, deadline=deadline, sleep=lambda _: None)

    def emit(self, error: BaseException) -> None:
        self.emitted.append(emitted_text(error))

    def find_canaries(self) -> list[str]:
        out, err = self.capsys.readouterr()
        return find_canaries(" ".join([*self.emitted, out, err, self.caplog.text]))


@pytest.fixture(scope="session", autouse=True)
def _load_trusted_certificates() -> None:
    """The first transport of a process does, within its call, and that may take longer than `TIMEOUT`."""
    NetworkTransport().close()


@pytest.fixture
def client(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Iterator[Client]:
    """Every test that has it ends by searching all that was logged, printed and raised for secrets."""
    make_logger()
    caplog.set_level("DEBUG")
    with ExitStack() as stack:
        client = Client(stack, caplog, capsys)
        yield client
        assert client.find_canaries() == []
