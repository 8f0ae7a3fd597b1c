"""Change the rules and use-cases one expression at a time; list the changes that no test notices: `make mutants`.

mutmut makes the changes ("mutants") and runs, for each, the tests that reach the changed function. It needs the package
in `src/` and writes beside it, so each module has a copy of the project below `.cache/mutants/`. Results are kept: a
run that was stopped continues where it was; after a change of the package or of the module's tests it starts again.
mutmut leaves the constants of a module, properties and most decorated functions as they are.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from tools.mutation_report import UNNOTICED, ModuleReport, find_survivor, format_report, parse_results

ROOT = Path(__file__).parents[1]
PACKAGE = Path("layers/gaussdb_backup/gaussdb_backup")
COPIES = ROOT / ".cache" / "mutants"
MUTMUT = (sys.executable, "-m", "mutmut")
WORKERS = 2
STOPPED_WITHIN = 30
"""Seconds."""

NEEDED = ("functions", "layers", "local", "tools", "tests", "docs", "events", "pyproject.toml", "template.yaml")
"""What tests read. Each copy has it twice: mutmut makes one more."""
MODULES = ("domain/*.py", "operations/*.py", "aws/consumer.py")
OF_DISPATCHING = ("tests/unit/test_naming.py", "tests/functions/test_dispatch_backups.py")
OF_CREATING = ("tests/operations/test_create.py", "tests/functions/test_create_backup.py")
OF_TRACKING = ("tests/operations/test_track.py", "tests/functions/test_track_backups.py")
TESTS = {
    "domain.backup_request": ("tests/unit/test_backup_request.py", "tests/operations/test_create.py"),
    "domain.connection": ("tests/unit/test_connection.py",),
    "domain.naming": ("tests/unit/test_naming.py",),
    "domain.durations": ("tests/unit/test_durations.py",),
    "domain.keep_rules": ("tests/unit/test_retention.py", "tests/unit/test_retention_against_restic.py"),
    "domain.retention": ("tests/unit/test_retention.py",),
    "domain.retry_policy": ("tests/unit/test_retry_policy.py",),
    "domain.validation": ("tests/unit/test_validation.py", "tests/unit/test_backup_request.py"),
    "domain.plan": OF_DISPATCHING,
    "operations.dispatch": OF_DISPATCHING,
    "operations.create": OF_CREATING,
    "operations.track": OF_TRACKING,
    "operations.recent_backups": (*OF_TRACKING, "tests/adapters/test_lists.py"),
    "domain.circuit_breaker": ("tests/unit/test_circuit_breaker.py", "tests/adapters/test_circuit_breaker.py"),
    "aws.consumer": ("tests/adapters/test_consumer.py", *OF_CREATING, *OF_TRACKING),
}
"""The tests that should notice a change of a module: few, so that a mutant which survives costs little."""
OTHER_TESTS = ("tests/unit", "tests/operations")

SETTINGS = """[mutmut]
source_paths=src
only_mutate=*/gaussdb_backup/{path}
also_copy=
{needed}
pytest_add_cli_args=
    -p
    no:cacheprovider
    -o
    pythonpath=. src
pytest_add_cli_args_test_selection=
{tests}
timeout_multiplier=5.0
use_git_change_detection=false
"""


def find_modules(patterns: Sequence[str]) -> list[str]:
    """Return the modules to change, such as `domain.naming`, that match one of the patterns, if any is given."""
    package = ROOT / PACKAGE
    paths = [path for pattern in MODULES for path in sorted(package.glob(pattern)) if path.name != "__init__.py"]
    names = [".".join(path.relative_to(package).with_suffix("").parts) for path in paths]
    return [name for name in names if not patterns or any(fnmatch(name, pattern) for pattern in patterns)]


class Copy:
    """A copy of the project, in which one module is changed. Raises `OSError` where it cannot be written."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._path = PACKAGE / Path(*module.split(".")).with_suffix(".py")
        self._tests = TESTS.get(module, OTHER_TESTS)
        self._folder = COPIES / module
        self._process: subprocess.Popen[bytes] | None = None

    def try_mutants(self, deadline: float) -> None:
        """Try those that have no result yet, until `deadline` by the monotonic clock. log.txt has the details."""
        self._update()
        with (self._folder / "log.txt").open("w") as log:
            command = [*MUTMUT, "run", "--max-children", "1"]
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own command
            try:
                self._process.wait(timeout=max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.stop()

    def stop(self) -> None:
        """Have mutmut end with its results saved, or else end it."""
        if self._process is None or self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(timeout=STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def report(self) -> ModuleReport:
        """Return what became of the mutants, and where those are that no test noticed."""
        results = parse_results(self._mutmut("results", "--all", "true"))
        source = (ROOT / self._path).read_text()
        unnoticed = [name for name, status in results.items() if status in UNNOTICED]
        survivors = [find_survivor(self._path, source, name, self._mutmut("show", name)) for name in unnoticed]
        return ModuleReport(self._module, Counter(results.values()), survivors)

    def _update(self) -> None:
        """Bring the copy up to date; forget the results if the package or the module's tests changed."""
        digest = hashlib.sha256()
        for path in sorted(self._files_that_matter()):
            digest.update(path.read_bytes())
        fingerprint = self._folder / "fingerprint"
        if not fingerprint.exists() or fingerprint.read_text() != digest.hexdigest():
            shutil.rmtree(self._folder, ignore_errors=True)
        for name in NEEDED:
            _copy(ROOT / name, self._folder / name)
        _copy(ROOT / PACKAGE, self._folder / "src" / PACKAGE.name)
        (self._folder / "setup.cfg").write_text(self._settings())
        fingerprint.write_text(digest.hexdigest())

    def _files_that_matter(self) -> set[Path]:
        folders = [ROOT / PACKAGE, ROOT / "tests" / "helpers", *(ROOT / name for name in self._tests)]
        return {file for path in folders for file in ([path] if path.is_file() else path.rglob("*.py"))}

    def _settings(self) -> str:
        return SETTINGS.format(
            path=self._path.relative_to(PACKAGE),
            needed="\n".join(f"    {name}" for name in NEEDED),
            tests="\n".join(f"    {name}" for name in self._tests),
        )

    def _mutmut(self, *arguments: str) -> str:
        command = [*MUTMUT, *arguments]
        return subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own command


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copy2(source, target)
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True)


def main(arguments: Sequence[str]) -> None:
    """Try the mutants of the modules that match, two modules at a time, then print and save the report."""
    parser = argparse.ArgumentParser(prog="mutants", description="List the changes of the code that no test notices.")
    parser.add_argument("modules", nargs="*", help="patterns, such as domain.naming or 'operations.*'; default: all")
    parser.add_argument("--minutes", type=float, default=60, help="stop after this time; run it again to continue")
    given = parser.parse_args(arguments)
    copies = [Copy(module) for module in find_modules(given.modules)]
    if not copies:
        sys.exit(f"mutants: no module matches {' '.join(given.modules)}: name one such as domain.naming")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in the background ignore it
    deadline = time.monotonic() + given.minutes * 60
    with ThreadPoolExecutor(WORKERS) as executor:
        try:
            list(executor.map(lambda copy: copy.try_mutants(deadline), copies))
        except KeyboardInterrupt:
            executor.shutdown(wait=False, cancel_futures=True)
            for copy in copies:
                copy.stop()
            sys.exit("mutants: stopped. Run it again to continue.")
        report = format_report(list(executor.map(Copy.report, copies)))
    (COPIES / "report.txt").write_text(report)
    print(report, end="")  # noqa: T201 - for the person who typed the command


if __name__ == "__main__":
    main(sys.argv[1:])
