"""Values of the API's JSON that may be missing, empty, or of another type than the documentation says.

Not here: which object has which of them (`queues.py`, `consumers.py`, `nodes.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["as_count", "as_flag", "as_table", "as_text"]


def as_count(value: Any) -> int | None:
    """Return a whole number from 0, or None: a figure that is not known yet may come as text, or not at all."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    return int(value)


def as_flag(value: Any) -> bool | None:
    """Return a boolean, or None."""
    return value if isinstance(value, bool) else None


def as_text(value: Any) -> str | None:
    """Return text that says something, or None."""
    return value if isinstance(value, str) and value else None


def as_table(value: Any) -> Mapping[str, Any]:
    """Return a table that cannot be changed. An empty one may come as a list; a void value as "undefined"."""
    if not isinstance(value, Mapping):
        return MappingProxyType({})
    return MappingProxyType({str(name): None if one == "undefined" else one for name, one in value.items()})
