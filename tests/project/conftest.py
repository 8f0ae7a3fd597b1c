"""The project's own files: the template and the documents."""

from pathlib import Path
from typing import Any

import pytest

from local.aws_emulator.stack import Stack, default_parameters, read_template

ROOT = Path(__file__).parents[2]
ATTRIBUTES = ("Arn", "QueueName")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml with its short forms (`!Ref`) written out."""
    return read_template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def stack(template: dict[str, Any]) -> Stack:
    """The template resolved without being created: `Ref` returns a logical id, `GetAtt` an id and an attribute.

    With the schedule enabled, so that every alarm exists.
    """
    ids = {name: name for name in template["Resources"]}
    attributes = {f"{name}.{attribute}": f"{name}.{attribute}" for name in ids for attribute in ATTRIBUTES}
    return Stack(template, default_parameters(template) | {"ScheduleState": "ENABLED"}, ids, attributes)


@pytest.fixture(scope="session")
def alarms(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::CloudWatch::Alarm")


@pytest.fixture(scope="session")
def runbook(root: Path) -> str:
    return (root / "docs" / "operations.md").read_text()


@pytest.fixture(scope="session")
def readme() -> str:
    return (ROOT / "README.md").read_text()
