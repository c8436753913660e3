"""The queues of one consumer: its own, one retry tier a delay, and the dead-letter queue.

Not here: when a message goes to which of them (`reliability/`), and how they are declared (`apply.py`).

    exchange ── binding ──▶ <queue> ── reject, expiry, delivery limit ──▶ <queue>.dead
                               ▲
                               └── after the delay ── <queue>.retry.<delay>
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from warren.errors import ConfigurationError
from warren.topology.duration import Duration, parse_duration
from warren.topology.exchange import Source
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.naming import dead_letter_queue, retry_queue
from warren.topology.queue import Queue

__all__ = ["consumer_topology"]


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
        type=queue.type,
        message_ttl=delay,
        dead_letter_exchange="",
        dead_letter_routing_key=queue.name,
    )


def _dead(queue: Queue) -> Queue:
    return Queue(dead_letter_queue(queue.name), type=queue.type)
