"""The direct exchange: a message passes the bindings whose key is its routing key.

Not here: other types.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warren.broker.model.exchange import Exchange, Target

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message
    from warren.broker.model.queue import Queue

__all__ = ["DefaultExchange", "DirectExchange"]


class DirectExchange(Exchange):
    """Finds bindings by their key."""

    TYPE = "direct"

    __slots__ = ("_by_key",)

    def __init__(self, name: str, vhost: str, **options: Any) -> None:
        super().__init__(name, vhost, **options)
        self._by_key: dict[str, dict[Binding, Target]] = {}

    def bind(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, {})[binding] = binding.target

    def unbind(self, binding: Binding) -> None:
        found = self._by_key[binding.routing_key]
        del found[binding]
        if not found:
            del self._by_key[binding.routing_key]

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        if len(keys) == 1:
            found = self._by_key.get(keys[0])
            return found.values() if found is not None else ()
        return [target for key in keys if key in self._by_key for target in self._by_key[key].values()]


class DefaultExchange(Exchange):
    """The exchange without a name: each queue is bound to it with its own name, and nothing else can be."""

    TYPE = "direct"

    __slots__ = ("_queues",)

    def __init__(self, vhost: str, queues: Mapping[str, Queue]) -> None:
        super().__init__("", vhost, durable=True)
        self._queues = queues

    def apply_policy(self, definition: Mapping[str, Any] | None) -> None:
        """No policy gives it an alternate exchange: as in RabbitMQ, what no queue is there for is unroutable."""
        self.alternate = None

    def bind(self, binding: Binding) -> None:
        raise AssertionError("the virtual host refuses bindings from here")

    def unbind(self, binding: Binding) -> None:
        raise AssertionError("nothing is bound from here")

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        return [self._queues[key] for key in keys if key in self._queues]
