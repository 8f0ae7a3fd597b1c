"""`python -m local.demo`, as `make demo` runs it."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from gaussdb_backup.domain.coverage import Coverage
from local.demo.progress import CLEAR
from local.demo.scenario import INSTANCES
from tools.demo_extract import choose_extract, read_extract

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "local.demo"]
ESCAPE = re.compile(r"\x1b\[[\d;]*[mK]")


@dataclass(frozen=True)
class Ran:
    """What a run printed, its exit code, and its seconds."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def report(self) -> list[str]:
        """The lines of the report, which is after the first empty line."""
        text = self.stdout.rpartition(CLEAR)[2].replace("\r\n", "\n")
        lines = text.rstrip("\n").split("\n")
        return lines[lines.index("") + 1 :]

    def section(self, number: int) -> list[str]:
        """The lines of a part of the report."""
        lines = [line for line in self.report if line]
        begin = next(index for index, line in enumerate(lines) if ESCAPE.sub("", line).startswith(f"{number}. "))
        others = (f"{number + 1}. ", "log: ")
        end = next(index for index, line in enumerate(lines) if index > begin and line.startswith(others))
        return lines[begin + 1 : end]


def variables(folder: Path, **others: str) -> dict[str, str]:
    """The environment of a run in a folder of its own, where its files are."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli", ROOT / "layers/gaussdb_backup"))),
        "PYTHONIOENCODING": "utf-8",
        **others,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo_run(folder: Path) -> Ran:
    """A run whose output is no terminal. Warnings are errors."""
    begin = time.monotonic()
    environment = variables(folder, COLUMNS="80")
    done = subprocess.run(
        COMMAND, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=100
    )
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def test_the_demo_ends_well_within_half_a_minute(demo_run: Ran) -> None:
    assert (demo_run.code, demo_run.stderr) == (0, "")
    assert demo_run.seconds < 30


def test_the_first_line_is_there_within_half_a_second(tmp_path: Path) -> None:
    assert min(seconds_to_the_first_line(tmp_path) for _ in range(3)) < 0.5


def seconds_to_the_first_line(folder: Path) -> float:
    begin = time.monotonic()
    with subprocess.Popen(COMMAND, cwd=folder, env=variables(folder), stdout=subprocess.PIPE) as process:
        assert process.stdout
        line = process.stdout.readline()
        seconds = time.monotonic() - begin
        process.kill()
    assert line.startswith(b"gaussdb-backup: one nightly run")
    return seconds


def test_lines_that_show_how_far_it_is_are_before_the_report_and_few(demo_run: Ran) -> None:
    lines = demo_run.stdout.splitlines()
    assert [line for line in lines[: lines.index("")] if line.startswith("  ")] == [
        "  starting both clouds",
        "  applying the plan file",
        "  running the plan, and requests without it",
        "  auditing, and making up for what is missing",
        "  pruning",
        "  typing commands as an operator does",
    ]


def test_the_report_begins_and_ends_with_what_the_clouds_own_list_shows(demo_run: Ran) -> None:
    assert demo_run.report[0].startswith("Held: 11 requests made 8 backups, none twice, every end reported")
    assert demo_run.report[-1] == "Held."


def test_the_plan_file_is_applied_by_the_real_command_line(demo_run: Ran) -> None:
    lines = demo_run.section(1)
    file = (ROOT / "local/demo/plans.yaml").read_text().splitlines()
    assert lines[: len(file)] == [f"  | {line}" for line in file]
    assert lines[len(file) :] == [
        "$ gaussdb-backup --local plans apply local/demo/plans.yaml",
        "created   nightly.audit",
        "created   nightly.backup",
        "created   nightly.prune",
        "3 done, 0 not done, 0 unchanged",
    ]


ENDS = [
    ("reports", "FAILED", "the backup fails: created"),
    ("archive", "OVERDUE", "the backup never ends: created"),
    ("stock-01", "rejected", "in the dead-letter queue"),
    ("legacy", "skipped", "it is frozen (status FROZEN)"),
    ("orders", "COMPLETED", "nightly: created"),
    ("payments", "COMPLETED", "its backup was found, no second one made"),
    ("search", "COMPLETED", "restarting: deferred, then created"),
    ("stock", "COMPLETED", "nightly: created"),
]


@pytest.mark.parametrize(("name", "status", "text"), ENDS, ids=[end[0] for end in ENDS])
def test_each_instance_has_one_line_with_what_became_of_it(demo_run: Ran, name: str, status: str, text: str) -> None:
    rows = rows_of(demo_run.section(2))
    [row] = [row for row in rows if row.split()[0] == name]
    assert row.split()[1] == status
    assert text in row


def test_three_requests_for_one_instance_are_below_its_name_and_the_repetition_is_no_other_backup(
    demo_run: Ran,
) -> None:
    rows = rows_of(demo_run.section(2))
    begin = next(index for index, row in enumerate(rows) if row.startswith("customers "))
    assert [" ".join(row.split()) for row in rows[begin : begin + 3]] == [
        "customers COMPLETED direct request before an upgrade: created",
        "COMPLETED requested again: the same backup",
        "COMPLETED nightly, busy with the other backup: deferred, then created",
    ]


def test_no_name_of_an_instance_is_in_two_lines_of_the_run(demo_run: Ran) -> None:
    words = [word for line in demo_run.section(2) for word in line.split()]
    assert {name: words.count(name) for name in INSTANCES} == dict.fromkeys(INSTANCES, 1)


def rows_of(lines: list[str]) -> list[str]:
    """The rows of the run's table, each with the lines into which it was wrapped."""
    rows: list[str] = []
    for line in lines:
        if re.match(r"(\S+ +|  +)(FAILED|OVERDUE|COMPLETED|rejected|skipped) ", line):
            rows.append(line)
        elif rows:
            rows[-1] += " " + line.strip()
    return rows


def test_the_audit_shows_what_is_not_well_and_then_only_what_changed(demo_run: Ran) -> None:
    lines = [line for line in demo_run.section(3) if line.split()[0] in INSTANCES]
    assert [line.split()[:2] for line in lines] == [
        ["reports", "Failing"],
        ["legacy", "Late"],
        ["archive", "Building"],
        ["reports", "OK"],
    ]


def test_the_demo_shows_what_the_prune_keeps_and_deletes(demo_run: Ran) -> None:
    lines = [" ".join(line.split()) for line in demo_run.section(4)]
    assert "keep before-migration not ours" in lines
    assert any(re.fullmatch(r"keep nightly-orders-\S+ last, daily, weekly", line) for line in lines)
    assert any(re.fullmatch(r"would go nightly-orders-\S+ no rule keeps it", line) for line in lines)
    assert re.fullmatch(r"Of all instances: deleted 9\d \(1\.\d TB\), kept 12\d, failed 0\.", lines[-1])


def test_the_text_that_is_mailed_is_that_of_the_failed_backup(demo_run: Ran) -> None:
    lines = demo_run.section(5)
    assert lines[0] == '  | "A GaussDB backup FAILED. The instance has no good backup of this run."'
    assert f'  | "Instance: {INSTANCES["reports"].id}"' in lines
    assert any(re.fullmatch(r'  \| "Backup: nightly-reports-\d{8}-\d{4}"', line) for line in lines)


def test_the_commands_of_an_operator_are_shown_with_what_they_print(demo_run: Ran) -> None:
    lines = demo_run.section(6)
    prompts = [line for line in lines if line.startswith("$ ")]
    assert prompts == [f"$ gaussdb-backup --local {command}" for command in ("status", "list orders", "audit")]
    assert any(line.endswith("1 of 8 instances needs you") for line in lines)
    assert any(line.endswith("COMPLETED  last · daily · weekly") for line in lines)
    assert "needs you: 1 dead letter" in lines


def test_the_page_of_the_audit_and_its_coverage_are_files(demo_run: Ran, folder: Path) -> None:
    coverage = Coverage.model_validate_json((folder / ".cache/demo/coverage.json").read_text())
    page = (folder / ".cache/demo/coverage.html").read_text()
    assert coverage.audited == len(INSTANCES)
    assert all(one.instance_id in page for one in coverage.instances)
    assert ".cache/demo/coverage.html" in demo_run.section(3)[-1]


def test_the_report_is_a_file_too(demo_run: Ran, folder: Path) -> None:
    assert (folder / ".cache/demo/report.txt").read_text().splitlines() == demo_run.report


def test_the_log_records_and_metrics_of_the_functions_go_to_a_file(demo_run: Ran, folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / ".cache/demo/functions.log").read_text().splitlines()]
    assert any("_aws" in line for line in lines)
    assert any(line.get("message") == "backup status" for line in lines)
    assert '"message"' not in demo_run.stdout


def test_the_demo_writes_no_escape_codes_without_a_terminal(demo_run: Ran) -> None:
    assert "\x1b" not in demo_run.stdout


# On a terminal

TERMINALS = {
    "with colours": {"TERM": "xterm-256color", "COLUMNS": "80"},
    "narrow, without colours": {"TERM": "xterm-256color", "NO_COLOR": "1", "COLUMNS": "60"},
    "dumb, without UTF-8": {"TERM": "dumb", "PYTHONIOENCODING": "ascii", "COLUMNS": "60"},
}


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """A run on each terminal, all at once."""
    begin = time.monotonic()
    started = {}
    for name, others in TERMINALS.items():
        folder = tmp_path_factory.mktemp("terminal")
        own, given = pty.openpty()
        started[name] = own, subprocess.Popen(COMMAND, cwd=folder, env=variables(folder, **others), stdout=given)
        os.close(given)
    with ThreadPoolExecutor() as pool:
        texts = pool.map(read_until_closed, [own for own, _ in started.values()])
    written = dict(zip(started, texts, strict=True))
    codes = {name: process.wait(timeout=60) for name, (_, process) in started.items()}
    return {name: Ran(codes[name], written[name], "", time.monotonic() - begin) for name in started}


def read_until_closed(terminal: int) -> str:
    parts: list[bytes] = []
    with suppress(OSError):  # how Linux reports that nobody writes to it any more
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.mark.slow
@pytest.mark.parametrize("name", TERMINALS)
def test_on_any_terminal_the_demo_ends_well(terminals: dict[str, Ran], name: str) -> None:
    assert terminals[name].code == 0
    assert ESCAPE.sub("", terminals[name].report[0]).startswith("Held: 11 requests made 8 backups")


@pytest.mark.slow
def test_a_terminal_shows_one_line_that_changes_and_is_gone_before_the_report(terminals: dict[str, Ran]) -> None:
    before, _, report = terminals["with colours"].stdout.rpartition(CLEAR)
    assert re.search(r"  running the plan, and requests without it, \d+ of 11 have ended", before)
    assert before.split(CLEAR, 1)[0].count("\n") == before.count("\n")
    assert report.lstrip("\r\n").startswith("\x1b[1;32mHeld: ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["narrow, without colours", "dumb, without UTF-8"])
def test_no_escape_codes_are_written_where_nobody_wants_them(terminals: dict[str, Ran], name: str) -> None:
    assert "\x1b" not in terminals[name].stdout
    assert "  starting both clouds" in terminals[name].stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["narrow, without colours", "dumb, without UTF-8"])
def test_at_60_columns_all_names_are_whole(terminals: dict[str, Ran], name: str) -> None:
    run, audit = terminals[name].section(2), terminals[name].section(6)
    words = [word for line in run for word in line.split()]
    assert {name: words.count(name) for name in INSTANCES} == dict.fromkeys(INSTANCES, 1)
    assert max(map(len, run)) <= 60
    assert {line.split()[0] for line in audit} >= INSTANCES.keys()


@pytest.mark.slow
def test_a_terminal_without_utf_8_gets_nothing_that_it_cannot_show(terminals: dict[str, Ran]) -> None:
    assert terminals["dumb, without UTF-8"].stdout.isascii()
    assert "# good  = running  x failed" in terminals["dumb, without UTF-8"].stdout


# The documents


def normalize(lines: list[str]) -> list[str]:
    """The lines without what differs between two runs: ids, times and numbers."""
    return [re.sub(r"\d+", "0", re.sub(r"\b[0-9a-f]{32}(?=br07)", "0", line)) for line in lines]


def test_the_extract_in_the_readme_is_what_the_demo_prints(demo_run: Ran) -> None:
    extract = read_extract((ROOT / "README.md").read_text())
    assert normalize(extract) == normalize(choose_extract(demo_run.report))
