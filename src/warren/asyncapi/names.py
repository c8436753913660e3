"""The names things have in an AsyncAPI document, which allows letters, digits, dots, hyphens and underscores.

Not here: the things.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["add", "key_of"]

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")


def key_of(*parts: str) -> str:
    """Make a name of the parts that say something, with dots between them."""
    return ".".join(_NOT_ALLOWED.sub("-", part) for part in parts if part)


def add(things: dict[str, Any], key: str, value: Any) -> str:
    """Put a value under a name, or under one with a number where another has that; return which."""
    chosen, number = key, 2
    while chosen in things and things[chosen] != value:
        chosen, number = f"{key}-{number}", number + 1
    things[chosen] = value
    return chosen
