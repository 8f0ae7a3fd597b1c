"""The template's metadata describe this version of the application."""

from pathlib import Path
from typing import Any

import pytest

import gaussdb_backup


@pytest.fixture(scope="session")
def application(template: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = template["Metadata"]["AWS::ServerlessRepo::Application"]
    return found


def test_the_template_has_the_version_of_the_code(application: dict[str, str]) -> None:
    assert application["SemanticVersion"] == gaussdb_backup.__version__


def test_the_stack_has_the_version_of_the_code_as_an_output(template: dict[str, Any]) -> None:
    assert template["Outputs"]["Version"]["Value"] == gaussdb_backup.__version__


def test_the_files_that_the_metadata_name_exist(application: dict[str, str], root: Path) -> None:
    """`sam package` and `sam deploy` upload them, and fail where one is missing."""
    assert [name for name in (application["LicenseUrl"], application["ReadmeUrl"]) if not (root / name).is_file()] == []
