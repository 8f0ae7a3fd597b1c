"""Batch calls of AWS, which take ten entries and may refuse some of them."""

from collections.abc import Callable, Sequence
from itertools import batched

MAX_ENTRIES = 10
"""Entries of one batch call of SQS or EventBridge."""
ATTEMPTS = 3


def send_in_batches[T](entries: Sequence[T], send: Callable[[Sequence[T]], Sequence[bool]]) -> list[bool]:
    """Send entries, ten at a time, and those that were refused again, three attempts in all.

    `send` makes one call; it returns for each entry whether it was accepted. So does this function.
    """
    accepted = [False] * len(entries)
    for _ in range(ATTEMPTS):
        refused = [index for index, is_accepted in enumerate(accepted) if not is_accepted]
        for indexes in batched(refused, MAX_ENTRIES, strict=False):
            results = send([entries[index] for index in indexes])
            for index, is_accepted in zip(indexes, results, strict=True):
                accepted[index] = is_accepted
    return accepted
