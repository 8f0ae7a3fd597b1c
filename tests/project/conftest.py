"""The project's own files: the template and the documents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.aws_emulator.stack import Stack, default_parameters, read_template
from tests.helpers.alarms import fires
from tests.helpers.clock import RUN
from tests.helpers.notifications import ENABLED
from tests.helpers.published_metrics import Published

type Fires = Callable[..., bool]

ROOT = Path(__file__).parents[2]
ATTRIBUTES = ("Arn", "QueueName")
EVERYTHING_ENABLED = {
    "ScheduleState": "ENABLED",
    "RetentionRules": '{"daily": 7}',
    "PruneState": "ENABLED",
    **ENABLED,
}
"""Parameters with which no resource is left out for its condition."""


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

    With all that is optional enabled, so that every alarm exists.
    """
    ids = {name: name for name in template["Resources"]}
    attributes = {f"{name}.{attribute}": f"{name}.{attribute}" for name in ids for attribute in ATTRIBUTES}
    return Stack(template, default_parameters(template) | EVERYTHING_ENABLED, ids, attributes)


@pytest.fixture(scope="session")
def alarms(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::CloudWatch::Alarm")


@pytest.fixture(scope="session")
def runbook(root: Path) -> str:
    return (root / "docs" / "operations.md").read_text()


@pytest.fixture(scope="session")
def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def goes_off(alarms: dict[str, Any], published: Published) -> Fires:
    """Whether an alarm goes off in the hours after a time."""

    def check(alarm: str, *, start: datetime = RUN, hours: float = 2, **others: Any) -> bool:
        return fires(alarms[alarm], published, start=start, end=start + timedelta(hours=hours), **others)

    return check
