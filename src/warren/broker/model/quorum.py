"""What only quorum queues do: count failed deliveries, and give up after too many.

Not here: the order of their entries (`ready.py`), nor at-least-once dead-lettering (`dead_letter.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from warren.broker.model.queue_settings import Kind
from warren.broker.model.ready import QuorumOrder
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue, encode_value
from warren.broker.replies import resource_locked
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.message import Entry, Message
    from warren.broker.model.queue import Queue

__all__ = ["check_get", "gives_up", "inherit", "order", "with_delivery_count"]

_DELIVERY_COUNT: Final = "x-delivery-count"


def order(profile: Profile, priority_of: Callable[[Message], int]) -> QuorumOrder:
    """Return the order in which messages wait; priorities count since RabbitMQ 4.0."""
    return QuorumOrder((lambda message: 0) if profile is Profile.RABBITMQ_3_10 else priority_of)


def check_get(queue: Queue) -> None:
    """Raise 405 where a single active consumer is to have everything."""
    if queue.settings.single_active:
        raise resource_locked(
            f"cannot obtain access to locked queue '{queue.name}' in vhost '{queue.vhost.name}'. basic.get operations "
            "are not supported by quorum queues with single active consumer"
        )


def gives_up(entry: Entry, *, count_delivery: bool) -> bool:
    """Count a failed delivery, and tell whether it was one too many."""
    if not count_delivery:
        return False
    entry.deliveries = max(0, entry.deliveries) + 1
    limit = entry.queue.settings.delivery_limit
    if limit is not None and entry.deliveries > limit:
        return True
    entry.queue.storage.requeued(entry)
    return False


def inherit(entry: Entry) -> None:
    """Count, below 0, how often quorum queues dead-lettered it as rejected before it came to one again.

    RabbitMQ 4.0 tells that as x-delivery-count and redelivered until a delivery fails here. The limit does not care.
    """
    queue = entry.queue
    if queue.kind is not Kind.QUORUM or queue.node.config.profile is Profile.RABBITMQ_3_10:
        return
    rejections = sum(_rejections(queue, death) for death in _deaths(queue.header(entry.message)))
    if rejections:
        entry.deliveries = -rejections
        entry.redelivered = True


def _deaths(header: bytes) -> list[dict[str, FieldValue]]:
    deaths = properties.headers(header).get("x-death")
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []


def _rejections(queue: Queue, death: dict[str, FieldValue]) -> int:
    count, name = death.get("count"), death.get("queue")
    if death.get("reason") != "rejected" or not isinstance(name, str) or not isinstance(count, int):
        return 0
    origin = queue.vhost.queues.get(name)
    return count if origin is not None and origin.kind is Kind.QUORUM else 0


def with_delivery_count(header: bytes, deliveries: int) -> bytes:
    """Return the header with x-delivery-count."""
    return properties.edit(header, headers={_DELIVERY_COUNT: encode_value(abs(deliveries))})
