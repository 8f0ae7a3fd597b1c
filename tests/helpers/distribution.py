"""The distribution of the command line: built, and installed beside its declared dependencies and nothing else."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def build(project: Path, target: str, folder: Path) -> Path:
    """Build the `wheel` or the `sdist` of a project, as pip does, but without the network: hatchling is here."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    [built] = folder.iterdir()
    return built


def closure(requirements: list[str]) -> set[str]:
    """The names of distributions that the requirements need here, and those that these need."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        requirement = waiting.pop()
        if requirement.name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(requirement.name)
        waiting += [Requirement(each) for each in distribution(requirement.name).requires or []]
    return found


@dataclass(frozen=True)
class Installed:
    """An environment of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        [found] = self.folder.glob("lib/python*/site-packages")
        return found

    def pip(self, *arguments: str) -> None:
        """Run the pip of the tests on this environment, which has none."""
        command = [sys.executable, "-m", "pip", "--isolated", "--python", str(self.python), *arguments]
        subprocess.run(command, capture_output=True, text=True, check=True)


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel into an empty environment.

    The registry cannot be reached by a test. So pip installs the wheel alone, and of the environment of the tests the
    packages that the wheel declares are linked, with what these need: another one is missing, as it is for a user.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    installed = Installed(folder)
    installed.pip("install", "--no-index", "--no-deps", str(wheel))
    [metadata] = installed.packages.glob("gaussdb_backup-*.dist-info/METADATA")
    lines = metadata.read_text().splitlines()
    declared = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    for name in closure(declared):
        found = distribution(name)
        parts = {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}
        for part in parts:
            (installed.packages / part).symlink_to(Path(str(found.locate_file(part))))
    return installed
