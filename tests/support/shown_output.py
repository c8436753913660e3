"""What output must look like to be what a page shows: `…` stands for anything, and where it is told so, figures do too.

Not here: following a page (`walkthrough.py`).
"""

from __future__ import annotations

import re

__all__ = ["output_pattern"]

_FIGURE = re.compile(r"–|~?<?\d[\d.,]*[kMG]?(?: ?(?:ms|s|m|min|h|d|%))?(?!\w)")


def output_pattern(lines: list[str], *, any_figures: bool = False) -> re.Pattern[str]:
    """Return what matches the output: `…` is any text, on a line of its own any lines."""
    whole = ""
    for line in lines:
        if line.strip() == "…":
            whole += r"(?:[^\n]*\n)*?"
        else:
            whole += r"[^\n]*".join(_escaped(part, any_figures) for part in line.rstrip().split("…")) + r"[ \t]*\n"
    return re.compile(whole)


def _escaped(text: str, any_figures: bool) -> str:
    """Write a part of a line as a pattern. Figures move the columns of a table, and may have another unit."""
    if not any_figures:
        return re.escape(text)
    words = (re.sub(r"(?:\\ )+", " +", re.escape(part)) for part in _FIGURE.split(text))
    return re.sub("─+", "─+", f"(?:{_FIGURE.pattern})".join(words))
