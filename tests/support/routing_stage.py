"""A virtual host to route messages in, and what storage was told of it.

Not here: consumers and journals; the messages of all queues just wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warren.broker.model.message import Address, Message
from warren.broker.model.vhost import VirtualHost
from warren.broker.node import Node
from warren.broker.protocol import properties
from warren.broker.protocol.properties import Properties
from warren.broker.settings import BrokerConfig, Profile
from warren.broker.storage.memory import MemoryStorage
from warren.broker.storage.port import Definition, Recovered
from warren.clock import ManualClock


class RememberingStorage(MemoryStorage):
    """Keeps definitions like a journal, and counts what else it is told."""

    def __init__(self, kept: Mapping[tuple[str, tuple[str, ...]], Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self.kept = dict(kept or {})
        self.published: list[tuple[Message, tuple[str, ...]]] = []
        self.acknowledged: list[bytes | None] = []

    def define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> int:
        if value is None:
            self.kept.pop((kind, key), None)
        else:
            self.kept[kind, key] = value
        return 0

    def publish(self, message: Message, queues: Any) -> int:
        self.published.append((message, tuple(queue.name for queue in queues)))
        return len(self.published)

    def acknowledge(self, entry: Any) -> None:
        self.acknowledged.append(entry.message.body)

    def recover(self) -> Recovered:
        return Recovered([Definition(kind, key, value) for (kind, key), value in self.kept.items()])


class RoutingStage:
    """A node with one virtual host, `/`."""

    def __init__(self, storage: RememberingStorage | None = None, *, profile: Profile = Profile.RABBITMQ_4_0) -> None:
        self.clock = ManualClock()
        self.storage = storage or RememberingStorage()
        self.node = Node(BrokerConfig(profile=profile), self.storage, self.clock)
        self.node.start()

    @property
    def vhost(self) -> VirtualHost:
        return self.node.vhosts["/"]

    def queues(self, *names: str, **options: Any) -> None:
        for name in names:
            self.vhost.declare_queue(name, **options)

    def exchange(self, name: str, kind: str = "direct", **options: Any) -> None:
        self.vhost.declare_exchange(name, kind, **options)

    def bind(self, source: str, queue: str, routing_key: str = "", arguments: Mapping[str, Any] | None = None) -> None:
        self.vhost.bind("queue", queue, source, routing_key, arguments)

    def unbind(
        self, source: str, queue: str, routing_key: str = "", arguments: Mapping[str, Any] | None = None
    ) -> None:
        self.vhost.unbind("queue", queue, source, routing_key, arguments)

    def chain(self, source: str, destination: str, routing_key: str = "") -> None:
        self.vhost.bind("exchange", destination, source, routing_key)

    def send(self, exchange: str, routing_key: str = "", headers: Mapping[str, Any] | None = None) -> list[str]:
        """Publish a message; return the names of the queues that have it now, and empty them."""
        self.vhost.publish(message(exchange, routing_key, headers))
        return self.taken()

    def taken(self) -> list[str]:
        """Empty all queues; return the names of those that had something, once for each message."""
        return sorted(name for name, queue in self.vhost.queues.items() for _ in range(queue.purge()))

    def kept(self, kind: str) -> list[tuple[str, ...]]:
        """The keys of the definitions of a kind that storage has, without the virtual host."""
        return [key[1:] for one, key in self.storage.kept if one == kind]

    def restarted(self) -> RoutingStage:
        return RoutingStage(RememberingStorage(self.storage.kept), profile=self.node.config.profile)


def message(
    exchange: str,
    routing_key: str = "",
    headers: Mapping[str, Any] | None = None,
    body: bytes = b"body",
    **others: Any,
) -> Message:
    header = properties.encode(Properties(headers=headers, delivery_mode=2, **others))
    return Message(Address(exchange, routing_key), header, body, persistent=True)
