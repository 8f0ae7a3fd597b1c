"""What every test gets: a clean environment, so that nothing of the machine's leaks in or out."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("project")

KEPT = {"PATH", "LANG", "LC_ALL", "TMPDIR", "DOCKER_HOST", "COVERAGE_PROCESS_START", "COV_CORE_SOURCE", "CI"}


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - KEPT:
        if not name.startswith(("PYTEST_", "COV")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Notes a measured figure; all of them are printed at the end of the run."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for report in terminalreporter.stats.get("passed", []) if isinstance(report, pytest.TestReport)]
    figures = [str(value) for report in reports for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.line(text)
