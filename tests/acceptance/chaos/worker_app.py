"""The application that the worker processes run: `warren run tests.acceptance.chaos.worker_app:app`.

Not here: what is deliberately wrong with it in some tests (`mutations.py`).

Its settings are environment variables: CHAOS_FOLDER (of the records), CHAOS_CONSUMER (idempotent, inbox, careless),
CHAOS_EFFECTS (URL of the effects; an inbox writes them through its transaction), CHAOS_WORK (seconds a handler goes
on after its effect) and CHAOS_MUTATION.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import sqlalchemy

from tests.acceptance.chaos.effects import EffectWriter, new_row, table
from tests.acceptance.chaos.mutations import mutate
from tests.acceptance.chaos.orders import QUEUE, RETRY, OrderCreated
from tests.acceptance.chaos.records import record_events
from warren import Delivery, Permanent, Transient, Warren
from warren.config import WorkerSettings

LEASE = 8.0  # How long what a killed worker held is out of reach; renewed three times as often.

app = Warren("chaos", worker=WorkerSettings(lease=LEASE, grace=20.0))
record_events(app, Path(os.environ["CHAOS_FOLDER"]))
work = float(os.environ["CHAOS_WORK"])


def fail_as_planned(order: OrderCreated, delivery: Delivery) -> None:
    if order.is_refused:
        raise Permanent(f"order {order.order_id} is refused")
    if delivery.attempt <= order.failures:
        raise Transient(f"attempt {delivery.attempt} of order {order.order_id} fails")


def row_of(order: OrderCreated, delivery: Delivery) -> dict[str, Any]:
    return new_row(order.order_id, delivery.message_id, delivery.attempt)


def go_on() -> None:
    if work:
        time.sleep(random.uniform(0, 2 * work))


def consume_with_effects_of_its_own(*, idempotent: bool) -> None:
    writer = EffectWriter(os.environ["CHAOS_EFFECTS"])

    @app.consumer(QUEUE, OrderCreated, retry=RETRY, idempotent=idempotent)
    def invoice(order: OrderCreated, delivery: Delivery) -> None:
        fail_as_planned(order, delivery)
        writer.write(row_of(order, delivery))
        go_on()


def consume_with_inbox() -> None:
    @app.consumer(QUEUE, OrderCreated, retry=RETRY)
    def invoice(order: OrderCreated, delivery: Delivery, connection: sqlalchemy.Connection) -> None:
        connection.execute(table.insert(), row_of(order, delivery))
        fail_as_planned(order, delivery)  # Rolls the row back.
        go_on()


mutate(os.environ.get("CHAOS_MUTATION", ""))
if os.environ["CHAOS_CONSUMER"] == "inbox":
    consume_with_inbox()
else:
    consume_with_effects_of_its_own(idempotent=os.environ["CHAOS_CONSUMER"] == "idempotent")
