"""`python -m local.demo`, as `make demo` runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaussdb_backup.domain.coverage import Coverage
from local.demo.scenario import INSTANCES, steps

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """The output of one run, in a folder of its own, where its log is. Warnings are errors."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli", ROOT / "layers/gaussdb_backup"))),
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-W", "error", "-m", "local.demo"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False, timeout=100
    )


def test_the_demo_ends_well_and_reports_it(demo_run: subprocess.CompletedProcess[str]) -> None:
    assert (demo_run.returncode, demo_run.stderr) == (0, "")
    assert "The cloud's own list agrees" in demo_run.stdout


def test_the_demo_shows_each_request_with_its_outcome(demo_run: subprocess.CompletedProcess[str]) -> None:
    lines = [" ".join(line.split()) for line in demo_run.stdout.splitlines()]
    for step in steps("2026-11-23T01:30:00Z"):
        assert [line for line in lines if f"{step.title}: {step.expected};" in line]


def test_the_demo_shows_the_coverage_before_and_after_the_gap_is_closed(
    demo_run: subprocess.CompletedProcess[str],
) -> None:
    lines = [line for line in demo_run.stdout.splitlines() if line.startswith("reports ")]
    assert ["Failing" in lines[0], "OK" in lines[1], len(lines)] == [True, True, 2]


def test_the_demo_shows_what_the_prune_keeps_and_deletes(demo_run: subprocess.CompletedProcess[str]) -> None:
    lines = [line.split() for line in demo_run.stdout.splitlines()]
    kept = {line[1]: line[2:] for line in lines if line[:1] == ["keep"]}
    assert kept["before-migration"] == ["not", "ours"]
    assert ["last,", "daily,", "weekly"] in kept.values()
    assert any(line[:1] == ["delete"] for line in lines)


def test_the_page_of_the_audit_and_its_coverage_are_files(
    demo_run: subprocess.CompletedProcess[str], folder: Path
) -> None:
    coverage = Coverage.model_validate_json((folder / ".cache/demo/coverage.json").read_text())
    page = (folder / ".cache/demo/coverage.html").read_text()
    assert coverage.audited == len(INSTANCES)
    assert all(one.instance_id in page for one in coverage.instances)
    assert ".cache/demo/coverage.html" in demo_run.stdout


def test_the_demo_writes_no_escape_codes_without_a_terminal(demo_run: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b" not in demo_run.stdout


def test_the_log_records_and_metrics_of_the_functions_go_to_a_file(
    demo_run: subprocess.CompletedProcess[str], folder: Path
) -> None:
    lines = [json.loads(line) for line in (folder / ".cache/demo/functions.log").read_text().splitlines()]
    assert any("_aws" in line for line in lines)
    assert any(line.get("message") == "backup status" for line in lines)
    assert '"message"' not in demo_run.stdout
