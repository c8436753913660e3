"""What all handlers share: the node, its statistics, and who tried to log in.

Not here: a single request (`request.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warren.broker.statistics import Statistics

if TYPE_CHECKING:
    from warren.broker.node import Node

__all__ = ["Context", "Listener"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A port the broker listens on. `protocol` is RabbitMQ's word: amqp, amqp/ssl, http or https."""

    protocol: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Context:
    """One node as the API sees it. The server adds each listener once it listens."""

    node: Node
    statistics: Statistics
    listeners: list[Listener] = field(default_factory=list)
    logins: Counter[bool] = field(default_factory=Counter)  # of the API: accepted and refused

    @property
    def cluster_name(self) -> str:
        """The name users gave, or the node's."""
        given = self.node.parameters.get(("cluster_name",))
        return str(given["value"]) if given else self.node.config.node_name
