"""The layer of the dependencies, as built: what is compiled is there for each architecture that may be chosen."""

from pathlib import Path

import pytest

from local.aws_emulator.stack import read_template

pytestmark = pytest.mark.deployed
ROOT = Path(__file__).parents[2]
LAYER = ROOT / ".aws-sam" / "build" / "DependenciesLayer" / "python"
SUFFIXES = {"x86_64": ".cpython-313-x86_64-linux-gnu.so", "arm64": ".cpython-313-aarch64-linux-gnu.so"}
MACHINES = {"x86_64": 62, "arm64": 183}
"""The machine in the head of an ELF file."""


def test_each_compiled_module_is_there_for_each_architecture() -> None:
    modules = {
        architecture: sorted(str(path).removesuffix(suffix) for path in LAYER.rglob(f"*{suffix}"))
        for architecture, suffix in SUFFIXES.items()
    }
    assert modules["x86_64"] == modules["arm64"] != []
    compiled = {path for path in LAYER.rglob("*.so*") if not path.is_dir()}
    assert len(compiled) == 2 * len(modules["x86_64"]), "a compiled file that belongs to no architecture"
    assert list(SUFFIXES) == read_template()["Parameters"]["Architecture"]["AllowedValues"]


@pytest.mark.parametrize("architecture", SUFFIXES)
def test_a_compiled_module_is_for_the_architecture_of_its_name(architecture: str) -> None:
    for path in LAYER.rglob(f"*{SUFFIXES[architecture]}"):
        head = path.read_bytes()[:20]
        assert head[:4] == b"\x7fELF"
        assert int.from_bytes(head[18:20], "little") == MACHINES[architecture]
