"""An AWS account on this machine: the emulator as a process, on the loopback interface, with TLS."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import trustme
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).parents[2]
SUPERVISOR = Path(__file__).with_name("supervisor.py")
EXECUTABLE = ROOT / ".tools" / "ministack" / "bin" / "ministack"
REGION = "eu-central-1"
ACCOUNT_ID = "123456789012"
EMULATED = (
    "cloudformation,cloudwatch,dynamodb,events,iam,kms,lambda,logs,monitoring,s3,scheduler,secretsmanager,sns,sqs,sts"
)
START_SECONDS = 30.0


class AccountFailed(Exception):
    """The emulator did not start. The message has the end of its log."""


@dataclass(frozen=True)
class Keys:
    """An access key of the account, of its root user or of somebody else."""

    access_key: str
    secret_key: str
    session_token: str | None = None


@dataclass(frozen=True)
class Account:
    """A running account. `endpoint` serves every AWS service, with a certificate of `authority` (a PEM file)."""

    endpoint: str
    authority: Path
    root: Keys
    log: Path

    def client(self, service: str, keys: Keys | None = None) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        """Return a client of a service, by default as the root user, whom no policy restricts."""
        keys = keys or self.root
        session: Any = boto3.Session(keys.access_key, keys.secret_key, keys.session_token, REGION)
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=120)
        return session.client(service, endpoint_url=self.endpoint, verify=str(self.authority), config=config)

    def variables(self, keys: Keys | None = None) -> dict[str, str]:
        """Return the environment in which AWS's own tools use the account."""
        keys = keys or self.root
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            **({"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {}),
        }

    def keys_of(self, user: str) -> Keys:
        """Return a new access key of an IAM user."""
        created = self.client("iam").create_access_key(UserName=user)["AccessKey"]
        return Keys(created["AccessKeyId"], created["SecretAccessKey"])

    def assume(self, role_arn: str) -> Keys:
        """Return the keys of a role's session, as a service gets them that the role trusts."""
        assumed = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="service")["Credentials"]
        return Keys(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])


@contextmanager
def run_account(folder: Path) -> Iterator[Account]:
    """Run a new, empty account until the block ends. Certificates, layers and the log are kept in `folder`."""
    authority = _make_certificates(folder)
    port = _find_port()
    root = Keys("AKIAROOTUSEROFTHISRUN", uuid4().hex)
    account = Account(f"https://localhost:{port}", authority, root, folder / "ministack.log")
    with account.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the project's own environment
            [sys.executable, SUPERVISOR, EXECUTABLE],
            env=_variables(folder, port, account),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(account, process)
            yield account
        finally:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(process.pid, signal.SIGKILL)  # with the functions' processes; nothing of an account is kept
            process.communicate()


def _make_certificates(folder: Path) -> Path:
    """Write the certificate of an authority, and one for this machine: the queues' policies ask for TLS."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.pem").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
    return folder / "authority.pem"


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _variables(folder: Path, port: int, account: Account) -> dict[str, str]:
    """Return the emulator's environment, which is also that of the functions it runs."""
    temporary = folder / "tmp"
    temporary.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "SERVICES": EMULATED,
        "IOT_MTLS_ENABLED": "false",
        "LOG_LEVEL": "INFO",
        "USE_SSL": "true",
        "MINISTACK_SSL_CERT": str(folder / "server.pem"),
        "MINISTACK_SSL_KEY": str(folder / "server.key"),
        "AWS_CA_BUNDLE": str(account.authority),
        "AWS_ACCESS_KEY_ID": account.root.access_key,
        "AWS_SECRET_ACCESS_KEY": account.root.secret_key,
        "NO_PROXY": "localhost,127.0.0.1",
    }


def _wait(account: Account, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            account.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    lines = account.log.read_text(errors="replace").splitlines()
    raise AccountFailed("\n".join(["ministack did not start; the end of its log:", *lines[-20:]]))
