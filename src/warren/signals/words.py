"""The words findings are told in: figures as people read them, and commands ready to be pasted.

Not here: which figures and commands (`rules/`).
"""

from __future__ import annotations

import math
import shlex

__all__ = ["command", "count", "per_second", "percent", "span"]


def count(number: float, thing: str, things: str | None = None) -> str:
    """`1 message`, `12,000 messages`."""
    return f"{number:,.0f} {thing if round(number) == 1 else things or thing + 's'}"


def percent(share: float) -> str:
    """`0.4 %`, `37 %`. What is not all is never 100 %."""
    if 0 < share < 0.0995:
        return f"{max(share * 100, 0.1):.1f} %"
    return f"{min(share * 100, 99 if share < 1 else math.inf):.0f} %"


def per_second(rate: float) -> str:
    """`120/s`, `3.4/s`, `0.05/s`."""
    if 0 < rate < 0.01:
        return "less than 0.01/s"
    return f"{rate:,.0f}/s" if rate >= 10 or rate == 0 else f"{rate:.2g}/s"


def span(seconds: float) -> str:
    """`0.4 s`, `45 s`, `12 min`, `3.5 h`, `2.0 days`."""
    if math.isinf(seconds):
        return "for ever"
    for unit, length, least in (("days", 86_400, 2 * 86_400), ("h", 3_600, 2 * 3_600), ("min", 60, 120)):
        if seconds >= least:
            number = seconds / length
            return f"{number:.0f} {unit}" if number >= 9.95 or number == int(number) else f"{number:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 9.95 or seconds == int(seconds) else f"{seconds:.1f} s"


def command(*words: str) -> str:
    """Return a command of ours for a shell: `warren inspect 'odd name' --group`."""
    return shlex.join(("warren", *words))
