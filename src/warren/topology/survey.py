"""A plan made over AMQP alone: for when the management API is not there, or may be another broker's.

Not here: the plan that names every difference (`plan.py`), which needs the management API.

AMQP has no way to read. That something exists shows by a passive declaration; that it is equal shows by an active one,
which changes nothing on what exists. Bindings cannot be asked for: they are bound again, which changes nothing either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from warren.errors import BrokerRefused, TopologyConflict, TopologyMissing
from warren.topology.apply import Declarer
from warren.topology.compare import BrokerSays
from warren.topology.exchange import Exchange
from warren.topology.model import Topology
from warren.topology.notes import NotCompared
from warren.topology.plan import (
    CreateBinding,
    CreateExchange,
    CreateQueue,
    Plan,
    RequireExchange,
    RequireQueue,
    declare_all,
)
from warren.topology.queue import Queue

__all__ = ["survey"]

_Finding = CreateExchange | CreateQueue | RequireExchange | RequireQueue | BrokerSays | NotCompared | None


def survey(desired: Topology, declarer: Declarer) -> Plan:
    """Find out what is missing and what conflicts, changing nothing.

    Of what conflicts only one difference is known: the one the broker complains about. Without the permission to
    configure, equality is not checked (`NotCompared`).
    """
    findings = [
        *(_exchange(one, declarer) for one in desired.exchanges),
        *(_queue(one, declarer) for one in desired.queues),
    ]
    return Plan(
        missing=tuple(one for one in findings if isinstance(one, CreateExchange | CreateQueue)),
        required=tuple(one for one in findings if isinstance(one, RequireExchange | RequireQueue)),
        differs=tuple(one for one in findings if isinstance(one, BrokerSays)),
        notes=tuple(one for one in findings if isinstance(one, NotCompared)),
        unknown=tuple(one for one in declare_all(desired).missing if isinstance(one, CreateBinding)),
    )


def _exchange(exchange: Exchange, declarer: Declarer) -> _Finding:
    exists = partial(declarer.check_exchange, exchange.name)
    if exchange.external:
        return _look(RequireExchange(exchange.name), exists, None)
    return _look(CreateExchange(exchange), exists, partial(declarer.declare_exchange, exchange))


def _queue(queue: Queue, declarer: Declarer) -> _Finding:
    exists = partial(declarer.check_queue, queue.name)
    if queue.external:
        return _look(RequireQueue(queue.name), exists, None)
    return _look(CreateQueue(queue), exists, partial(declarer.declare_queue, queue))


def _look(
    absent: CreateExchange | CreateQueue | RequireExchange | RequireQueue,
    exists: Callable[[], None],
    equal: Callable[[], None] | None,
) -> _Finding:
    """Return `absent` where it does not exist, what the broker says where it differs, None where all is well."""
    try:
        exists()
    except TopologyMissing:
        return absent
    except TopologyConflict as conflict:
        return BrokerSays(_told(conflict))
    try:
        if equal is not None:
            equal()
    except TopologyConflict as conflict:
        return BrokerSays(_told(conflict))
    except BrokerRefused as refusal:
        return NotCompared(str(refusal))
    return None


def _told(conflict: TopologyConflict) -> str:
    return "; ".join(conflict.differences) or str(conflict)
