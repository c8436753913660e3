"""What a queue is set to, by its own arguments or by policies: where dead letters go, TTL, limits.

Not here: declaring it (`topology/`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from warren.signals.samples import QueueSample

__all__ = [
    "DeadLetterTarget",
    "consumer_timeout",
    "dead_letters_to",
    "delivery_limit",
    "drops_at_limits",
    "has_message_ttl",
]


class DeadLetterTarget(NamedTuple):
    """An exchange, and the routing key if it is not each message's own."""

    exchange: str
    routing_key: str | None

    @property
    def queue(self) -> str | None:
        """The queue it names, where that is certain: the default exchange routes by queue name."""
        return self.routing_key if self.exchange == "" else None


def dead_letters_to(queue: QueueSample) -> DeadLetterTarget | None:
    """Return where the broker sends dead letters of a queue, or None where it drops them."""
    exchange = _setting(queue, "dead-letter-exchange")
    if not isinstance(exchange, str):
        return None
    routing_key = _setting(queue, "dead-letter-routing-key")
    return DeadLetterTarget(exchange, routing_key if isinstance(routing_key, str) else None)


def has_message_ttl(queue: QueueSample) -> bool:
    """Return whether messages expire in it, whatever they say themselves."""
    return _setting(queue, "message-ttl") is not None


def drops_at_limits(queue: QueueSample) -> bool:
    """Return whether it is made to lose messages: after a time, or the oldest for the newest."""
    return has_message_ttl(queue) or any(
        _setting(queue, name) is not None for name in ("max-length", "max-length-bytes")
    )


def delivery_limit(queue: QueueSample) -> int | None:
    """Return after how many returned deliveries the broker gives up, or None for never, or unknown."""
    if queue.delivery_limit is not None:
        return queue.delivery_limit
    limits = [value for value in _settings(queue, "delivery-limit") if isinstance(value, int) and value >= 0]
    return min(limits, default=None)


def consumer_timeout(queue: QueueSample) -> float | None:
    """Return after how many seconds the broker takes a delivery back from a consumer, where it tells."""
    told = [value / 1000 for value in _settings(queue, "consumer-timeout") if isinstance(value, int) and value > 0]
    if queue.consumer_timeout is not None:
        told.append(queue.consumer_timeout)
    return min(told, default=None)


def _settings(queue: QueueSample, name: str) -> list[Any]:
    return [value for value in (queue.arguments.get(f"x-{name}"), queue.settings.get(name)) if value is not None]


def _setting(queue: QueueSample, name: str) -> Any:
    """The queue's own argument counts before a policy."""
    return next(iter(_settings(queue, name)), None)
