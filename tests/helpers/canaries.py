"""Secrets of which every part is recognizable, wherever it ends."""

import traceback

CANARIES = {
    "access_key": "QKAV7ZD2MWX9PLTBJ4EH",
    "secret_key": "sK8wGq2ZnYv5LxTd7RbHc3MfPj9WuXa6",
    "security_token": "ggp/jYWKb+mZ0qXv7TnL4/cRw8Hs2+Dd5Ff9Gg1/Kk3Mm6Pp8Qq0Rr2Ss4Tt6Vv8Ww0Xx2Yy4Zz6A" * 3,
    "project_id": "4f7c9e1b3d5a7f9c1e3b5d7f9a1c3e5b",
    "domain_name": "OTC73019482650917364820",
    "user_name": "hxkjwqzv-operator-pqmz",
    "password": "Vw9!uTz4#eRq7$yPb2&kLm",
    "token": "MIIXzQwVbNnMmKkJjHhGgFfDdSsAaQqWwEeRrTtYyUuIiOoPp0192837465/+-" * 3,
}
PART = 8
"""Characters of a secret that must not be seen together."""


def find_canaries(text: str) -> list[str]:
    """Return each secret of which a part is in the text."""
    folded = text.casefold()
    return [name for name, value in CANARIES.items() if any(part in folded for part in _parts(value.casefold()))]


def _parts(value: str) -> set[str]:
    return {value[start : start + PART] for start in range(len(value) - PART + 1)}


def emitted_text(error: BaseException) -> str:
    """Return all that can be seen of an error: traceback, and each error kept by it, hidden or not, with its values."""
    parts = ["".join(traceback.format_exception(error))]
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        parts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        waiting += [each.__cause__, each.__context__]
    return "\n".join(parts)
