"""The application that the tests of the command line run: handlers that write down what they do, and wait to be let go.

Not here: any test. It is copied into each test's folder, where its notes lie too.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from warren import Delivery, Exchange, Message, Retry, Transient, Warren

HERE = Path(__file__).parent
orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int
    wait_for: str = ""  # the handler goes on once a file of that name exists
    times_out_once: bool = False
    fails_once: bool = False
    leaves_thread: bool = False


class OrderCancelled(Message, exchange=orders, routing_key="orders.cancelled"):
    order_id: int


app = Warren("shop")
app.publishes(OrderCancelled)


def note(line: str) -> None:
    with (HERE / "notes").open("a") as notes:
        notes.write(line + "\n")


def wait_for(name: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not (HERE / name).exists() and time.monotonic() < deadline:
        time.sleep(0.01)


@app.consumer("billing.invoices", OrderCreated, retry=Retry("200ms", "1s"), time_limit="1500ms", concurrency=4)
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    note(f"begin {order.order_id} attempt {delivery.attempt} in {os.getpid()}")
    if order.leaves_thread:
        threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
    if order.times_out_once and delivery.attempt == 1:
        wait_for("never")
    if order.fails_once and delivery.attempt == 1:
        raise Transient("the first attempt fails")
    if order.wait_for:
        wait_for(order.wait_for, seconds=20.0)
    note(f"end {order.order_id} attempt {delivery.attempt}")


@app.consumer("shipping.labels", OrderCancelled, time_limit=None)
def stop_parcel(order: OrderCancelled, delivery: Delivery) -> None:
    """Without a time limit: waits until the test says so, however often it is delivered."""
    note(f"begin cancel {order.order_id} redelivered {delivery.redelivered} in {os.getpid()}")
    wait_for("go")
    note(f"end cancel {order.order_id}")
