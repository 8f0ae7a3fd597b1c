"""A process that ends in the middle of a request, as Lambda or the kernel would end it."""

import os
import sys
from typing import Any

from aws_lambda_powertools import Logger

from gaussdb_backup.bootstrap import Services
from local.aws_emulator.functions import load_app

EXIT = 9


class Context:
    """What Lambda tells a function that has a second and a half."""

    def get_remaining_time_in_millis(self) -> int:
        return 1_500


def run(environment: dict[str, str], event: dict[str, Any], point: str | None) -> None:
    """Answer a direct event; at `point` the process exits at once, without a word to anybody."""
    os.environ.update(environment)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    services = Services(os.environ, logger=Logger(level="CRITICAL"))
    if point is not None:
        _die_at(services, point)
    load_app("create_backup").answer(event, services, Context())


def _die_at(services: Any, point: str) -> None:
    def die(*_: Any, **__: Any) -> None:
        os._exit(EXIT)

    once, follow = services.claims.once, services.follow

    def follow_and_die(message: Any) -> None:
        follow(message)
        die()

    def once_and_die(*arguments: Any, **options: Any) -> None:
        once(*arguments, **options)
        die()

    if point == "after the claim":
        services.claims.once = lambda claim, _work, *, context: once(claim, die, context=context)
    elif point == "after the POST":
        services.telemetry.backup_begun = die
    elif point == "after the tracking message":
        services.follow = follow_and_die
    else:
        services.claims.once = once_and_die
