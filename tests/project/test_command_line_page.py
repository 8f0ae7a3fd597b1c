"""The page about the command line has what the commands have."""

import importlib
import re
from pathlib import Path

import click
import pytest

from gaussdb_backup_cli.main import COMMANDS

COMMON = {"--stack", "--profile", "--region", "--local", "--json", "--help"}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/reference/command_line.md").read_text()


def commands_of(name: str) -> list[click.Command]:
    found = importlib.import_module(f"gaussdb_backup_cli.commands.{name}").command
    return [found, *found.commands.values()] if isinstance(found, click.Group) else [found]


def options_of(name: str) -> set[str]:
    parameters = [one for each in commands_of(name) for one in each.params if isinstance(one, click.Option)]
    return {option for one in parameters for option in one.opts} - COMMON


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_section_with_all_of_its_options(page: str, name: str) -> None:
    section = page.split(f"\n## {name}\n")[1].split("\n## ", maxsplit=1)[0]
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section)) - COMMON == options_of(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_can_be_imported_and_has_the_help_that_the_list_has(name: str) -> None:
    assert commands_of(name)[0].get_short_help_str(200).rstrip(".") == COMMANDS[name].rstrip(".")


def test_each_file_of_a_command_is_in_the_list(root: Path) -> None:
    files = {path.stem for path in (root / "cli/gaussdb_backup_cli/commands").glob("*.py")} - {"__init__"}
    assert files == set(COMMANDS)
