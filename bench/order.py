"""The message every measure sends: an order of about 256 bytes of JSON, validated where it is consumed.

Not here: how a library wraps it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["BODY_BYTES", "Line", "Order", "fields_of", "make_order"]


class Line(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int


class Order(BaseModel):
    """What is published, and what a consumer validates before it acknowledges."""

    model_config = ConfigDict(extra="forbid")

    order_id: int
    event: str
    customer: str
    email: str
    amount: float
    currency: str
    lines: list[Line]
    note: str
    sent_at: int
    """Monotonic nanoseconds when the message was handed to the library; 0 where latency is not measured."""


def fields_of(number: int, sent_at: int = 0) -> dict[str, Any]:
    """Return what the order with this number holds."""
    return {
        "order_id": number,
        "event": "created",
        "customer": "Ada Lovelace",
        "email": "ada@example.org",
        "amount": 129.5,
        "currency": "EUR",
        "lines": [Line(sku="W-1007", quantity=2), Line(sku="W-2210", quantity=1)],
        "note": "leave it at the door, please",
        "sent_at": sent_at,
    }


def make_order(number: int, sent_at: int = 0) -> Order:
    """Build one validated order, as an application would."""
    return Order(**fields_of(number, sent_at))


BODY_BYTES = len(make_order(1_000_000, 1_000_000_000_000_000).model_dump_json())
