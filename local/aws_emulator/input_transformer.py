"""What EventBridge makes of an event by the input transformer of a target, as its user guide has it.

A path that an event does not have leaves nothing behind. Values are not escaped. A template is JSON, or a text of one
string in quotes for each line.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LIMIT_OF_A_TEMPLATE = 8192
"""Characters of an input template, by the API reference of EventBridge ("InputTransformer")."""
VARIABLE = re.compile(r"<([A-Za-z0-9_-]+)>")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def paths_of(fields: Mapping[str, Any], above: str = "$") -> Iterator[tuple[str, str]]:
    """Yield the path of each field of an event, with its text."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from paths_of(value, f"{above}.{name}")
        else:
            yield f"{above}.{name}", value if isinstance(value, str) else json.dumps(value)


def render(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return what the target receives. Raises `ValueError` where the guide leaves open what that is."""
    template, known = transformer["InputTemplate"], dict(paths_of(event))
    if len(template) > LIMIT_OF_A_TEMPLATE:
        raise ValueError(f"a template of {len(template)} characters, of at most {LIMIT_OF_A_TEMPLATE}")
    if VARIABLE.search(STRING.sub("", template)):
        raise ValueError("a variable outside of a string may leave no valid JSON")
    values = {name: known.get(path, "") for name, path in transformer["InputPathsMap"].items()}
    return VARIABLE.sub(lambda match: values[match[1]], template)
