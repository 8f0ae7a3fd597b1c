"""A process that ends in the middle of a request, as Lambda or the kernel would end it."""

import os
import sys
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.bootstrap.common import Runtime
from gaussdb_backup.bootstrap.create import for_create
from local.aws_emulator import Context
from local.aws_emulator.functions import load_app
from tests.helpers.crash import crash_at

EXIT_STATUS = 9
MILLISECONDS_LEFT = 3_000


def exit_at_once() -> None:
    os._exit(EXIT_STATUS)


def run(environment: dict[str, str], event: dict[str, Any], point: str | None) -> None:
    """Handle a direct event; at `point` the process exits at once, without notice to anybody."""
    os.environ.update(environment)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    dependencies = for_create(os.environ, logger=Logger(level="CRITICAL"), runtime=Runtime())
    if point is not None:
        dependencies = crash_at(point, dependencies, exit_at_once)
    load_app("create_backup").handle_request(event, Context(milliseconds_left=MILLISECONDS_LEFT), dependencies)
