"""The queues of one consumer: its own, one retry tier a delay, and the dead-letter queue.

Not here: when a message goes to which of them (`reliability/`), and how they are declared (`apply.py`).

    exchange ── binding ──▶ <queue> ── reject, expiry, overflow, delivery limit ──▶ <queue>.dead
                               ▲
                               └── after the delay ── <queue>.retry.<delay>

Retry tiers are quorum queues whatever the type of the consumer's queue. Only they dead-letter at least once: what comes
back while the consumer's queue is full (`reject-publish`) or away stays in its tier and is tried again. From a classic
tier it would be lost.

A dead-letter queue must keep a message however often it is looked at. RabbitMQ 4 drops a message from a quorum queue
after 20 returned deliveries by default, with nowhere to go from here. A limit of -1 lifts that on RabbitMQ 4, but has
3.10 drop a message at its first return. A very high limit keeps messages on both, and in order: a quorum queue without
a limit puts what is returned at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from warren.errors import ConfigurationError
from warren.topology.duration import Duration, parse_duration
from warren.topology.exchange import Source
from warren.topology.frozen import Arguments
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.naming import dead_letter_queue, retry_queue
from warren.topology.queue import Queue, QueueType

__all__ = ["consumer_topology"]

_LOOKED_AT_FREELY: Final = 2**31 - 1

# How many nodes keep a copy, and where: a consumer's other queues must not be safer or less safe than its own.
_REPLICATION: Final = ("x-quorum-initial-group-size", "x-queue-leader-locator")


def consumer_topology(queue: Queue, *, bindings: Iterable[Source] = (), delays: Iterable[Duration] = ()) -> Topology:
    """Return `queue`, its dead-letter queue, a retry tier for each delay, and the exchanges it is bound to.

    The dead-letter queue and the tiers come first: nothing is consumed before its way out exists.
    """
    sources = tuple(bindings)
    tiers = tuple(_tier(queue, delay) for delay in sorted({parse_duration(delay) for delay in delays}))
    bound = (Binding.of(source, match, queue.name, DestinationKind.QUEUE) for source, match in sources)
    return Topology.of(*(source for source, _ in sources)) | Topology(
        queues=(_dead(queue), *tiers, _main(queue)), bindings=tuple(bound)
    )


def _main(queue: Queue) -> Queue:
    if queue.external:
        return queue
    if queue.dead_letter_exchange is not None:
        raise ConfigurationError(
            f"queue {queue.name!r}: leave dead_letter_exchange out, Warren dead-letters to "
            f"{dead_letter_queue(queue.name)!r}; for a queue that must keep its own, say external=True"
        )
    return replace(queue, dead_letter_exchange="", dead_letter_routing_key=dead_letter_queue(queue.name))


def _tier(queue: Queue, delay: float) -> Queue:
    return Queue(
        retry_queue(queue.name, delay),
        type=QueueType.QUORUM,
        message_ttl=delay,
        dead_letter_exchange="",
        dead_letter_routing_key=queue.name,
        arguments=_replication(queue),
    )


def _dead(queue: Queue) -> Queue:
    limit = _LOOKED_AT_FREELY if queue.type is QueueType.QUORUM else None
    return Queue(dead_letter_queue(queue.name), type=queue.type, delivery_limit=limit, arguments=_replication(queue))


def _replication(queue: Queue) -> Arguments:
    return {name: value for name, value in queue.arguments.items() if name in _REPLICATION}
