"""The orders: what is published, and what is planned to happen to each.

Not here: who publishes them (`publishing.py`), who handles them (`worker_app.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from warren import Exchange, Message, Retry
from warren.topology import consumer_topology
from warren.topology.queue import Queue

__all__ = ["QUEUE", "RETRY", "OrderCreated", "all_queues", "planned_orders"]

QUEUE: Final = "billing.invoices"
RETRY: Final = Retry("500ms", "1s", attempts=4)

_orders: Final = Exchange("orders", "topic")


class OrderCreated(Message, exchange=_orders, routing_key="orders.created"):
    """An order that fails `failures` times before it succeeds, or is refused for good."""

    order_id: int
    failures: int = 0
    is_refused: bool = False


def planned_orders(first: int, count: int, rng: random.Random, *, failing: float, refused: float) -> list[OrderCreated]:
    """Return orders numbered from `first`; `failing` and `refused` are the shares that fail at first, or for good."""

    def plan() -> Iterator[OrderCreated]:
        for order_id in range(first, first + count):
            draw = rng.random()
            if draw < refused:
                yield OrderCreated(order_id=order_id, is_refused=True)
            elif draw < refused + failing:
                yield OrderCreated(order_id=order_id, failures=rng.choice((1, 1, 2)))
            else:
                yield OrderCreated(order_id=order_id)

    return list(plan())


def all_queues() -> tuple[str, ...]:
    """Return the consumer's queue, its dead-letter queue and its retry tiers."""
    return tuple(queue.name for queue in consumer_topology(Queue(QUEUE), delays=RETRY.tiers).queues)
