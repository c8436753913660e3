"""Orders become invoices and shipping labels: one topic exchange, two consumers.

Not here: the world outside (`outside.py`), the tables (`database.py`). In the folder above this one:

    warren run orders.app:app
    warren publish orders.app:app orders.created '{"order_id": 4821, "customer": "Ada", "total_cents": 4200}'
"""

from __future__ import annotations

import asyncio

from pydantic import Field
from sqlalchemy.orm import Session

from orders import database, outside
from warren import Delivery, Exchange, Message, Retry, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    """Somebody has ordered something."""

    order_id: int
    event: str = "created"
    customer: str
    total_cents: int = Field(gt=0)


app = Warren("orders", store=database.URL)
patience = Retry("300ms", "1s")  # three attempts in all


@app.consumer("billing.invoices", OrderCreated, bind="orders.*", retry=patience, permanent=[outside.UnknownCustomer])
def send_invoice(order: OrderCreated, delivery: Delivery, session: Session) -> None:
    """Write the invoice in the transaction that records the message as done: exactly once, whatever happens."""
    rate = outside.tax_rate(order.customer, attempt=delivery.attempt)
    invoice = database.invoices.insert().values(
        order_id=order.order_id, gross_cents=round(order.total_cents * (1 + rate)), attempt=delivery.attempt
    )
    session.execute(invoice)


@app.consumer(
    "shipping.labels",
    OrderCreated,
    bind="orders.*",
    retry=patience,
    permanent=[outside.UnknownCustomer],
    idempotent=True,
)
async def print_label(order: OrderCreated, delivery: Delivery) -> None:
    """Print a label. Duplicates are absorbed; only a worker's death between print and record prints one again."""
    address = await outside.address(order.customer, attempt=delivery.attempt)
    await asyncio.to_thread(database.print_label, order.order_id, address, delivery.attempt)
