"""What stands in for other services on a virtual host that has only the application under test.

Not here: creating it (`running.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from warren.bindings import exchange_of
from warren.contracts.message import Message
from warren.topology import Queue, Topology
from warren.topology.exchange import Exchange, ExchangeType, Headers
from warren.topology.model import Binding, DestinationKind

__all__ = ["OTHERS", "with_others"]

OTHERS: Final = "warren-test.other-services"
"""The queue that receives what the application publishes for others, so that it is not unroutable here."""


def with_others(own: Topology, published: Iterable[type[Message]]) -> Topology:
    """Return `own` with what is external made, and a place to go for each message that others consume."""
    made = Topology(
        tuple(replace(one, external=False) if one.external else one for one in own.exchanges),
        tuple(replace(one, external=False) if one.external else one for one in own.queues),
        own.bindings,
    )
    whole = made
    for message in published:
        whole = whole | _destination(message, whole)
    return whole


def _destination(message: type[Message], known: Topology) -> Topology:
    exchange = exchange_of(message)
    declared = message.__warren__
    if exchange is None:
        is_known = any(queue.name == declared.routing_key for queue in known.queues)
        if is_known or declared.exchange or not declared.routing_key:  # an exchange by name only: its kind is not known
            return Topology()
        return Topology(queues=(Queue(declared.routing_key),))
    match = _everything(exchange) or declared.routing_key
    source = replace(exchange, external=False) if exchange.external else exchange
    binding = Binding.of(source, match, OTHERS, DestinationKind.QUEUE)
    return Topology.of(source) | Topology(queues=(Queue(OTHERS, type="classic"),), bindings=(binding,))


def _everything(exchange: Exchange) -> Headers | None:
    """On a headers exchange: what every message of Warren's has."""
    is_by_headers = exchange.type is ExchangeType.HEADERS
    return Headers(any_={"x-warren-version": None}) if is_by_headers else None
