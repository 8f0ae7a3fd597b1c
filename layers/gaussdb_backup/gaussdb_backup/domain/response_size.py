"""How much of long lists a response has: Lambda fails an invocation that returns more than 6 MB."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

MAX_BYTES = 5_500_000
"""Of all lists of a response together, in ASCII; what it has besides is less than the rest of the 6,291,456 bytes."""


def fit(lists: Mapping[str, Iterable[Any]], *, limit: int = MAX_BYTES) -> dict[str, list[Any]]:
    """Return the first entries of each list, as many as fit into `limit` bytes of JSON; earlier lists are filled first.

    Names are as long as the API has them, so a number of entries would bound nothing.
    """
    fitting: dict[str, list[Any]] = {}
    left = limit
    for name, entries in lists.items():
        taken = fitting.setdefault(name, [])
        for entry in entries:
            left -= len(json.dumps(entry)) + len(", ")
            if left < 0:
                break
            taken.append(entry)
    return fitting
