"""Figures as people read them in a narrow column: counts, rates, shares and times, `–` for what is not known.

Not here: tables and bars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["UNKNOWN", "count", "rate", "seconds", "share", "sparkline"]

UNKNOWN: Final = "–"
_BARS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e4, "k"))


def count(number: float | None) -> str:
    """Write a whole number in at most six characters: 9,999, 12k, 3.4M."""
    if number is None:
        return UNKNOWN
    for size, unit in _UNITS:
        if abs(number) >= size:
            scaled = number / (1e3 if unit == "k" else size)
            return f"{scaled:.1f}{unit}" if abs(scaled) < 10 else f"{scaled:,.0f}{unit}"
    return f"{number:,.0f}"


def rate(a_second: float | None) -> str:
    """Write what happens in a second: 0, 0.2, 17, 1,200, 12k."""
    if a_second is None:
        return UNKNOWN
    if 0 < a_second < 0.05:
        return "<0.1"
    return f"{a_second:.1f}" if 0 < a_second < 9.95 else count(a_second)


def share(of_all: float | None) -> str:
    """Write a share as a percentage: 0%, <1%, 12%."""
    if of_all is None:
        return UNKNOWN
    if 0 < of_all < 0.01:
        return "<1%"
    return f"{of_all:.0%}"


def seconds(time: float | None) -> str:
    """Write a time in at most four characters: 40ms, 12s, 3m, 2h, 5d; `never` where it does not end."""
    if time is None:
        return UNKNOWN
    if math.isinf(time):
        return "never"
    if 0 < time < 1:
        return f"{max(1, round(time * 1000))}ms" if time < 0.9995 else "1s"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if time >= 2 * size:
            return f"{count(time // size)}{unit}"
    return f"{time:.0f}s"


def sparkline(values: Sequence[int], width: int) -> str:
    """Draw the last `width` values as bars, from 0 to the highest of them."""
    shown = values[-width:]
    highest = max(shown, default=0)
    if highest <= 0:
        return _BARS[0] * len(shown)
    return "".join(_BARS[round(max(value, 0) / highest * (len(_BARS) - 1))] for value in shown)
