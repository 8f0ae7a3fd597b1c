"""The command line as others install it: what is in the wheel, what it needs, and its first words to a new user."""

import ast
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import gaussdb_backup
from tests.helpers.distribution import Installed, build, install

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "gaussdb_backup"
SHIPPED = ["__init__.py", "errors.py", "domain/*.py", "reports/__init__.py", "reports/texts.py"]
"""What the command line may import of the layer."""
NEW_USER = {"AWS_EC2_METADATA_DISABLED": "true", "PATH": "/usr/bin:/bin"}
"""The environment of somebody who has configured nothing. A machine in EC2 would have credentials."""
STATUS_IS_THERE = (ROOT / "cli" / "gaussdb_backup_cli" / "commands" / "status.py").exists()
EVERY_MODULE = """
import json, pkgutil, sys
import gaussdb_backup, gaussdb_backup_cli
names = [each.name for package in (gaussdb_backup, gaussdb_backup_cli)
         for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith("__main__"):
        __import__(name)
print(json.dumps(names))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def files(wheel: Path) -> dict[str, bytes]:
    return contents_of(wheel)


@pytest.fixture(scope="session")
def metadata(files: dict[str, bytes]) -> Message:
    return Parser().parsestr(files[f"gaussdb_backup-{gaussdb_backup.__version__}.dist-info/METADATA"].decode())


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(wheel, tmp_path_factory.mktemp("user") / "venv")


def contents_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources() -> dict[str, Path]:
    """Each file that the wheel should have of the project, by its name there."""
    command_line = [
        path for suffix in ("py", "json") for path in (ROOT / "cli" / "gaussdb_backup_cli").rglob(f"*.{suffix}")
    ]
    layer = [path for pattern in SHIPPED for path in (LAYER / "gaussdb_backup").glob(pattern)]
    return {
        **{str(path.relative_to(ROOT / "cli")): path for path in command_line},
        **{str(path.relative_to(LAYER)): path for path in layer},
    }


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports, at its head or where it needs them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_the_version_is_that_of_the_code(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("gaussdb-backup", gaussdb_backup.__version__)


def test_the_license_comes_with_it(metadata: Message, files: dict[str, bytes]) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    [text] = [content for name, content in files.items() if name.endswith("licenses/LICENSE")]
    assert text == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_has_the_command_line_and_what_it_uses_of_the_layer_and_nothing_else(files: dict[str, bytes]) -> None:
    assert {name for name in files if ".dist-info/" not in name} == set(sources())


def test_a_wheel_that_is_built_from_the_sdist_is_the_same(wheel: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    with tarfile.open(build(ROOT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [project] = (tmp_path / "unpacked").iterdir()
    built = build(project, "wheel", tmp_path / "wheel")
    assert (built.name, contents_of(built)) == (wheel.name, files)


def test_no_requirement_pins_a_version(metadata: Message) -> None:
    """Another tool in the same environment may need another one."""
    requirements = [Requirement(each) for each in metadata.get_all("Requires-Dist", [])]
    assert {each.name for each in requirements} == {
        *("boto3", "click", "pydantic", "pyyaml", "rich", "tzdata"),
    }
    assert {specifier.operator for each in requirements for specifier in each.specifier} == {">="}


def test_whatever_is_imported_is_declared(metadata: Message) -> None:
    """What is imported only while a command runs is found as well."""
    declared = {Requirement(each).name for each in metadata.get_all("Requires-Dist", [])} | {"botocore"}  # boto3's own
    known = {name: {each.lower() for each in found} for name, found in packages_distributions().items()}
    imported = {name.partition(".")[0] for path in sources().values() for name in imported_by(path)}
    assert {name for name in imported if name in known and not known[name] & declared} == set()


def test_of_the_layer_only_what_the_wheel_has_is_imported(files: dict[str, bytes]) -> None:
    in_the_tree = {module_of(str(path.relative_to(LAYER))) for path in LAYER.rglob("*.py")}
    in_the_wheel = {module_of(name) for name in files if name.endswith(".py")}
    imported = {name for path in sources().values() for name in imported_by(path)}
    assert imported & in_the_tree - in_the_wheel == set()


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_the_functions_do_not_carry_what_only_the_command_line_needs() -> None:
    text = "".join(path.read_text() for path in (ROOT / "layers" / "dependencies").glob("requirements.*"))
    names = {name.lower() for name in re.findall(r"^([\w-]+)", text, re.MULTILINE)}
    assert "pydantic" in names
    assert names & {"click", "pyyaml", "rich"} == set()


def test_the_tests_use_a_version_of_each_dependency_that_it_allows(installed: Installed) -> None:
    installed.pip("check")


def test_every_module_can_be_imported_with_the_declared_dependencies_alone(installed: Installed) -> None:
    done = subprocess.run(
        [str(installed.python), "-c", EVERY_MODULE], env=NEW_USER, capture_output=True, text=True, check=True
    )
    modules = {module_of(name) for name in sources() if name.endswith(".py")}
    assert set(json.loads(done.stdout)) == modules - {"gaussdb_backup", "gaussdb_backup_cli"}


def test_another_package_cannot_be_imported_there(installed: Installed) -> None:
    done = subprocess.run([str(installed.python), "-c", "import httpx"], capture_output=True, text=True, check=False)
    assert "No module named 'httpx'" in done.stderr


def run_as_new_user(installed: Installed, folder: Path, *arguments: str, **variables: str) -> Any:
    """Run the installed program in an empty folder, with an empty home."""
    home, here = folder / "home", folder / "here"
    home.mkdir()
    here.mkdir()
    program = str(installed.folder / "bin" / "gaussdb-backup")
    environment = {**NEW_USER, "HOME": str(home), **variables}
    done = subprocess.run([program, *arguments], cwd=here, env=environment, capture_output=True, text=True, check=False)
    assert [*home.iterdir(), *here.iterdir()] == []
    return done


def test_a_new_user_gets_the_version(installed: Installed, tmp_path: Path) -> None:
    done = run_as_new_user(installed, tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"gaussdb-backup {gaussdb_backup.__version__}\n", "")


def test_a_new_user_gets_help(installed: Installed, tmp_path: Path) -> None:
    done = run_as_new_user(installed, tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: gaussdb-backup [OPTIONS] COMMAND")


@pytest.mark.xfail(not STATUS_IS_THERE, reason="the command is yet to be written")
@pytest.mark.parametrize(
    ("variables", "message", "hint"),
    [
        ({}, "no AWS region is set", "give --region, or: export AWS_DEFAULT_REGION=eu-central-1"),
        (
            {"AWS_DEFAULT_REGION": "eu-central-1"},
            "no AWS credentials were found",
            "log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
    ],
    ids=["no region", "no credentials"],
)
def test_a_new_user_reads_in_one_line_and_a_hint_what_is_missing(
    installed: Installed, tmp_path: Path, variables: dict[str, str], message: str, hint: str
) -> None:
    done = run_as_new_user(installed, tmp_path, "status", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gaussdb-backup: {message}\n  → {hint}\n"


def test_a_new_user_has_the_commands_completed_by_bash(installed: Installed, tmp_path: Path) -> None:
    script = """
        PATH=$1:$PATH
        eval "$(_GAUSSDB_BACKUP_COMPLETE=bash_source gaussdb-backup)"
        COMP_WORDS=(gaussdb-backup re) COMP_CWORD=1
        _gaussdb_backup_completion gaussdb-backup
        echo "${COMPREPLY[*]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(installed.folder / "bin")],
        env={**NEW_USER, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("redrive\n", "")


def test_the_program_has_its_name_when_it_is_run_from_a_checkout(root: Path) -> None:
    command = ["make", "--no-print-directory", "--assume-old", ".venv/.complete", "cli", "ARGS=no-such-command"]
    done = subprocess.run(command, cwd=root, env=NEW_USER, capture_output=True, text=True, check=False)
    assert "Error: No such command 'no-such-command'." in done.stderr
    assert done.stderr.startswith("Usage: gaussdb-backup ")


def test_a_checkout_talks_to_the_stack_that_make_is_given(root: Path) -> None:
    command = ["make", "--dry-run", "--assume-old", ".venv/.complete", "cli", "STACK=other", "ARGS=status --json"]
    done = subprocess.run(command, cwd=root, env=NEW_USER, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith('-m gaussdb_backup_cli --stack "other" status --json')


def test_the_build_needs_only_what_an_isolated_build_downloads(root: Path) -> None:
    system = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]
    assert system["build-backend"] == "hatchling.build"
    assert [Requirement(each).name for each in system["requires"]] == ["hatchling"]
