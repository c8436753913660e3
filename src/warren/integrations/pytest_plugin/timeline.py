"""Virtual time on a broker whose clock cannot be moved: when each message in a retry tier was to be due. Pure.

Not here: waiting for it (`rabbitmq_stage.py`).

A tier's queue is shorter than its delay says, so a message comes back early by the wall clock. It counts as coming back
at the moment it was due, and its next delay begins there: so a ladder takes as long in virtual time as it would.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Key", "Timeline"]

Key = tuple[str, str]
"""A message in a tier: its queue, and its message id."""

_ULP: Final = 0.0005
"""Moments are sums of floats: this much later is still the same."""


class Timeline:
    """What waits in retry tiers, in virtual seconds since the run began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: dict[Key, float] = {}
        self._came: dict[Key, float] = {}  # when what was delivered again had been due

    def __repr__(self) -> str:
        return f"<Timeline at {self.now:g} s, {len(self._due)} waiting>"

    def retried(self, key: Key, delay: float) -> None:
        """A message was put into the tier of that delay."""
        self._due[key] = self._came.pop(key, self.now) + delay

    def delivered(self, key: Key) -> None:
        """A message was delivered, perhaps from a tier."""
        if key in self._due:
            self._came[key] = self._due.pop(key)

    def waits(self, key: Key) -> bool:
        """Whether a message is in a tier."""
        return key in self._due

    def next(self, end: float) -> tuple[float, Key] | None:
        """Return what is due first, and when, if that is not after `end`."""
        first = min(((due, key) for key, due in self._due.items()), default=None)
        return first if first is not None and first[0] <= end + _ULP else None
