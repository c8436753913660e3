"""What a channel in transaction mode keeps until the commit.

Not here: carrying it out (`channel.py`).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from warren.broker.model.message import Entry, Message

if TYPE_CHECKING:
    from warren.broker.model.router import Route

__all__ = ["Settlement", "Transaction"]


class Settlement(Enum):
    """What a client does with a delivery."""

    ACKNOWLEDGE = auto()
    REQUEUE = auto()
    DISCARD = auto()  # rejected for good: dead-lettered where there is a dead-letter exchange


class Transaction:
    """Publishes and settlements, each in order; a commit carries out the publishes first."""

    __slots__ = ("publishes", "settlements")

    def __init__(self) -> None:
        self.publishes: list[tuple[Message, Route, bool]] = []  # with where it goes, and mandatory
        self.settlements: list[tuple[Settlement, dict[int, Entry]]] = []  # by delivery tag, taken out of unacked
