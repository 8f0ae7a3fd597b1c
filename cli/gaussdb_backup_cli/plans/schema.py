"""The JSON Schema of files with plans, for editors."""

from typing import Any

from gaussdb_backup_cli.plans.models import PlanFile

FIRST_LINE = "# yaml-language-server: $schema="
"""With the path or the address of the schema behind it, the first line of a file has editors check it."""


def make_schema() -> dict[str, Any]:
    """Return the schema, made from the models that files are parsed by."""
    schema = PlanFile.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Plans of gaussdb-backup",
        "description": "Which instances are backed up when, how they are audited, and how long the backups are kept.",
    }
