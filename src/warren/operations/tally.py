"""How far a command has come: counted while it goes on, read when it ends, however it ends.

Not here: showing it (`cli/progress.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Tally"]


def _unseen(_seen: int) -> None:
    """Where nobody looks."""


@dataclass(slots=True)
class Tally:
    """Counts of messages. `on_seen` is called with how many more were seen."""

    total: int = 0
    """How many there were at the start."""

    seen: int = 0
    done: int = 0
    """Confirmed or on disk, and then acknowledged; of a file: confirmed, and noted as that."""

    again: int = 0
    """Of `done`: recognised as done by a former run, so not done once more."""

    on_seen: Callable[[int], None] = field(default=_unseen)

    def see(self, count: int) -> None:
        """Count what was looked at."""
        self.seen += count
        self.on_seen(count)
