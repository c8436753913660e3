"""Handing a message to the queues it is routed to, and to storage before them.

Not here: how the queues are found (`router.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warren.broker.model.message import Message
from warren.broker.model.router import Route, Router

if TYPE_CHECKING:
    from warren.broker.storage.port import Storage

__all__ = ["REJECTED", "UNROUTABLE", "Publishing"]

UNROUTABLE: Final = -1
"""What `publish` returns where no queue took the message because it was routed to none."""

REJECTED: Final = -2
"""What `publish` returns where a queue was full and refused it."""


class Publishing:
    """Publishes in one virtual host."""

    __slots__ = ("_router", "_routes", "_storage")

    def __init__(self, router: Router, storage: Storage) -> None:
        self._router = router
        self._routes = router.routes
        self._storage = storage

    def publish(self, message: Message) -> int:
        """Route a message and hand it to its queues; return the point at which it is safe, UNROUTABLE or REJECTED.

        Raises 406 where its CC or BCC header is no array.
        """
        route = self._routes.get(message.address.wire)
        if route is None or b"CC" in message.header:  # type: ignore[operator]  # just published
            route = self._router.find(message)
        if route.has_quorum:
            message.persistent = True  # a quorum queue keeps whatever it is given
        queues = route.queues
        exchange = route.exchange
        if exchange is not None:
            exchange.published_in += 1
            exchange.published_out += len(queues)
        if len(queues) != 1:
            return self._publish_to_many(message, route) if queues else UNROUTABLE
        queue = queues[0]
        if not queue.accepts(message):
            return REJECTED
        point = self._storage.publish(message, queues) if message.persistent and route.durable else 0
        queue.push(message)
        return point

    def route(self, message: Message) -> Route:
        """Return where a message goes now. Raises 406 where its CC or BCC header is no array."""
        return self._router.find(message)

    def publish_along(self, message: Message, route: Route) -> int:
        """Hand a message to the queues it was routed to before. One that is gone since refuses it."""
        left = tuple([queue for queue in route.queues if not queue.is_deleted])
        if route.has_quorum:
            message.persistent = True
        if route.exchange is not None:
            route.exchange.published_in += 1
            route.exchange.published_out += len(left)
        if len(left) == len(route.queues):
            return self._publish_to_many(message, route) if left else UNROUTABLE
        self._publish_to_many(message, Route(route.exchange, left))
        return REJECTED

    def _publish_to_many(self, message: Message, route: Route) -> int:
        takers = tuple(queue for queue in route.queues if queue.accepts(message))
        is_complete = len(takers) == len(route.queues)
        durable = route.durable if is_complete else tuple(queue for queue in takers if queue.durable)
        point = self._storage.publish(message, durable) if message.persistent and durable else 0
        for queue in takers:
            queue.push(message)
        return point if is_complete else REJECTED
