"""Acting on a plan: create what is missing, or only make sure that nothing is. Refused as a whole on any conflict.

Not here: the AMQP calls. They are behind `Declarer`, which `transport/` implements.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from warren.errors import TopologyConflict, TopologyMissing
from warren.topology.exchange import Exchange
from warren.topology.model import Binding, Topology
from warren.topology.plan import (
    CreateBinding,
    CreateExchange,
    CreateQueue,
    Plan,
    RequireExchange,
    RequireQueue,
    Step,
)
from warren.topology.queue import Queue
from warren.topology.render import describe_difference, describe_step

__all__ = ["Declarer", "apply", "check", "verify"]


class Declarer(Protocol):
    """Creates on a broker, each call durable when it returns.

    Raises `TopologyConflict`, `TopologyMissing`, `BrokerRefused` and `BrokerUnavailable`.
    """

    def declare_exchange(self, exchange: Exchange) -> None:
        """Create an exchange; one that exists, equal, stays as it is."""
        ...

    def declare_queue(self, queue: Queue) -> None:
        """Create a queue; one that exists, equal, stays as it is."""
        ...

    def bind(self, binding: Binding) -> None:
        """Create a binding; one that exists stays as it is."""
        ...

    def check_exchange(self, name: str) -> None:
        """Raise `TopologyMissing` where an exchange does not exist."""
        ...

    def check_queue(self, name: str) -> None:
        """Raise `TopologyMissing` where a queue does not exist."""
        ...


def apply(plan: Plan, declarer: Declarer) -> tuple[str, ...]:
    """Create what is missing, and return what was created, a line each.

    Raises `TopologyConflict` or `TopologyMissing` with the whole diff, before anything is changed, where something
    differs or an external queue is not there.
    """
    _refuse_obstacles(plan)
    for step in (*plan.missing, *plan.unknown):
        _take(step, declarer)
    return tuple(describe_step(one) for one in plan.missing if not isinstance(one, RequireExchange | RequireQueue))


def verify(plan: Plan) -> None:
    """Change nothing; raise `TopologyConflict` or `TopologyMissing` where the broker is not as the code says."""
    _refuse_obstacles(plan)
    if plan.missing:
        lines = [describe_step(one) for one in plan.missing]
        raise TopologyMissing(_text("the broker lacks what the code needs; run `warren topology apply`", lines), lines)


def check(desired: Topology, declarer: Declarer) -> None:
    """Raise `TopologyMissing` where an exchange or queue does not exist: `verify` for when the broker cannot be read.

    AMQP alone can tell neither bindings nor arguments.
    """
    for exchange in desired.exchanges:
        declarer.check_exchange(exchange.name)
    for queue in desired.queues:
        declarer.check_queue(queue.name)


def _refuse_obstacles(plan: Plan) -> None:
    if plan.differs:
        lines = [describe_difference(one) for one in plan.differs]
        raise TopologyConflict(_text("the broker has it, but different; nothing was changed", lines), lines)
    if plan.required:
        lines = [describe_step(one) for one in plan.required]
        raise TopologyMissing(_text("something external is not on the broker; nothing was changed", lines), lines)


def _text(summary: str, lines: list[str]) -> str:
    return "\n  ".join([f"{summary}:", *lines])


def _take(step: Step, declarer: Declarer) -> None:
    match step:
        case CreateExchange(exchange):
            declarer.declare_exchange(exchange)
        case CreateQueue(queue):
            declarer.declare_queue(queue)
        case CreateBinding(binding):
            declarer.bind(binding)
        case RequireExchange(name):
            declarer.check_exchange(name)
        case RequireQueue(name):
            declarer.check_queue(name)
        case _:
            assert_never(step)
