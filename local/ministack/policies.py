"""The policies that the documents have for the users of a stack."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .account import ROOT

DEPLOYING = (ROOT / "docs" / "deploying.md", "Permissions of the deploying user")
COMMAND_LINE = (ROOT / "docs" / "reference" / "command_line.md", "Permissions")


def read_policies(section: tuple[Path, str], placeholders: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the policies of a section of a document, with their placeholders filled in."""
    document, heading = section
    text = document.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for placeholder, value in placeholders.items():
        blocks = [block.replace(placeholder, value) for block in blocks]
    return [json.loads(block) for block in blocks]
