"""A message in the broker, where it was sent, and its place in one queue.

Not here: what the bytes of its header mean (`protocol/properties.py`), nor how queues order entries (`ready.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from warren.broker.model.consumers import Consumer
    from warren.broker.model.queue import Queue

__all__ = ["NEVER", "Address", "Entry", "Message", "short_string"]

NEVER: Final = float("inf")
"""The time of what does not happen."""


def short_string(text: str) -> bytes:
    """Return `text` as on the wire: a length octet and at most 255 bytes."""
    raw = text.encode("utf-8", "surrogateescape")[:255]
    return bytes((len(raw),)) + raw


class Address:
    """The exchange and the routing key of a publish. Shared by all messages sent with the same; never changed."""

    __slots__ = ("exchange", "routing_key", "wire")

    def __init__(self, exchange: str, routing_key: str) -> None:
        self.exchange = exchange
        self.routing_key = routing_key
        self.wire = short_string(exchange) + short_string(routing_key)

    def __repr__(self) -> str:
        return f"<Address {self.exchange!r} {self.routing_key!r}>"


class Message:
    """One published message. All queues it is in share it; only storage changes it, to drop and reload its bytes."""

    __slots__ = ("address", "body", "dead_lettered", "header", "holders", "persistent", "position", "size", "survived")

    def __init__(self, address: Address, header: bytes, body: bytes, *, persistent: bool) -> None:
        self.address = address
        self.header: bytes | None = header  # property flags and values; None while only storage has it
        self.body: bytes | None = body  # None together with header
        self.size = len(body)  # bytes of the body, as limits and statistics count
        self.persistent = persistent  # delivery-mode 2
        self.dead_lettered = False  # the x-death in its header is the broker's own, not a client's
        self.survived = False  # a crash: where it comes next it may have been before, so it is redelivered there
        self.position = 0  # where storage keeps it; 0: not stored. Only storage reads or writes it.
        self.holders = 0  # durable queues whose record is not yet acknowledged. Only storage reads or writes it.

    def __repr__(self) -> str:
        return f"<Message to {self.address.exchange!r} {self.address.routing_key!r}, {self.size} bytes>"


class Entry:
    """A message's place in one queue, waiting or delivered."""

    __slots__ = ("consumer", "deliveries", "expires_at", "message", "order", "queue", "redelivered")

    def __init__(self, message: Message, queue: Queue, order: int, expires_at: float = NEVER) -> None:
        self.message = message
        self.queue = queue
        self.order = order  # ascending in arrival; kept when requeued, so that it returns to its place
        self.expires_at = expires_at  # clock.monotonic() seconds
        self.redelivered = message.survived
        self.deliveries = 0  # failed ones so far: x-delivery-count of quorum queues; below 0: see quorum.inherit
        self.consumer: Consumer | None = None  # who has it unacked; None while ready, or after basic.get

    def __repr__(self) -> str:
        return f"<Entry {self.order} of {self.queue.name!r}{' redelivered' if self.redelivered else ''}>"
