"""Deployment by SAM, with the project's own samconfig.toml, as `make deploy` does it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .account import ROOT, Account, Keys

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"


class DeploymentFailed(Exception):
    """SAM did not deploy. The message has what it printed."""


def deploy(
    account: Account, stack: str, template: Path, parameters: Mapping[str, str], *, keys: Keys | None = None
) -> str:
    """Deploy a packaged or built template as a stack with the given parameters; return what SAM printed."""
    command = [
        *(str(SAM), "deploy", "--stack-name", stack, "--s3-prefix", stack),
        *("--template-file", str(template), "--config-file", str(ROOT / "samconfig.toml")),
        *("--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"),
        *(f"{name}={_quote(value)}" for name, value in parameters.items()),
    ]
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(  # noqa: S603 - the project's own environment
        command,
        cwd=ROOT,
        env=variables | account.variables(keys) | {"SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    if done.returncode:
        raise DeploymentFailed(printed)
    return printed


def _quote(value: str) -> str:
    """SAM splits a value at blanks unless it has quotes of its own."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
