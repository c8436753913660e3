"""What `app.consumer` refuses: what it would have to guess at, or quietly ignore."""

from __future__ import annotations

from typing import Any

import pytest

from warren import ConfigurationError, Exchange, Message, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


class OrderRead(Message, exchange=orders):
    """Only consumed: it names no routing key."""

    order_id: int


def handle(_order: Message) -> None: ...


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prefetch": 0}, r"prefetch is 0; give a number from 1 to 65535"),
        ({"concurrency": 0}, r"concurrency is 0; give a number from 1 to 65535"),
        ({"prefetch": 70_000}, r"prefetch is 70000"),
        ({"idempotent": "order_id"}, r"idempotent='order_id'.*lambda"),
        ({"name": "x" * 231}, r"its name has more than 230 bytes"),
        ({"idempotent": 1}, r"idempotent=1"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Warren("billing").consumer("billing.invoices", OrderCreated, **options)(handle)


def test_a_message_without_a_routing_key_needs_a_binding() -> None:
    app = Warren("billing")
    with pytest.raises(ConfigurationError, match=r"OrderRead names no routing key.*bind="):
        app.consumer("billing.invoices", OrderRead)(handle)

    app.consumer("billing.invoices", OrderRead, bind="orders.#")(handle)

    (binding,) = app.topology.bindings
    assert binding.routing_key == "orders.#"


def test_a_message_without_a_routing_key_is_bound_to_a_fanout_exchange() -> None:
    class OrderSeen(Message, exchange=Exchange("everything", "fanout")):
        order_id: int

    app = Warren("billing")
    app.consumer("billing.invoices", OrderSeen)(handle)

    (binding,) = app.topology.bindings
    assert binding.source == "everything"
