"""The text that an operator is mailed about an event."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.aws_emulator.input_transformer import render
from local.aws_emulator.stack import Stack

RULES = {"FAILED": "BackupFailedRule", "OVERDUE": "BackupOverdueRule", "MISSING": "BackupMissingRule"}
TARGET = "notifications"
"""The id of the target that notifies people."""


def render_notification(stack: Stack, events: Iterable[Mapping[str, Any]], status: str) -> str:
    """Return the text that the template's rule makes of the first event with a status; empty where there is none."""
    event = next((each for each in events if each["detail"]["status"] == status), None)
    if event is None:
        return ""
    rule = stack.resolve(stack.template["Resources"][RULES[status]]["Properties"])
    transformer = next(target["InputTransformer"] for target in rule["Targets"] if target["Id"] == TARGET)
    return render(transformer, event)
