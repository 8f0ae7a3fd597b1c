"""How single values of the vendor's are read: each becomes a value or `None`, and only an id may be refused.

Numbers as strings, `null`, absurd values and texts of any length are expected; none of them may ever stop a backup.
"""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Between these lie all times that mean something; one outside was never meant, and breaks arithmetic with times."""
MAX_NUMBER = 1e15
"""A greater number than this is no size of anything, and CloudWatch would refuse it."""
MAX_TEXT = 256
"""Characters that are kept of a text of the vendor's: a description has no more."""
MAX_DAYS = 36500
"""The longest retention of the vendor's, that of a vault lock."""
MAX_WORD = 64
"""Printable characters that are kept of a word of the vendor's, which is logged as it is."""


def _parse_instant(value: object) -> datetime | None:
    """Parse `yyyy-mm-ddThh:mm:ss+0800` and similar forms as UTC; anything else is unknown (`None`), not an error.

    A time without an offset is taken as UTC; the vendor's documents print some with `_0800` for `+0800`.
    """
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(_repair_offset(value))
        instant = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return instant if EARLIEST <= instant < LATEST else None


def _repair_offset(value: object) -> str:
    return re.sub(r"_(\d{4})$", r"+\1", value.strip()) if isinstance(value, str) else ""


def _parse_timestamp(value: object) -> datetime | None:
    """Parse seconds or milliseconds since 1970, or a text as `_parse_instant` does.

    Which of them the vendor means is not documented; no number is a time of this century in both.
    """
    number = None if isinstance(value, bool) else _parse_number(value)
    if number is None:
        return _parse_instant(value)
    seconds = number if number < LATEST.timestamp() else number / 1000
    return _parse_instant(datetime.fromtimestamp(seconds, UTC)) if seconds < LATEST.timestamp() else None


def _parse_days(value: object) -> int | None:
    """Parse a whole number of days, 0 included; the vendor's documents have one with a comma, `"7,"`."""
    match = re.fullmatch(r"([0-9]{1,5})(?:\.0)?,?", str(value).strip())
    days = int(match[1]) if match else None
    return days if days is not None and days <= MAX_DAYS else None


def _parse_switch(value: object) -> str | None:
    word = value.strip().lower() if isinstance(value, str) else None
    return word if word in ("on", "off") else None


def _parse_flag(value: object) -> bool:
    """Parse true or false, as such or as a text; anything else is refused, since neither may be assumed."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise ValueError("neither true nor false")
    return word == "true"


def _parse_number(value: object) -> float | None:
    """Parse a count of something; what is negative, not finite or absurd is unknown."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number <= MAX_NUMBER else None


def _parse_text(value: object) -> str | None:
    return None if value in (None, "") else _clean(str(value))[:MAX_TEXT]


def _parse_name(value: object) -> str:
    return _parse_text(value) or ""


def _parse_id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("neither a text nor a number")  # noqa: TRY004 - pydantic collects ValueError only
    return _clean(str(value))


def _clean(text: str) -> str:
    """Replace the halves of characters that JSON may have, since no UTF-8 has them."""
    return text.encode(errors="replace").decode()


def _parse_word(value: object) -> str | None:
    text = _parse_text(value)
    return None if text is None else "".join(c if c.isprintable() else " " for c in text)[:MAX_WORD]


Id = Annotated[str, BeforeValidator(_parse_id), Field(min_length=1)]
Instant = Annotated[datetime | None, BeforeValidator(_parse_instant)]
Timestamp = Annotated[datetime | None, BeforeValidator(_parse_timestamp)]
Days = Annotated[int | None, BeforeValidator(_parse_days)]
Switch = Annotated[Literal["on", "off"] | None, BeforeValidator(_parse_switch)]
Flag = Annotated[bool, BeforeValidator(_parse_flag)]
Number = Annotated[float | None, BeforeValidator(_parse_number)]
Name = Annotated[str, BeforeValidator(_parse_name)]
Text = Annotated[str | None, BeforeValidator(_parse_text)]
Word = Annotated[str | None, BeforeValidator(_parse_word)]
