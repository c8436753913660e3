"""Versions as tuples of numbers, to be compared.

Not here: which versions are supported (`checks/version.py`).
"""

from __future__ import annotations

import re

__all__ = ["version_of"]


def version_of(text: str) -> tuple[int, ...]:
    """Read the numbers that a version begins with: `4.0.5` and `4.0.5-rc.1` are (4, 0, 5). Empty for other text."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
