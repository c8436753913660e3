"""Why one contract refuses what another lets through, and where.

Not here: finding it (`compare.py`), or what to do about it (`findings.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Refusal", "Why"]


class Why(enum.StrEnum):
    """What the reader objects to."""

    MISSING = "missing"
    """It needs a field that may not be there."""

    UNKNOWN = "unknown"
    """It forbids a field it does not know."""

    TYPE = "type"
    """Another type of value."""

    VALUES = "values"
    """A value that is not in its list."""

    LIMIT = "limit"
    """A number, text, list or object out of its limits."""

    FORMAT = "format"
    """A text of another form."""

    VALIDATOR = "validator"
    """A function may refuse it; what it refuses is not known."""

    KEYS = "keys"
    """Another kind of keys of a dictionary."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that may be sent and is not read. `field` is a path like `lines[].price`."""

    field: str
    why: Why
    sent: str
    read: str

    @property
    def place(self) -> tuple[str, Why]:
        """What makes two of them one."""
        return self.field, self.why
