"""A broker in memory that declares as RabbitMQ does, for tests of plans.

Not here: queues with messages. What RabbitMQ really does is asked of RabbitMQ in tests/contract.
"""

from __future__ import annotations

from warren.errors import BrokerRefused, TopologyConflict, TopologyMissing
from warren.topology import Binding, Exchange, Queue, exchange_arguments, queue_arguments
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.compare import exchange_differences, queue_differences

__all__ = ["PretendBroker", "as_declared"]


def as_declared(one: Exchange | Queue) -> ActualExchange | ActualQueue:
    """Return what a broker reports of something it was asked to declare."""
    if isinstance(one, Queue):
        return ActualQueue(name=one.name, type=str(one.type), durable=one.durable, arguments=queue_arguments(one))
    return ActualExchange(
        name=one.name,
        type=str(one.type),
        durable=one.durable,
        auto_delete=one.auto_delete,
        internal=one.internal,
        arguments=exchange_arguments(one),
    )


class PretendBroker:
    """Implements the declarer port; `done` lists what was created, in order."""

    def __init__(self, *, may_configure: bool = True) -> None:
        self.exchanges: dict[str, ActualExchange] = {}
        self.queues: dict[str, ActualQueue] = {}
        self.bindings: list[Binding] = []
        self.done: list[str] = []
        self._may_configure = may_configure

    def actual(self) -> Actual:
        return Actual.of(self.exchanges.values(), self.queues.values(), self.bindings)

    def declare_exchange(self, exchange: Exchange) -> None:
        self._permit()
        found = self.exchanges.get(exchange.name)
        if found is None:
            self.exchanges[exchange.name] = as_declared(exchange)
            self.done.append(exchange.name)
        elif exchange_differences(exchange, found):
            raise TopologyConflict("inequivalent", [f"exchange {exchange.name!r} is inequivalent"])

    def declare_queue(self, queue: Queue) -> None:
        self._permit()
        found = self.queues.get(queue.name)
        if found is None:
            self.queues[queue.name] = as_declared(queue)
            self.done.append(queue.name)
        elif queue_differences(queue, found):
            raise TopologyConflict("inequivalent", [f"queue {queue.name!r} is inequivalent"])

    def bind(self, binding: Binding) -> None:
        self.check_exchange(binding.source)
        if binding not in self.bindings:
            self.bindings.append(binding)
            self.done.append(f"{binding.source}→{binding.destination}")

    def check_exchange(self, name: str) -> None:
        if name not in self.exchanges:
            raise TopologyMissing(f"no exchange {name}")

    def check_queue(self, name: str) -> None:
        if name not in self.queues:
            raise TopologyMissing(f"no queue {name}")

    def _permit(self) -> None:
        if not self._may_configure:
            raise BrokerRefused("no permission to configure")
