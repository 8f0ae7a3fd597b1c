"""make runs the command line with what samconfig.toml has, and with the arguments of `sam deploy`."""

from collections.abc import Sequence
from typing import Any

import pytest

from tools.command_line import make_arguments

SAVED = {"stack_name": "gaussdb-backup", "capabilities": "CAPABILITY_IAM"}

REDRIVE = ["redrive", "--yes", "--queue", "plans"]
ALL_SAVED = ["--stack", "gaussdb-backup", "--region", "eu-west-1", "--profile", "ops"]
OF_SAM = ["--after-deploy", "--stack-name", "x", "--parameter-overrides", "A=b C=d", "--no-confirm-changeset"]


@pytest.mark.parametrize(
    ("arguments", "saved", "expected"),
    [
        (["doctor"], SAVED, ["doctor", "--stack", "gaussdb-backup"]),
        (["doctor"], {}, ["doctor"]),
        (["doctor", "--stack-name", "other"], SAVED, ["doctor", "--stack", "other"]),
        (["doctor", "--stack=other"], SAVED, ["doctor", "--stack", "other"]),
        (REDRIVE, {**SAVED, "region": "eu-west-1", "profile": "ops"}, [*REDRIVE[:1], *ALL_SAVED, *REDRIVE[1:]]),
        (["doctor", "--region", "r"], {"region": "s"}, ["doctor", "--region", "r"]),
        (["doctor", "--odd"], {}, ["doctor", "--odd"]),
        (["doctor", *OF_SAM], {}, ["doctor", "--stack", "x", "--after-deploy"]),
    ],
    ids=["saved", "nothing", "stack-name", "stack", "all saved", "given", "others", "of sam deploy"],
)
def test_its_arguments(arguments: Sequence[str], saved: dict[str, Any], expected: list[str]) -> None:
    assert make_arguments(arguments, saved) == expected
