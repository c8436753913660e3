"""A delivery as the transport read it: bytes, properties, and where it came from. No logic.

Not here: what a handler sees (`delivery.py`).
"""

from __future__ import annotations

from warren.contracts.properties import Properties

__all__ = ["Incoming"]


class Incoming:
    """One `basic.deliver` with its content. `generation` counts the channels; the tag is valid on that one only."""

    __slots__ = (
        "body",
        "consumer_tag",
        "delivery_tag",
        "exchange",
        "generation",
        "properties",
        "redelivered",
        "routing_key",
    )

    def __init__(
        self,
        body: bytes,
        properties: Properties,
        exchange: str,
        routing_key: str,
        redelivered: bool,
        delivery_tag: int,
        generation: int,
        consumer_tag: str,
    ) -> None:
        self.body = body
        self.properties = properties
        self.exchange = exchange
        self.routing_key = routing_key
        self.redelivered = redelivered
        self.delivery_tag = delivery_tag
        self.generation = generation
        self.consumer_tag = consumer_tag

    def __repr__(self) -> str:
        return f"<Incoming {self.delivery_tag} of channel {self.generation}, {len(self.body)} bytes>"
