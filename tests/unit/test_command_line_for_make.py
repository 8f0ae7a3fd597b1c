"""make runs the command line with what samconfig.toml has, and with the arguments of `sam deploy`."""

from collections.abc import Sequence
from typing import Any

import pytest

from tools.command_line import make_arguments

SAVED = {"stack_name": "gaussdb-backup", "capabilities": "CAPABILITY_IAM"}


@pytest.mark.parametrize(
    ("arguments", "saved", "expected"),
    [
        (["doctor"], SAVED, ["doctor", "--stack", "gaussdb-backup"]),
        (["doctor"], {}, ["doctor"]),
        (["doctor", "--stack-name", "other"], SAVED, ["doctor", "--stack", "other"]),
        (["doctor", "--stack=other"], SAVED, ["doctor", "--stack", "other"]),
        (
            ["redrive", "--yes", "--queue", "plans"],
            {**SAVED, "region": "eu-west-1", "profile": "ops"},
            [
                "redrive",
                "--stack",
                "gaussdb-backup",
                "--region",
                "eu-west-1",
                "--profile",
                "ops",
                "--yes",
                "--queue",
                "plans",
            ],
        ),
        (["doctor", "--region", "r"], {"region": "s"}, ["doctor", "--region", "r"]),
        (["doctor", "--odd"], {}, ["doctor", "--odd"]),
        (
            [
                "doctor",
                "--after-deploy",
                "--stack-name",
                "x",
                "--parameter-overrides",
                "A=b C=d",
                "--no-confirm-changeset",
            ],
            {},
            ["doctor", "--stack", "x", "--after-deploy"],
        ),
    ],
    ids=["saved", "nothing", "stack-name", "stack", "all saved", "given", "others", "of sam deploy"],
)
def test_its_arguments(arguments: Sequence[str], saved: dict[str, Any], expected: list[str]) -> None:
    assert make_arguments(arguments, saved) == expected
