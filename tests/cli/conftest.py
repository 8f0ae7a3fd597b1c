"""A stack in moto for each test."""

from collections.abc import Iterator

import pytest

from tests.helpers.command_line import StackUnderTest, make_stack
from tests.helpers.deployment import Deployment, deploy


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    with deploy(monkeypatch, capsys) as running:
        yield running


@pytest.fixture
def stack(deployment: Deployment) -> StackUnderTest:
    return make_stack(deployment)
