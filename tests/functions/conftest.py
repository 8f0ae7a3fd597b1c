"""Every test of this folder ends by searching all that left the functions for secrets."""

from collections.abc import Iterator

import pytest

from tests.helpers.deployment import Deployment, deploy


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployment]:
    with deploy(monkeypatch, capsys) as deployment:
        yield deployment
    assert deployment.find_secrets() == []
