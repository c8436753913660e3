"""What a message can be handed to: a queue, or what stands for one.

Not here: those themselves (`queue.py`, the waiting room in `delayed.py`, the pseudo-queue in `router.py`).
"""

from __future__ import annotations

from typing import Protocol

from warren.broker.model.message import Message
from warren.broker.model.queue_settings import Kind

__all__ = ["Receiver"]


class Receiver(Protocol):
    """The end of a route."""

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> int:
        """What storage knows it by, if it is durable."""

    @property
    def durable(self) -> bool: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def is_deleted(self) -> bool: ...

    def accepts(self, message: Message) -> bool:
        """Tell whether it takes a message. If not, its publisher is told so."""

    def push(self, message: Message) -> None:
        """Take a message that it accepts."""
