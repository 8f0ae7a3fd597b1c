"""The emulators in a container beside the functions: `python -m local.container start` (or `stop`).

Needs Docker on Linux: the container runs this checkout with its virtual environment's packages.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

from local.writable import NotWritable, ensure_writable

ROOT = Path(__file__).parents[1]
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
VARIABLES = ROOT / ".cache" / "env.json"
PORTS = (8001, 8002)
START_TIMEOUT_SECONDS = 30.0


def name_of(checkout: Path) -> str:
    """Return the name of a checkout's container and network: two checkouts never remove each other's."""
    return f"gaussdb-backup-{sha256(str(checkout.resolve()).encode()).hexdigest()[:8]}"


NAME = NETWORK = name_of(ROOT)


class NotPossible(Exception):
    """The emulators cannot run here; the message has the reason and what to do."""


def start() -> dict[int, int]:
    """Start the emulators and write the variables for the functions; return each port's port on this machine.

    Raises `NotPossible` or `NotWritable`.
    """
    ensure_writable(VARIABLES)
    stop()
    _docker("network", "create", NETWORK)
    _docker(
        "run", "--detach", "--name", NAME, "--network", NETWORK,
        *(part for port in PORTS for part in ("--publish", f"127.0.0.1::{port}")),
        "--volume", f"{ROOT}:/project:ro", "--workdir", "/project",
        "--volume", f"{(ROOT / '.venv').resolve()}:/venv:ro",
        "--env", "PYTHONPATH=/project:/project/layers/gaussdb_backup:/venv/lib/python3.13/site-packages",
        "--env", "LD_LIBRARY_PATH=/var/lang/lib", "--env", "PYTHONDONTWRITEBYTECODE=1", "--env", "HOME=/tmp",
        "--entrypoint", "/var/lang/bin/python3.13",
        IMAGE, "-m", "local", "--host", "0.0.0.0", "--known-as", NAME,  # noqa: S104 - inside its own container
    )  # fmt: skip
    VARIABLES.write_text(json.dumps(_wait_for_variables(), indent=2))
    return {port: int(_docker("port", NAME, str(port)).splitlines()[0].rsplit(":", 1)[1]) for port in PORTS}


def stop() -> None:
    """Remove this checkout's container and network, where there are any. Raises `NotPossible`."""
    if shutil.which("docker") is None:
        raise NotPossible("docker is not installed: the emulators run in a container. Install Docker Engine.")
    _docker("info")
    for command in (("rm", "--force", NAME), ("network", "rm", NETWORK)):
        subprocess.run(["docker", *command], capture_output=True, check=False)  # noqa: S603, S607 - none there is fine


def describe_invocation() -> str:
    """Return the command that invokes a function in the real runtime, with the emulators as its clouds."""
    return (
        ".tools/sam/bin/sam local invoke CreateBackupFunction --event events/create_backup/direct.json \\\n"
        f"    --docker-network {NETWORK} --env-vars {VARIABLES.relative_to(ROOT)} --region eu-central-1"
    )


def _wait_for_variables() -> object:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        printed = _docker("logs", NAME)
        if printed.startswith("{"):
            return json.loads(printed.splitlines()[0])
        time.sleep(0.2)
    raise NotPossible(f"the emulators did not start: {_docker('logs', NAME)}")


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - ours
    if done.returncode == 0:
        return done.stdout or done.stderr
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if arguments == ("info",):
        raise NotPossible(f"Docker does not answer: {reason}. Start it, or get the permission to use it.")
    raise NotPossible(f"docker {arguments[0]} failed: {reason}")


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.container", description=__doc__)
    parser.add_argument("command", choices=("start", "stop"))
    command = parser.parse_args().command
    try:
        if command == "start":
            start()
            print(f"The emulators run in container {NAME}. To invoke a function (after `make build`):\n")
            print(f"{describe_invocation()}\n\n`make stop-emulators` ends them.")
        else:
            stop()
    except (NotPossible, NotWritable) as error:
        print(f"emulators: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
