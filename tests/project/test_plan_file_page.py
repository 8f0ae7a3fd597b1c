"""The page about plan files has what the models have."""

import re
from pathlib import Path

import pytest

from gaussdb_backup_cli.plans.models import AuditPart, BackupPart, KeepPart, PlanOfFile

MODELS = (PlanOfFile, BackupPart, AuditPart, KeepPart)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_field_is_in_the_table(root: Path, model: type[PlanOfFile]) -> None:
    rows = [line for line in (root / "docs/reference/plan_file.md").read_text().splitlines() if line.startswith("|")]
    named = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert {field.alias or name for name, field in model.model_fields.items()} - named == set()
