"""What a type checker accepts and refuses of message contracts; checked by mypy, never run.

Every `type: ignore` below is an error mypy must report: `warn_unused_ignores` fails when it no longer does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from pydantic import Field

from warren.contracts.delivery import Delivery
from warren.contracts.envelope import Outgoing, decode, encode
from warren.contracts.fields import SecretText
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.contracts.properties import FieldValue, Properties
from warren.contracts.upcasting import upcaster
from warren.topology.exchange import Exchange

orders = Exchange("orders", "topic")


class ShopMessage(Message, exchange=orders, headers={"region": "eu"}):
    tenant: str = "main"


class OrderCreated(ShopMessage, routing_key="orders.created", version=1):
    order_id: int
    event: str


class Draft(Message, exchange="drafts", type="shop.Draft", frozen=False, extra="forbid"):
    text: str
    password: SecretText | None = None
    lines: list[int] = Field(default_factory=list)


order = OrderCreated(order_id=4821, event="created")
order.order_id = 2  # type: ignore[misc]
OrderCreated(order_id=4821)  # type: ignore[call-arg]

draft = Draft(text="a")
draft.text = "b"


class Limited(Message, type="limited", version=2, max_size=64_000):
    text: str


@upcaster(Limited, from_version=1)
def add_text(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "text": ""}


@upcaster(Limited, from_version=1)  # type: ignore[type-var]
def no_body(body: str) -> str:
    return body


assert_type(encode(order, now=0.0), Outgoing)
assert_type(decode(Contracts.of(OrderCreated, Draft), Properties(), b"{}", "orders.created"), Message)


def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    assert_type(order.order_id, int)
    assert_type(delivery.attempt, int)
    assert_type(delivery.sent_at, float | None)
    assert_type(delivery.headers, Mapping[str, FieldValue])
    delivery.attempt = 2  # type: ignore[misc]
