"""The application that the tests of the dashboard look at: orders that fail until somebody fixes what they fail of.

Not here: any test. It is copied into each test's folder as `shop.py`, and the file that stands for the fix lies there.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from warren import Delivery, Exchange, Message, Retry, SecretText, Warren

HERE = Path(__file__).parent
orders = Exchange("orders", "topic")


class UnknownCountry(Exception):
    """There is no tax rate for it."""


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=2):
    """Somebody has ordered something."""

    order_id: int
    country: str = Field(min_length=2, max_length=2)
    quantity: int = Field(default=1, gt=0)
    note: str = ""
    card: SecretText


class OrderCancelled(Message, exchange=orders, routing_key="orders.cancelled"):
    """Somebody has changed their mind."""

    order_id: int


app = Warren("shop")
app.publishes(OrderCancelled)


@app.consumer("billing.invoices", OrderCreated, retry=Retry("200ms", "200ms"), permanent=[UnknownCountry])
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    if order.country == "XX" and not (HERE / "fixed").exists():
        raise UnknownCountry(f"no tax rate for {order.country}; known are AT, DE and FR")
    if order.country == "YY":
        raise TimeoutError("the tax office did not answer within 2 s")


@app.consumer("shipping.labels", OrderCreated, concurrency=4)
def print_label(order: OrderCreated, delivery: Delivery) -> None:
    pass
