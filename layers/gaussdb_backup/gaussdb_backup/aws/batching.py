"""Batch calls of AWS, which take ten entries and may refuse some of them."""

from collections.abc import Callable, Sequence
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

MAX_ENTRIES = 10
"""Entries of one batch call of SQS or EventBridge."""
ATTEMPTS = 3


type Refusal = str | None
"""Why AWS refused an entry; `None` where it accepted it."""


def to_refusal(error: BotoCoreError | ClientError) -> str:
    """Return AWS's code (`AccessDenied`), or the class where there was no response (`ConnectTimeoutError`).

    Its text is left out: it names accounts, roles and resources.
    """
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return code or type(error).__name__


def send_in_batches[T](entries: Sequence[T], send: Callable[[Sequence[T]], Sequence[Refusal]]) -> list[Refusal]:
    """Send entries, ten at a time, and those that were refused again, three attempts in all.

    `send` makes one call; it returns for each entry why it was refused, or `None`. So does this function. Once a call
    got no response or was refused as a whole, no further call is made: boto3 has repeated it, and with a service that
    does not respond each would take as long.
    """
    refusals: list[Refusal] = ["not sent"] * len(entries)
    for _ in range(ATTEMPTS):
        refused = [index for index, refusal in enumerate(refusals) if refusal is not None]
        for indexes in batched(refused, MAX_ENTRIES, strict=False):
            try:
                results = send([entries[index] for index in indexes])
            except (BotoCoreError, ClientError) as error:
                return [refusal and to_refusal(error) for refusal in refusals]
            for index, refusal in zip(indexes, results, strict=True):
                refusals[index] = refusal
    return refusals
