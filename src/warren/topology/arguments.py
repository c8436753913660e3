"""The AMQP arguments that queues and exchanges are declared with, as pure functions of their values.

Not here: which values Warren gives a consumer's queues (`consumer.py`).
"""

from __future__ import annotations

from typing import Final

from warren.contracts.properties import FieldValue
from warren.topology.duration import milliseconds
from warren.topology.exchange import Exchange
from warren.topology.queue import Overflow, Queue, QueueType

__all__ = ["exchange_arguments", "queue_arguments"]

# A quorum queue dead-letters at least once only while it rejects what is too much (RabbitMQ, "Quorum Queues",
# activating at-least-once dead-lettering); with drop-head the broker falls back to at-most-once.
_AT_LEAST_ONCE: Final = "at-least-once"


def queue_arguments(queue: Queue) -> dict[str, FieldValue]:
    """Return what `queue.declare` is called with. Of an external queue: what it would have been declared with."""
    arguments: dict[str, FieldValue | None] = {
        "x-queue-type": str(queue.type),
        "x-max-priority": queue.priorities,
        "x-message-ttl": _ms(queue.message_ttl),
        "x-expires": _ms(queue.expires),
        "x-max-length": queue.max_length,
        "x-max-length-bytes": queue.max_length_bytes,
        "x-overflow": _overflow(queue),
        "x-single-active-consumer": queue.single_active_consumer or None,
        "x-delivery-limit": queue.delivery_limit,
        "x-dead-letter-exchange": queue.dead_letter_exchange,
        "x-dead-letter-routing-key": queue.dead_letter_routing_key,
        "x-dead-letter-strategy": _AT_LEAST_ONCE if _dead_letters_at_least_once(queue) else None,
    }
    return {name: value for name, value in arguments.items() if value is not None} | dict(queue.arguments)


def exchange_arguments(exchange: Exchange) -> dict[str, FieldValue]:
    """Return what `exchange.declare` is called with."""
    alternate = exchange.alternate_name
    return ({} if alternate is None else {"alternate-exchange": alternate}) | dict(exchange.arguments)


def _overflow(queue: Queue) -> str | None:
    if _dead_letters_at_least_once(queue):
        return str(Overflow.REJECT_PUBLISH)
    if not queue.has_length_limit:
        return None
    return str(queue.overflow or Overflow.REJECT_PUBLISH)


def _dead_letters_at_least_once(queue: Queue) -> bool:
    return (
        queue.type is QueueType.QUORUM
        and queue.dead_letter_exchange is not None
        and queue.overflow is not Overflow.DROP_HEAD
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else milliseconds(seconds)
