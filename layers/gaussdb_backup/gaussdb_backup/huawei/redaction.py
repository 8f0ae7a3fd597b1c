"""Recognizing a secret, or a part of one, in what an API has sent: gateways echo what they were sent."""

from collections.abc import Iterable

PART = 8
"""Characters of a secret that must not be seen together. A secret that is shorter is looked for as a whole."""


class Redactor:
    """Knows the secret values of one connection, in any case of their letters."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        folded = [value.casefold() for value in values if value]
        self._short = [value for value in folded if len(value) < PART]
        self._parts = frozenset(part for value in folded for part in _parts(value))

    def has_secret(self, text: str) -> bool:
        """Return whether a part of a secret is in the text."""
        folded = text.casefold()
        return any(value in folded for value in self._short) or not self._parts.isdisjoint(_parts(folded))

    def clean(self, text: str | None) -> str | None:
        """Return the text, or `None` where a part of a secret is in it."""
        return None if text is None or self.has_secret(text) else text

    def is_in_any(self, value: object) -> bool:
        """Return whether a part of a secret is in any text of a JSON value."""
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, str):
                if self.has_secret(each):
                    return True
            elif isinstance(each, dict):
                waiting += [*each, *each.values()]
            elif isinstance(each, list):
                waiting += each
        return False


def _parts(value: str) -> Iterable[str]:
    return (value[start : start + PART] for start in range(len(value) - PART + 1))
