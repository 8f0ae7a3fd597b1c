"""What `sam build` put into the layers."""

from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.container.conftest import BUILT

pytestmark = pytest.mark.container

LAYERS = ("DependenciesLayer", "GaussDBBackupLayer")
LARGEST_MB = 80
"""Measured 61; Lambda's own limit is 250, but each megabyte is also read at a cold start."""
UNCHECKED_HASH = b"\x01\x00\x00\x00"
"""Bytes 4 to 8 of bytecode that is used without checking its source (PEP 552)."""


def files(layer: str, pattern: str = "*") -> Iterator[Path]:
    folder = BUILT / layer / "python"
    assert folder.is_dir(), "nothing is built: run `make build` first"
    return folder.rglob(pattern)


@pytest.mark.parametrize("layer", LAYERS)
def test_each_module_has_bytecode_that_is_used_without_checking_its_source(layer: str) -> None:
    modules = list(files(layer, "*.py"))
    assert modules
    for module in modules:
        bytecode = Path(cache_from_source(str(module)))
        assert bytecode.read_bytes()[4:8] == UNCHECKED_HASH, module


def test_nothing_for_development_is_in_them() -> None:
    found = {path.name for path in files("DependenciesLayer") if path.is_dir()}
    assert {"boto3", "httpx", "jinja2", "pydantic"} <= found
    assert found.isdisjoint({"pytest", "moto", "flask", "huaweicloudsdkcore", "mypy", "pip", "setuptools"})


def test_compiled_modules_are_there_for_both_architectures() -> None:
    modules: dict[str, set[str]] = {"x86_64": set(), "aarch64": set()}
    for path in files("DependenciesLayer", "*.so"):
        name, tag = path.name.split(".", 1)
        modules["aarch64" if "aarch64" in tag else "x86_64"].add(f"{path.parent.name}/{name}")
    assert modules["aarch64"] == modules["x86_64"] >= {"markupsafe/_speedups", "pydantic_core/_pydantic_core"}


def test_the_page_has_its_template_and_its_styles() -> None:
    names = {path.name for path in files("GaussDBBackupLayer") if path.parent.name == "reports"}
    assert {"coverage.html.j2", "coverage.css"} <= names


def test_they_are_small() -> None:
    size_mb = sum(path.stat().st_size for layer in LAYERS for path in files(layer) if path.is_file()) / 1e6
    assert size_mb < LARGEST_MB
