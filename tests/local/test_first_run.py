"""What a newcomer's machine may lack, and the one line that each command prints about it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from local import container, gaussdb_emulator
from local.demo import __main__ as demo
from local.sample_fleet import FLEET
from local.writable import NotWritable, ensure_writable
from tools.check_aws import find_problem, read_saved

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    "awk",
    "cat",
    "chmod",
    "date",
    "dirname",
    "env",
    "grep",
    "make",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sh",
    "touch",
)
"""What the scripts may take for granted on any machine."""

GOOD_VENV = """\
[ "$1 $2" = "-m venv" ] || exit 1
mkdir -p "$3/bin"
printf '#!/bin/sh\\nexit 0\\n' > "$3/bin/python"
chmod +x "$3/bin/python"
"""
NO_VENV = 'echo "The virtual environment was not created successfully because ensurepip is not available." >&2; exit 1'
NO_NETWORK = (
    'echo "ERROR: Could not find a version that satisfies the requirement uv (from versions: none)" >&2; exit 1'
)
UV_OFFLINE = 'echo "error: Failed to download https://example.test/cpython-3.13.tar.gz" >&2; exit 2'

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH with the most common programs and nothing else: a test adds what it needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PROGRAMS:
        if found := shutil.which(name, path="/usr/bin:/bin"):
            (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def program(bin_folder: Path) -> Callable[[str, str], None]:
    """Adds a program to the PATH: a shell script."""

    def add(name: str, script: str) -> None:
        path = bin_folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return add


@pytest.fixture
def run(bin_folder: Path, tmp_path: Path) -> Run:
    """Runs a command in a folder of its own, with that PATH."""

    def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(bin_folder), "HOME": str(tmp_path), **variables}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line on stderr; fails for a command that succeeded or that printed a traceback."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


# tools/make-venv


def make_venv(run: Run, folder: str = ".venv", **variables: str) -> subprocess.CompletedProcess[str]:
    return run("sh", str(ROOT / "tools/make-venv"), folder, "requirements.txt", **variables)


def test_an_environment_is_made_with_python_3_13(run: Run, program: Callable[[str, str], None], tmp_path: Path) -> None:
    program("python3.13", GOOD_VENV)
    assert make_venv(run).returncode == 0
    assert (tmp_path / ".venv/.complete").exists()


def test_an_environment_is_made_with_the_python_that_uv_python_names(
    run: Run, program: Callable[[str, str], None], tmp_path: Path
) -> None:
    program("my-python", GOOD_VENV)
    assert make_venv(run, UV_PYTHON="my-python").returncode == 0
    assert (tmp_path / ".venv/.complete").exists()


def test_a_folder_that_cannot_be_written_to_is_named(run: Run, program: Callable[[str, str], None]) -> None:
    program("python3.13", GOOD_VENV)
    assert last_line(make_venv(run, "/proc/.venv")).startswith("make-venv: cannot write to /proc/.venv: work in a copy")


def test_a_python_without_its_venv_module_is_named_with_the_remedy(
    run: Run, program: Callable[[str, str], None]
) -> None:
    program("python3.13", NO_VENV)
    program("uv", UV_OFFLINE)
    line = last_line(make_venv(run))
    assert "python3.13 cannot make environments (no venv module). uv has no Python 3.13" in line
    assert "python3.13-venv" in line


def test_a_uv_that_cannot_download_its_python_is_reported_with_the_variable_that_names_one(
    run: Run, program: Callable[[str, str], None]
) -> None:
    program("uv", UV_OFFLINE)
    line = last_line(make_venv(run))
    assert "There is no python3.13. uv has no Python 3.13 and could not download one: error: Failed to download" in line
    assert "UV_PYTHON=/path/to/python3.13" in line


def test_a_uv_python_that_uv_cannot_use_is_named(run: Run, program: Callable[[str, str], None]) -> None:
    program("uv", 'echo "error: No interpreter found at path /opt/none" >&2; exit 2')
    line = last_line(make_venv(run, UV_PYTHON="/opt/none"))
    assert "UV_PYTHON=/opt/none is no Python that uv can use: error: No interpreter found" in line


def test_no_network_for_uv_is_reported(run: Run, program: Callable[[str, str], None]) -> None:
    program("python3", NO_NETWORK)
    assert "make-venv: no network: uv could not be downloaded. Install Python 3.13" in last_line(make_venv(run))


def test_a_machine_without_any_python_is_reported(run: Run) -> None:
    assert "There is no uv, and no python3 to install it. Install Python 3.13" in last_line(make_venv(run))


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("NewConnectionError: Failed to establish a new connection", "no network: the packages of requirements.txt"),
        ("ERROR: No space left on device", "could not be installed: ERROR: No space left on device"),
    ],
    ids=["no network", "another reason"],
)
def test_a_failed_installation_is_reported_with_its_reason(
    run: Run, program: Callable[[str, str], None], output: str, expected: str
) -> None:
    script = f"#!/bin/sh\\necho '{output}' >&2\\nexit 1\\n"
    program("python3.13", GOOD_VENV.replace("#!/bin/sh\\nexit 0\\n", script.replace("'", '"')))
    assert expected in last_line(make_venv(run))


# The Makefile


def make(run: Run, *arguments: str, folder: str = str(ROOT), **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target as if every environment were there."""
    there = ("-o", ".venv/.complete", "-o", ".tools/sam/.complete")
    return run(
        "make", "--no-print-directory", "-C", folder, "-f", str(ROOT / "Makefile"), *there, *arguments, **variables
    )


def message(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that was printed, besides make's own about the failed target."""
    assert done.returncode == 2, done
    [line] = [line for line in done.stderr.splitlines() if "***" not in line]
    return line


@pytest.mark.parametrize(
    "target",
    ["demo", "test", "test-container", "test-load", "mutants", "validate", "build", "deploy", "emulators", "lock"],
)
def test_a_checkout_that_cannot_be_written_to_is_found_before_the_run(run: Run, target: str) -> None:
    done = make(run, target, folder="/proc")
    assert message(done) == "make: cannot write to /proc: work in a copy of the project that you may write to."
    assert done.stdout == ""


def test_the_container_tests_without_docker_are_one_line(run: Run) -> None:
    assert message(make(run, "test-container")) == "make: docker is not installed. Install Docker Engine."


def test_the_container_tests_with_a_docker_that_does_not_respond_are_one_line(
    run: Run, program: Callable[[str, str], None]
) -> None:
    program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert message(make(run, "test-container")).startswith("make: Docker does not answer. Start it")


def test_the_emulators_without_docker_are_one_line(run: Run) -> None:
    expected = "emulators: docker is not installed: the emulators run in a container. Install Docker Engine."
    assert message(make(run, "emulators")) == expected
    assert message(make(run, "stop-emulators")) == expected


def test_the_emulators_with_a_docker_that_does_not_respond_are_one_line_with_its_reason(
    run: Run, program: Callable[[str, str], None]
) -> None:
    program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert message(make(run, "emulators")).startswith("emulators: Docker does not answer: Cannot connect to the Docker")


def test_pinning_without_uv_is_one_line(run: Run) -> None:
    assert message(make(run, "lock")) == "lock: uv is not installed. Install it, or put it on the PATH."


def test_a_redrive_without_a_stack_is_one_line(run: Run) -> None:
    assert message(make(run, "redrive")) == "redrive: name the stack: make redrive STACK=gaussdb-backup"


NO_METADATA = {"AWS_EC2_METADATA_DISABLED": "true"}
KEYS = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented"}


@pytest.mark.parametrize(
    ("target", "arguments"), [("deploy", ()), ("redrive", ("STACK=gaussdb-backup",))], ids=["deploy", "redrive"]
)
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (KEYS, "aws: no AWS region is set. Set AWS_DEFAULT_REGION"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "aws: no AWS credentials were found. Log in, or set AWS_PROFILE"),
        ({"AWS_PROFILE": "absent"}, "aws: the AWS configuration cannot be used: The config profile (absent)"),
    ],
    ids=["no region", "no credentials", "no such profile"],
)
def test_a_command_that_needs_aws_names_what_is_missing(
    run: Run, target: str, arguments: tuple[str, ...], variables: dict[str, str], expected: str
) -> None:
    assert message(make(run, target, *arguments, **NO_METADATA, **variables)).startswith(expected)


def test_the_checks_of_a_stack_without_credentials_are_one_line_and_a_hint(run: Run) -> None:
    done = make(run, "doctor", "STACK=gaussdb-backup", AWS_DEFAULT_REGION="eu-central-1", **NO_METADATA)
    line, hint = [line for line in done.stderr.splitlines() if "***" not in line]
    assert line == "gaussdb-backup: no AWS credentials were found"
    assert hint.startswith("  → log in, or set AWS_PROFILE")


def test_a_region_given_or_saved_for_the_deployment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "samconfig.toml"
    config.write_text('[default.global.parameters]\nregion = "eu-central-1"\n')
    assert find_problem(["--region", "eu-central-1", "--parameter-overrides", "ScheduleState=ENABLED"], {}) is None
    assert find_problem([], read_saved(config)) is None
    assert find_problem([], read_saved(tmp_path / "none.toml")) is not None


def test_the_projects_own_deployment_settings_can_be_read() -> None:
    assert read_saved(ROOT / "samconfig.toml")["stack_name"] == "gaussdb-backup"


@pytest.mark.parametrize("arguments", ["", "--parameter-overrides ScheduleState=ENABLED"], ids=["none", "a parameter"])
def test_a_deployment_takes_its_arguments_and_prompts_for_no_parameters(run: Run, arguments: str) -> None:
    printed = make(run, "deploy", "--dry-run", f"ARGS={arguments}").stdout
    deploy, check = printed.splitlines()[-2:]
    assert deploy.rstrip().endswith(f"sam deploy {arguments}".rstrip())
    assert check.rstrip().endswith(f"-m tools.command_line doctor --after-deploy {arguments}".rstrip())
    assert "--guided" not in printed


# The demo


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "cli", ROOT / "layers/gaussdb_backup"))),
    }
    command = [sys.executable, "-m", "local.demo", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=20)


def test_the_demos_help_names_what_it_shows_and_its_exit_codes(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--help")
    assert done.returncode == 0
    assert "one is frozen, one backup fails, one never ends" in done.stdout
    assert "exit codes: 0 every guarantee held; 1" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_refuses_an_unknown_argument(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--unknown")
    assert done.returncode == 2
    assert "unrecognized arguments: --unknown" in done.stderr


def test_the_demo_that_cannot_write_its_log_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / ".cache").write_text("a file where the folder should be")
    done = run_demo(tmp_path)
    assert (done.returncode, done.stdout) == (demo.NOT_RUN, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"demo: cannot write {tmp_path}/.cache/demo/functions.log: ")
    assert line.endswith("Work in a copy of the project that you may write to.")


def test_a_file_that_can_be_written_is_made_with_its_folders(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "some" / "folder" / "file")
    assert (tmp_path / "some" / "folder" / "file").exists()


def test_a_file_that_is_there_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("earlier")
    ensure_writable(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "earlier"


def test_a_file_below_a_folder_that_takes_none_is_refused() -> None:
    with pytest.raises(NotWritable, match="cannot write /proc/some/file: No such file"):
        ensure_writable(Path("/proc/some/file"))


# The emulators in a container


def test_each_checkout_has_a_container_and_a_network_of_its_own() -> None:
    first, second = container.name_of(Path("/srv/first")), container.name_of(Path("/srv/second"))
    assert first != second
    assert container.name_of(Path("/srv/first/../first")) == first
    assert container.NAME == container.NETWORK == container.name_of(ROOT)
    assert len(first) <= 63, "it is a host name too"


def test_stopping_the_emulators_removes_nothing_of_another_checkout(
    run: Run, program: Callable[[str, str], None], tmp_path: Path
) -> None:
    program("docker", f'echo "$@" >> {tmp_path}/docker.log')
    assert make(run, "stop-emulators").returncode == 0
    assert (tmp_path / "docker.log").read_text().splitlines() == [
        "info",
        f"rm --force {container.NAME}",
        f"network rm {container.NAME}",
    ]


def test_the_command_that_is_shown_for_an_invocation_names_this_checkouts_network() -> None:
    assert f"--docker-network {container.NETWORK} --env-vars .cache/env.json" in container.describe_invocation()


# The sample events


def read_samples() -> dict[str, list[dict[str, Any]]]:
    """The requests, plans and tracking messages of each sample."""
    samples = {}
    for path in sorted((ROOT / "events").glob("*/*.json")):
        event = json.loads(path.read_text())
        bodies = [json.loads(record["body"]) for record in event["Records"]] if "Records" in event else [event]
        samples[f"{path.parent.name}/{path.stem}"] = bodies
    return samples


SAMPLES = read_samples()
CLOUD = gaussdb_emulator.Cloud(FLEET)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_local_fleet_has_each_instance_that_a_sample_names(name: str) -> None:
    known = {instance.id for instance in CLOUD.instances()}
    named = {
        id_
        for body in SAMPLES[name]
        for id_ in (body.get("instance_id"), *body.get("select", {}).get("instance_ids", ()))
        if id_ is not None
    }
    assert named - known <= ({"too-short"} if "invalid" in name else set())


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("track_backups")])
def test_the_local_fleet_has_each_backup_that_a_sample_tracks(name: str) -> None:
    stored = {backup.id: backup for backup in CLOUD.backups()}
    for body in SAMPLES[name]:
        backup = stored[body["backup_id"]]
        assert (backup.instance_id, backup.name) == (body["instance_id"], body["backup_name"])
        assert backup.begin_at.isoformat() == body["begin_time"].replace("Z", "+00:00")


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("dispatch_backups")])
def test_each_sample_of_a_plan_selects_instances_of_the_local_fleet(name: str) -> None:
    [plan] = SAMPLES[name]
    select = plan["select"]
    selected = [
        instance
        for instance in CLOUD.instances()
        if fnmatch(instance.name, select.get("name_pattern", "*"))
        and select.get("tags", {}).items() <= (instance.tags or {}).items()
    ]
    assert len(selected) == 2


def test_no_sample_of_a_request_has_its_backup_already() -> None:
    names = {backup.name for backup in CLOUD.backups()}
    assert "nightly-d8e6ca5a-20261123T023000" not in names
