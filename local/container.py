"""The stand-ins in a container beside the functions: `python -m local.container start` (or `stop`).

Needs Docker on Linux: the container runs this checkout with its virtual environment's packages.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
NAME = NETWORK = "gaussdb-backup-local"
VARIABLES = ROOT / ".cache" / "env.json"
PORTS = (8001, 8002)
PATIENCE_SECONDS = 30.0


def start() -> dict[int, int]:
    """Start the stand-ins and write the variables for the functions; return on which ports of this machine they are.

    Raises `RuntimeError` with what the container said if it does not come up.
    """
    stop()
    _docker("network", "create", NETWORK)
    _docker(
        "run", "--detach", "--name", NAME, "--network", NETWORK,
        *(part for port in PORTS for part in ("--publish", f"127.0.0.1::{port}")),
        "--volume", f"{ROOT}:/project:ro", "--workdir", "/project",
        "--env", "PYTHONPATH=/project:/project/layers/gaussdb_backup:/project/.venv/lib/python3.13/site-packages",
        "--env", "LD_LIBRARY_PATH=/var/lang/lib", "--env", "PYTHONDONTWRITEBYTECODE=1", "--env", "HOME=/tmp",
        "--entrypoint", "/var/lang/bin/python3.13",
        IMAGE, "-m", "local", "--host", "0.0.0.0", "--known-as", NAME,  # noqa: S104 - inside its own container
    )  # fmt: skip
    VARIABLES.parent.mkdir(exist_ok=True)
    VARIABLES.write_text(json.dumps(_wait_for_variables(), indent=2))
    return {port: int(_docker("port", NAME, str(port)).splitlines()[0].rsplit(":", 1)[1]) for port in PORTS}


def stop() -> None:
    """Remove the container and its network, if they are there."""
    for command in (("rm", "--force", NAME), ("network", "rm", NETWORK)):
        subprocess.run(["docker", *command], capture_output=True, check=False)  # noqa: S603, S607 - nothing there is fine


def _wait_for_variables() -> object:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        printed = _docker("logs", NAME)
        if printed.startswith("{"):
            return json.loads(printed.splitlines()[0])
        time.sleep(0.2)
    raise RuntimeError(f"the stand-ins did not come up: {_docker('logs', NAME)}")


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - ours
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout or done.stderr


if __name__ == "__main__":
    if sys.argv[1:] == ["start"]:
        print(f"The stand-ins run on {start()}; variables for `sam local invoke` are in {VARIABLES.relative_to(ROOT)}")
    else:
        stop()
