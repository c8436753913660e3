"""What of an application is described: a value the document is a pure function of.

Not here: the document (`document.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from warren.config import BrokerSettings
from warren.contracts.message import Message
from warren.worker.spec import ConsumerSpec

__all__ = ["Described"]


@dataclass(frozen=True, slots=True)
class Described:
    """An application as its document tells it.

    `published` are the messages it says it publishes. Without `broker` no server is named, and with one never its
    login.
    """

    name: str
    version: str
    description: str
    broker: BrokerSettings | None
    published: tuple[type[Message], ...]
    consumers: tuple[ConsumerSpec, ...]

    @property
    def virtual_host(self) -> str:
        """Where its queues and exchanges are."""
        return "/" if self.broker is None else self.broker.virtual_host

    @property
    def received(self) -> tuple[type[Message], ...]:
        """Every message class its consumers read."""
        classes = (message for spec in self.consumers for message in spec.contracts.classes)
        return tuple(dict.fromkeys(classes))

    @property
    def messages(self) -> tuple[type[Message], ...]:
        """Every message class, those that are received first."""
        return tuple(dict.fromkeys([*self.received, *self.published]))
