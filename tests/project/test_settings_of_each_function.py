"""The template sets for each function exactly the environment variables that it reads."""

from typing import Any

import pytest

from gaussdb_backup.settings import (
    AuditSettings,
    CreateSettings,
    DispatchSettings,
    PruneSettings,
    Settings,
    TrackSettings,
    read_settings,
)
from local.aws_emulator.stack import Stack

SETTINGS: dict[str, type[Settings]] = {
    "CreateBackupFunction": CreateSettings,
    "DispatchBackupsFunction": DispatchSettings,
    "TrackBackupsFunction": TrackSettings,
    "AuditBackupsFunction": AuditSettings,
    "PruneBackupsFunction": PruneSettings,
}
READ_BY_BOTO3 = {"AWS_ENDPOINT_URL"}


def test_every_function_has_its_settings(stack: Stack) -> None:
    assert set(SETTINGS) == set(stack.of_type("AWS::Serverless::Function"))


@pytest.mark.parametrize("function", SETTINGS)
def test_the_template_sets_exactly_what_each_function_reads(stack: Stack, function: str) -> None:
    fields = {field.upper() for field in SETTINGS[function].model_fields}
    assert set(stack.environment(function)) == fields | READ_BY_BOTO3


@pytest.mark.parametrize("function", SETTINGS)
def test_the_defaults_of_the_template_are_valid_settings(stack: Stack, function: str) -> None:
    settings = read_settings(SETTINGS[function], stack.environment(function))
    assert settings.state_table == "StateTable"


def test_what_every_function_reads_is_set_once(template: dict[str, Any]) -> None:
    shared = set(template["Globals"]["Function"]["Environment"]["Variables"])
    assert shared == {field.upper() for field in Settings.model_fields} | READ_BY_BOTO3
    for function in SETTINGS:
        own = template["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert shared & set(own) == set()
