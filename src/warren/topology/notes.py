"""What is worth knowing about a broker and a topology, and stands in nobody's way.

Not here: what is missing and what conflicts (`plan.py`), wording (`render.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from warren.topology.actual import Actual, ActualQueue
from warren.topology.compare import Difference, ignored_arguments, leads_to_external, same_binding, unbound
from warren.topology.exchange import Exchange
from warren.topology.frozen import Arguments
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.naming import dead_letter_queue, retry_delay
from warren.topology.queue import Queue

__all__ = [
    "AlternateMissing",
    "ExternalUnbound",
    "ExternalWithoutDeadLetter",
    "FormerTier",
    "IgnoredArgument",
    "NotCompared",
    "NotInCode",
    "Note",
    "PolicyApplies",
    "TypeDiffers",
    "notes",
]


@final
@dataclass(frozen=True, slots=True)
class NotInCode:
    """A binding that leads to a queue or exchange of the code, and is not in the code."""

    binding: Binding


@final
@dataclass(frozen=True, slots=True)
class NotCompared:
    """Something exists, and the broker would not let us see whether it is as the code says."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class PolicyApplies:
    """A policy gives a queue settings that the code does not. On a dead-letter queue, `loses` messages."""

    queue: str
    policy: str
    settings: Arguments
    loses: bool


@final
@dataclass(frozen=True, slots=True)
class FormerTier:
    """A retry tier of a delay that the code no longer has."""

    queue: str


@final
@dataclass(frozen=True, slots=True)
class IgnoredArgument:
    """The code sets an argument that the broker will not change on what exists."""

    difference: Difference


@final
@dataclass(frozen=True, slots=True)
class AlternateMissing:
    """The alternate exchange of `exchange` is neither in the code nor on the broker."""

    exchange: str
    alternate: str


@final
@dataclass(frozen=True, slots=True)
class ExternalUnbound:
    """The code wants this binding to an external queue, and Warren does not bind those."""

    binding: Binding


@final
@dataclass(frozen=True, slots=True)
class ExternalWithoutDeadLetter:
    """An external queue does not dead-letter to `target`: what the broker drops from it is lost, or goes elsewhere."""

    queue: str
    target: str


@final
@dataclass(frozen=True, slots=True)
class TypeDiffers:
    """An external queue or exchange has another type than the code says."""

    kind: DestinationKind
    name: str
    on_broker: str
    in_code: str


Note = (
    NotInCode
    | NotCompared
    | PolicyApplies
    | FormerTier
    | IgnoredArgument
    | AlternateMissing
    | ExternalUnbound
    | ExternalWithoutDeadLetter
    | TypeDiffers
)

_LOSING_SETTINGS: Final = frozenset({"message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit"})

# Settings of policies that change what becomes of a message. Others (mirroring, queue mode) do not concern the code.
_TELLING_SETTINGS: Final = _LOSING_SETTINGS | {
    "overflow",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
}


def notes(desired: Topology, actual: Actual) -> Iterator[Note]:
    """Yield what a person who applies should hear."""
    for exchange in desired.exchanges:
        yield from _exchange_notes(exchange, desired, actual)
    dead = {queue.dead_letter_routing_key for queue in desired.queues if queue.dead_letter_exchange == ""}
    for queue in desired.queues:
        found = actual.queues.get(queue.name)
        if found is not None:
            yield from _external_notes(queue, found, actual) if queue.external else _queue_notes(queue, found, dead)
    yield from (ExternalUnbound(one) for one in unbound(desired, actual) if leads_to_external(one, desired))
    yield from (NotInCode(one) for one in _extra_bindings(desired, actual))
    yield from (FormerTier(name) for name in _former_tiers(desired, actual))


def _exchange_notes(exchange: Exchange, desired: Topology, actual: Actual) -> Iterator[Note]:
    alternate = exchange.alternate_name
    known = {one.name for one in desired.exchanges} | set(actual.exchanges)
    if alternate is not None and alternate not in known:
        yield AlternateMissing(exchange.name, alternate)
    found = actual.exchanges.get(exchange.name)
    if found is None:
        return
    if not exchange.external:
        yield from (IgnoredArgument(one) for one in ignored_arguments(exchange, found))
    elif found.type != exchange.type:
        yield TypeDiffers(DestinationKind.EXCHANGE, exchange.name, found.type, str(exchange.type))


def _queue_notes(queue: Queue, found: ActualQueue, dead: set[str | None]) -> Iterator[Note]:
    yield from (IgnoredArgument(one) for one in ignored_arguments(queue, found))
    settings = {name: value for name, value in found.settings.items() if name in _TELLING_SETTINGS}
    if found.policy is not None and settings:
        is_dead = queue.name in dead and queue.dead_letter_exchange is None
        yield PolicyApplies(queue.name, found.policy, settings, is_dead and bool(_LOSING_SETTINGS & settings.keys()))


def _external_notes(queue: Queue, found: ActualQueue, actual: Actual) -> Iterator[Note]:
    if found.type != queue.type:
        yield TypeDiffers(DestinationKind.QUEUE, queue.name, found.type, str(queue.type))
    target = dead_letter_queue(queue.name)
    exchange = found.arguments.get("x-dead-letter-exchange", found.settings.get("dead-letter-exchange"))
    key = found.arguments.get("x-dead-letter-routing-key", found.settings.get("dead-letter-routing-key"))
    through_binding = any(one.source == exchange for one in actual.leading_to(DestinationKind.QUEUE, target))
    if (exchange, key) != ("", target) and not through_binding:
        yield ExternalWithoutDeadLetter(queue.name, target)


def _extra_bindings(desired: Topology, actual: Actual) -> Iterator[Binding]:
    ours = [(DestinationKind.EXCHANGE, one.name) for one in desired.exchanges if not one.external]
    ours += [(DestinationKind.QUEUE, one.name) for one in desired.queues if not one.external]
    for kind, name in ours:
        for found in actual.leading_to(kind, name):
            if not any(same_binding(found, one) for one in desired.bindings):
                yield found


def _former_tiers(desired: Topology, actual: Actual) -> Iterator[str]:
    known = {queue.name for queue in desired.queues}
    for name in actual.queues:
        if name not in known and any(retry_delay(queue, name) is not None for queue in known):
            yield name
