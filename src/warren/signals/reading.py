"""Makes samples of what the management API told.

Not here: asking it (`collect.py`), and what workers tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warren.management.consumers import QueueConsumer
from warren.management.nodes import Node
from warren.management.overview import Overview
from warren.management.queues import QueueStatistics
from warren.signals.samples import BrokerSample, QueueSample

__all__ = ["broker_sample", "queue_samples"]


def queue_samples(
    queues: Iterable[QueueStatistics], consumers: Iterable[QueueConsumer] | None = None
) -> dict[str, QueueSample]:
    """Return the queues by name. `consumers` are those of the virtual host, None where nobody told of them.

    A queue whose depth the broker does not tell, because it is too young or its node is down, is left out: as an empty
    one it would look as if it had been emptied.
    """
    by_queue: dict[str, list[QueueConsumer]] = {}
    for consumer in consumers or ():
        by_queue.setdefault(consumer.queue, []).append(consumer)
    return {
        queue.name: _sample(queue, queue.ready, None if consumers is None else by_queue.get(queue.name, []))
        for queue in queues
        if queue.ready is not None
    }


def _sample(queue: QueueStatistics, ready: int, consumers: Sequence[QueueConsumer] | None) -> QueueSample:
    totals = queue.totals
    limited = [one for one in consumers or () if one.is_active is not False and one.needs_acks is not False]
    prefetches = [one.prefetch for one in limited]
    return QueueSample(
        name=queue.name,
        ready=ready,
        type=queue.type,
        auto_delete=queue.auto_delete,
        unacked=queue.unacked,
        dead_lettering=queue.dead_lettering,
        # The list is of now. A queue's own count is as old as its statistics, and a quorum queue counts whoever holds
        # messages of a basic.get.
        consumers=queue.consumers if consumers is None else len(consumers),
        prefetch=sum(one for one in prefetches if one) if prefetches and None not in prefetches else None,
        is_unlimited=0 in prefetches,
        published=totals and totals.published,
        delivered=totals and totals.delivered,
        auto_acked=totals and totals.auto_acked,
        acked=totals and totals.acked,
        redelivered=totals and totals.redelivered,
        consumer_timeout=min((one.timeout for one in limited if one.timeout), default=None),
        delivery_limit=queue.delivery_limit,
        arguments=queue.arguments,
        settings=queue.settings,
    )


def broker_sample(
    overview: Overview | None = None, nodes: Iterable[Node] | None = None, *, dropped: int | None = None
) -> BrokerSample:
    """Return the broker. `nodes` is None where the user may not see them; `dropped` are dead letters nobody took."""
    known = tuple(nodes or ())
    alarms = {alarm for node in known for alarm in node.alarms}
    return BrokerSample(
        version=overview.version if overview else None,
        alarms=tuple(sorted(alarms, reverse=True)),
        dropped=dropped,
        cluster_name=overview.cluster_name if overview else None,
        nodes=known,
        connections=overview.connections if overview else None,
        channels=overview.channels if overview else None,
    )
