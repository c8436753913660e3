"""Where an exchange, queue or binding of the broker differs from the code, with the broker's own idea of equal.

Not here: what is missing, and what to do about a difference as a whole (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from warren.contracts.properties import FieldValue
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.arguments import exchange_arguments, queue_arguments
from warren.topology.exchange import Exchange
from warren.topology.frozen import Arguments
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.queue import Queue

__all__ = [
    "ABSENT",
    "Absent",
    "BrokerSays",
    "Difference",
    "equivalent",
    "exchange_differences",
    "ignored_arguments",
    "leads_to_external",
    "queue_differences",
    "same_binding",
    "unbound",
]


@final
@dataclass(frozen=True, slots=True)
class Absent:
    """No such argument."""

    def __repr__(self) -> str:
        return "not set"


ABSENT: Final = Absent()


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """One property or argument that the broker refuses to change on what exists already.

    `is_kept_beside` tells a retry tier or dead-letter queue, which the code does not spell out.
    """

    kind: DestinationKind
    name: str
    what: str
    on_broker: FieldValue | Absent
    in_code: FieldValue | Absent
    is_argument: bool = True
    is_kept_beside: bool = False


@final
@dataclass(frozen=True, slots=True)
class BrokerSays:
    """A difference in the broker's own words: it refused a declaration, and could not be read."""

    text: str


# What RabbitMQ 3.10 and 4.0 compare when a queue is declared again; they ignore any other argument of a queue that
# exists. `x-queue-type` is compared as a property: a classic queue may have been declared without it.
_COMPARED_OF_QUEUES: Final = (
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-delivery-limit",
    "x-expires",
    "x-max-in-memory-bytes",
    "x-max-in-memory-length",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-leader-locator",
    "x-queue-mode",
    "x-queue-version",
    "x-quorum-initial-group-size",
    "x-single-active-consumer",
)
_COMPARED_OF_EXCHANGES: Final = ("alternate-exchange",)


def exchange_differences(exchange: Exchange, actual: ActualExchange) -> tuple[Difference, ...]:
    """Return what a declaration of `exchange` would be refused for."""
    here = (DestinationKind.EXCHANGE, exchange.name)
    properties = (
        Difference(*here, "type", actual.type, str(exchange.type), is_argument=False),
        Difference(*here, "durable", actual.durable, exchange.durable, is_argument=False),
        Difference(*here, "auto_delete", actual.auto_delete, exchange.auto_delete, is_argument=False),
        Difference(*here, "internal", actual.internal, exchange.internal, is_argument=False),
    )
    arguments = _arguments(*here, _COMPARED_OF_EXCHANGES, actual.arguments, exchange_arguments(exchange))
    return tuple(_unequal((*properties, *arguments)))


def queue_differences(queue: Queue, actual: ActualQueue) -> tuple[Difference, ...]:
    """Return what a declaration of `queue` would be refused for."""
    here = (DestinationKind.QUEUE, queue.name)
    properties = (
        Difference(*here, "type", actual.type, str(queue.type), is_argument=False),
        Difference(*here, "durable", actual.durable, queue.durable, is_argument=False),
        Difference(*here, "auto_delete", actual.auto_delete, False, is_argument=False),
        Difference(*here, "exclusive", actual.exclusive, False, is_argument=False),
    )
    arguments = _arguments(*here, _COMPARED_OF_QUEUES, actual.arguments, queue_arguments(queue))
    return tuple(_unequal((*properties, *arguments)))


def ignored_arguments(desired: Exchange | Queue, actual: ActualExchange | ActualQueue) -> tuple[Difference, ...]:
    """Return arguments of the code that the broker would silently not set, because what they are for exists already."""
    if isinstance(desired, Queue):
        kind, wanted, compared = DestinationKind.QUEUE, queue_arguments(desired), {*_COMPARED_OF_QUEUES, "x-queue-type"}
    else:
        kind, wanted, compared = DestinationKind.EXCHANGE, exchange_arguments(desired), {*_COMPARED_OF_EXCHANGES}
    others = tuple(sorted(wanted.keys() - compared))
    return tuple(_unequal(tuple(_arguments(kind, desired.name, others, actual.arguments, wanted))))


def equivalent(one: FieldValue | Absent, other: FieldValue | Absent) -> bool:
    """Return whether the broker takes two values for equal: numbers by value, never across kinds."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def unbound(desired: Topology, actual: Actual) -> list[Binding]:
    """Return the bindings of the code that the broker does not have."""
    return [one for one in desired.bindings if not any(same_binding(one, other) for other in actual.bindings)]


def leads_to_external(binding: Binding, desired: Topology) -> bool:
    """Return whether a binding leads to a queue that Warren must not change."""
    return binding.destination_kind is DestinationKind.QUEUE and any(
        queue.external and queue.name == binding.destination for queue in desired.queues
    )


def same_binding(one: Binding, other: Binding) -> bool:
    """Return whether two bindings are one to the broker."""
    return (
        (one.source, one.destination, one.destination_kind, one.routing_key)
        == (other.source, other.destination, other.destination_kind, other.routing_key)
        and one.arguments.keys() == other.arguments.keys()
        and all(equivalent(value, other.arguments[name]) for name, value in one.arguments.items())
    )


def _arguments(
    kind: DestinationKind, name: str, compared: tuple[str, ...], on_broker: Arguments, in_code: Arguments
) -> Iterator[Difference]:
    for argument in compared:
        yield Difference(kind, name, argument, on_broker.get(argument, ABSENT), in_code.get(argument, ABSENT))


def _unequal(pairs: tuple[Difference, ...]) -> Iterator[Difference]:
    return (one for one in pairs if not equivalent(one.on_broker, one.in_code))
