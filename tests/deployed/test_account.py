"""The emulated account itself: on this machine alone, and gone with whoever started it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.ministack import Account
from local.ministack.account import SUPERVISOR

pytestmark = pytest.mark.deployed


def test_what_is_supervised_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time\nwhile True: open({str(alive)!r}, 'w').write(str(time.time())); time.sleep(0.05)"
    starter = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {str(SUPERVISOR)!r}, sys.executable, '-c', {child!r}],"
        " stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter])
    deadline = time.monotonic() + 30
    while not alive.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    time.sleep(1)
    written = alive.read_text()
    time.sleep(1)
    assert alive.read_text() == written


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux lists the addresses on which programs listen")
def test_the_emulator_listens_on_the_loopback_interface_alone(account: Account) -> None:
    port = int(account.endpoint.rsplit(":", 1)[1])
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [local for _, local, _, state, *_ in lines if state == "0A"]
    assert [local for local in listening if int(local.split(":")[1], 16) == port] == [f"0100007F:{port:04X}"]
