"""What a handler learns about the message it was given, beside its content.

Not here: the transport's own record of a delivery (`incoming.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from warren.contracts.headers import origin_of, sent_at_of
from warren.contracts.incoming import Incoming
from warren.contracts.properties import EMPTY_HEADERS, Headers, Properties

__all__ = ["Delivery"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Delivery:
    """One delivery of a message to a consumer.

    `attempt` counts from 1 and grows with each retry; `redelivered` is the broker's flag: it may have been delivered
    before. `exchange` and `routing_key` are those it was published with, also on a retry. `sent_at` is in
    seconds since the epoch, None where the producer did not say. Every field has a default, so that a test of a
    handler can build one.
    """

    message_id: str = ""
    type: str = ""
    version: int = 1
    attempt: int = 1
    redelivered: bool = False
    queue: str = ""
    consumer: str = ""
    exchange: str = ""
    routing_key: str = ""
    headers: Headers = field(default_factory=lambda: EMPTY_HEADERS)
    correlation_id: str | None = None
    reply_to: str | None = None
    priority: int | None = None
    sent_at: float | None = None
    body: bytes = b""
    properties: Properties = field(default_factory=Properties)

    @classmethod
    def of(
        cls,
        incoming: Incoming,
        *,
        queue: str,
        consumer: str,
        message_id: str,
        message_type: str,
        version: int,
        attempt: int,
    ) -> Delivery:
        """Build the view of what the transport read; the worker knows the rest."""
        properties = incoming.properties
        exchange, routing_key = origin_of(properties, incoming.exchange, incoming.routing_key)
        return cls(
            message_id=message_id,
            type=message_type,
            version=version,
            attempt=attempt,
            redelivered=incoming.redelivered,
            queue=queue,
            consumer=consumer,
            exchange=exchange,
            routing_key=routing_key,
            headers=properties.headers,
            correlation_id=properties.correlation_id,
            reply_to=properties.reply_to,
            priority=properties.priority,
            sent_at=sent_at_of(properties),
            body=incoming.body,
            properties=properties,
        )

    def __repr__(self) -> str:
        return f"<Delivery {self.message_id} of {self.type or 'no type'}, attempt {self.attempt}, on {self.queue}>"
