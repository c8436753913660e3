"""Figures and times as the pages write them.

Not here: the words of findings (`signals/words.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from warren.signals.words import per_second, percent, span

__all__ = ["FILTERS", "UNKNOWN", "ago", "clock", "figure", "moment", "parted", "sentence", "size"]

UNKNOWN: Final = "–"
"""What stands where nobody could tell."""

_SHORT: Final = 16  # characters: such a name fits wherever one is shown


def figure(value: float | None) -> str:
    """`12,345`; a dash where it is not known."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def ago(seconds: float | None) -> str:
    """`12 s ago`."""
    return UNKNOWN if seconds is None else f"{span(max(0.0, seconds))} ago"


def moment(seconds: float | None) -> Markup:
    """A `<time>` in UTC, to the second: who reads it compares it with logs."""
    if seconds is None:
        return Markup(UNKNOWN)
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return Markup(UNKNOWN)
    iso = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{} UTC</time>').format(iso, f"{at:%Y-%m-%d %H:%M:%S}")


def clock(seconds: float) -> str:
    """`12:03:10`, in UTC: for what stands beside a time axis."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def parted(name: str) -> Markup:
    """A long name that breaks between its parts where it has to, as in `IndexError@` `orders.created`."""
    if len(name) <= _SHORT:
        return Markup.escape(name)
    return Markup("<wbr>").join(re.split(r"(?<=[./:@\-])(?=[^./:@\-])", name))


def size(number: float | None) -> str:
    """`512 B`, `1.5 MB`, `76 GB`: in powers of a thousand, as brokers' limits are."""
    if number is None:
        return UNKNOWN
    unit = "B"
    for greater in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, greater
    return f"{number:.1f} {unit}" if number < 10 and unit != "B" else f"{number:,.0f} {unit}"


def sentence(text: str) -> Markup:
    """A line of a finding's as a sentence, with what stands in backticks as code."""
    is_word = text.partition(" ")[0].isalpha()  # and not the name of a queue, which stays as it is
    whole = text[:1].upper() + text[1:] if is_word else text
    parts = (whole if whole.endswith((".", "!", "?")) else f"{whole}.").split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts)
    )


def _or_unknown(write: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: UNKNOWN if value is None else write(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "figure": figure,
    "ago": ago,
    "moment": moment,
    "clock": clock,
    "parted": parted,
    "percent": _or_unknown(percent),
    "rate": _or_unknown(per_second),
    "sentence": sentence,
    "size": size,
    "span": _or_unknown(span),
}
