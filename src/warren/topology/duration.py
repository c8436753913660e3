"""Durations as people write them ("30s", "1m", "500ms"), to seconds and back.

Not here: what a duration is for. Everything is kept to whole milliseconds, the resolution of the broker.
"""

from __future__ import annotations

import math
import re
from typing import Final

from warren.errors import ConfigurationError

__all__ = ["MAX_DURATION", "Duration", "format_duration", "milliseconds", "parse_duration"]

Duration = float | str
"""Seconds as a number, or text with a unit: "500ms", "30s", "1.5m", "2h", "1d"."""

MAX_DURATION: Final = 4_294_967.295
"""The longest TTL or expiry RabbitMQ accepts, in seconds: 2³² - 1 milliseconds, a little under 50 days."""

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TEXT: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|h|d)")


def parse_duration(value: Duration) -> float:
    """Return `value` in seconds, rounded to a millisecond.

    Raises `ConfigurationError` for text without a unit, for zero and negative values, and beyond `MAX_DURATION`.
    """
    seconds = _from_text(value) if isinstance(value, str) else _from_number(value)
    if not 0.0005 < seconds <= MAX_DURATION + 0.0005:
        raise ConfigurationError(f"{value!r} is not a usable duration: give something between 1ms and 49d")
    return round(seconds, 3)


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that divides them: "1m", "90s", "1500ms". `parse_duration` reads it back."""
    total = milliseconds(seconds)
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if total % _UNITS_MS[unit] == 0)
    return f"{total // _UNITS_MS[unit]}{unit}"


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, as the broker wants them."""
    return round(seconds * 1_000)


def _from_text(text: str) -> float:
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(
            f'{text!r} is not a duration: write a number and a unit, like "500ms", "30s", "1m", "2h"'
        )
    return float(found["number"]) * _UNITS_MS[found["unit"]] / 1_000


def _from_number(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f'{value!r} is not a duration: give seconds as a number, or text like "30s"')
    return float(value)
