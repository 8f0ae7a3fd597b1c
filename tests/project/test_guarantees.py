"""Each guarantee and each failure that was found names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "guarantees.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("title", SECTIONS)
def test_each_guarantee_names_its_tests(title: str) -> None:
    paths = re.findall(r"`(tests/[\w/]+(?:\.py|/))", SECTIONS[title])
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_each_failure_names_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (?!what was|-)(.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 60
    tests = {what: re.fullmatch(r"`(tests/\S+\.py)::(test_\w+)`", name) for what, name in rows}
    assert [what for what, test in tests.items() if not (test and is_defined(ROOT / test[1], test[2]))] == []


def is_defined(path: Path, name: str) -> bool:
    return path.exists() and re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) is not None
