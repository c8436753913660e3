"""What a worker tells of its consumers a few times a second, and the port that takes it.

Not here: what happens to single messages (`events.py`), and where readings go (`prometheus/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

__all__ = ["ConsumerReading", "Meter"]


@final
@dataclass(frozen=True, slots=True)
class ConsumerReading:
    """One consumer of a worker now. `oldest_in_flight` is in seconds since that delivery came."""

    queue: str
    consumer: str
    prefetch: int
    is_subscribed: bool = False
    in_flight: int = 0
    oldest_in_flight: float = 0.0


class Meter(Protocol):
    """Takes readings. Neither call may block or raise."""

    def show(self, readings: Sequence[ConsumerReading]) -> None:
        """Take how the consumers are now, in place of what was shown before."""

    def close(self) -> None:
        """Take note that the worker has ended: its consumers hold nothing and are subscribed to nothing."""
