"""Batch calls of SQS, which take ten entries and may refuse some of them."""

from collections.abc import Callable, Sequence
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

MAX_ENTRIES = 10
ATTEMPTS = 3

type Refusal = str | None
"""Why SQS refused an entry; `None` where it accepted it."""


def send_in_batches[T](entries: Sequence[T], send: Callable[[Sequence[T]], Sequence[Refusal]]) -> list[Refusal]:
    """Send entries, ten at a time, and those that were refused again, three attempts in all.

    `send` makes one call; it returns for each entry why it was refused, or `None`. So does this function. Once a call
    got no response or was refused as a whole, no further call is made.
    """
    refusals: list[Refusal] = ["not sent"] * len(entries)
    for _ in range(ATTEMPTS):
        refused = [index for index, refusal in enumerate(refusals) if refusal is not None]
        for indexes in batched(refused, MAX_ENTRIES, strict=False):
            try:
                results = send([entries[index] for index in indexes])
            except (BotoCoreError, ClientError) as error:
                return [refusal and str(error) for refusal in refusals]
            for index, refusal in zip(indexes, results, strict=True):
                refusals[index] = refusal
    return refusals
