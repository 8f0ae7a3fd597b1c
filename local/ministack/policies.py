"""The policies of docs/deploying.md, for the user who deploys."""

import json
import re
from collections.abc import Mapping
from typing import Any

from .account import ROOT

DOCUMENT = ROOT / "docs" / "deploying.md"


def read_policies(placeholders: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the policies of the deploying user, with their placeholders filled in."""
    section = DOCUMENT.read_text().split("## Permissions of the deploying user\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for placeholder, value in placeholders.items():
        blocks = [block.replace(placeholder, value) for block in blocks]
    return [json.loads(block) for block in blocks]
