"""The difference between the topology of the code and that of a broker: what to create, and what stands in the way.

Not here: reading a broker (`actual.py` has the port), acting on a plan (`apply.py`), wording (`render.py`).

Nothing is ever deleted or changed. RabbitMQ cannot change an exchange or a queue in place, so a difference is for
people to resolve; a binding that the code does not know may be somebody else's, so it is only told of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

from warren.topology.actual import Actual
from warren.topology.compare import (
    BrokerSays,
    Difference,
    exchange_differences,
    leads_to_external,
    queue_differences,
    unbound,
)
from warren.topology.exchange import Exchange
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.naming import is_kept_beside
from warren.topology.notes import Note
from warren.topology.notes import notes as notes_of
from warren.topology.queue import Queue

__all__ = [
    "CreateBinding",
    "CreateExchange",
    "CreateQueue",
    "Plan",
    "RequireExchange",
    "RequireQueue",
    "Step",
    "declare_all",
    "plan",
]


# -- steps: what applying does, in this order -------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class RequireExchange:
    """An exchange of somebody else's must exist."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class RequireQueue:
    """A queue of somebody else's must exist."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class CreateExchange:
    exchange: Exchange


@final
@dataclass(frozen=True, slots=True)
class CreateQueue:
    queue: Queue


@final
@dataclass(frozen=True, slots=True)
class CreateBinding:
    binding: Binding


Step = RequireExchange | RequireQueue | CreateExchange | CreateQueue | CreateBinding


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen for a broker to have a topology.

    `missing` is what applying creates, in order. `required` is external and not there; only its owner can create it.
    `differs` exists and cannot be changed in place. With any of the last two nothing is applied. `unknown` are bindings
    that the broker could not be asked for; applying binds them, which changes nothing on one that exists.
    """

    missing: tuple[Step, ...] = ()
    required: tuple[RequireExchange | RequireQueue, ...] = ()
    differs: tuple[Difference | BrokerSays, ...] = ()
    notes: tuple[Note, ...] = ()
    unknown: tuple[CreateBinding, ...] = ()

    @property
    def is_satisfied(self) -> bool:
        """Whether the broker has all of it, as the code says."""
        return not (self.missing or self.required or self.differs)


def plan(desired: Topology, actual: Actual) -> Plan:
    """Compare the code with a broker."""
    return Plan(
        missing=tuple(_missing(desired, actual)),
        required=tuple(_required(desired, actual)),
        differs=tuple(_differs(desired, actual)),
        notes=tuple(notes_of(desired, actual)),
    )


def declare_all(desired: Topology) -> Plan:
    """Return a plan that declares everything without a look at the broker. What exists, equal, stays as it is.

    A conflict then only shows when the broker refuses it, after what comes before it was created; `survey` finds it
    before.
    """
    nothing = Actual.of()
    return Plan(missing=(*_required(desired, nothing), *_missing(desired, nothing)))


# -- what is missing ------------------------------------------------------------------------------


def _missing(desired: Topology, actual: Actual) -> Iterator[Step]:
    """Yield creations in an order in which nothing receives messages before its way out exists."""
    for exchange in desired.exchanges:
        if not exchange.external and exchange.name not in actual.exchanges:
            yield CreateExchange(exchange)
    for queue in desired.queues:
        if not queue.external and queue.name not in actual.queues:
            yield CreateQueue(queue)
    bindings = [one for one in unbound(desired, actual) if not leads_to_external(one, desired)]
    for kind in (DestinationKind.EXCHANGE, DestinationKind.QUEUE):
        yield from (CreateBinding(one) for one in bindings if one.destination_kind is kind)


# -- what stands in the way -------------------------------------------------------------------------


def _required(desired: Topology, actual: Actual) -> Iterator[RequireExchange | RequireQueue]:
    for exchange in desired.exchanges:
        if exchange.external and exchange.name not in actual.exchanges:
            yield RequireExchange(exchange.name)
    for queue in desired.queues:
        if queue.external and queue.name not in actual.queues:
            yield RequireQueue(queue.name)


def _differs(desired: Topology, actual: Actual) -> Iterator[Difference]:
    for exchange in desired.exchanges:
        if not exchange.external and exchange.name in actual.exchanges:
            yield from exchange_differences(exchange, actual.exchanges[exchange.name])
    for queue in desired.queues:
        if not queue.external and queue.name in actual.queues:
            beside = any(is_kept_beside(other.name, queue.name) for other in desired.queues)
            for difference in queue_differences(queue, actual.queues[queue.name]):
                yield replace(difference, is_kept_beside=beside)
