"""What every test gets: a clean environment and fresh global state, so that none depends on another or the machine."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.helpers.global_state import reset_global_state

settings.register_profile("project", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("project")

KEPT = {"PATH", "LANG", "LC_ALL", "TMPDIR", "DOCKER_HOST", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE", "CI", "GOLDEN"}


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reset_global_state()
    for name in set(os.environ) - KEPT:
        if not name.startswith(("PYTEST_", "COV")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    yield
    reset_global_state()


@pytest.fixture
def measurement(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record what was measured; all measurements are printed at the end of the run."""
    return lambda text: record_property("measurement", text)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in a random order, the same for a seed")


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.getoption("--shuffle")
    return None if seed is None else f"random order: --shuffle {seed} repeats it"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if (seed := config.getoption("--shuffle")) is not None:
        random.Random(seed).shuffle(items)  # noqa: S311 - an order, not a secret


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for report in terminalreporter.stats.get("passed", []) if isinstance(report, pytest.TestReport)]
    texts = [str(value) for report in reports for name, value in report.user_properties if name == "measurement"]
    if texts:
        terminalreporter.section("measurements")
        for text in texts:
            terminalreporter.line(text)
