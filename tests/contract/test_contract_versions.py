"""Several versions of a message in one queue, upcasters, and size limits: on every broker.

Not here: which change breaks whom (tests/unit/contracts/evolution).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import BrokerUnderTest
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import Exchange, Message, MessageTooLarge, Retry, Transient, Warren, upcaster
from warren.observability import events

orders = Exchange("orders", "topic")


class First(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int


class Second(Message, exchange=orders, routing_key="orders.created", version=2):
    order_id: int
    currency: str


class Third(Message, exchange=orders, routing_key="orders.created", version=3, max_size=64):
    order_id: int
    currency: str
    note: str = ""


@upcaster(Third, from_version=1)
def add_currency(body: dict[str, Any]) -> dict[str, Any]:
    if body["order_id"] == 13:
        raise LookupError("no currency for 13")
    return {**body, "currency": "EUR"}


@upcaster(Third, from_version=2)
def add_note(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "note": f"was {body['currency']}"}


def new_app(broker: BrokerUnderTest) -> Warren:
    return Warren("billing", broker=broker.url, store="memory://")


def test_versions_that_wait_in_one_queue_are_read_each_as_it_was_sent(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    read: list[Message] = []

    @app.consumer("billing.invoices", Second, First, concurrency=1)
    def handle(order: First | Second) -> None:
        read.append(order)

    app.apply_topology()
    with app:
        app.publish(First(order_id=1))
        app.publish(Second(order_id=2, currency="USD"))
        app.publish(First(order_id=3))
        seen = Recorder(app)
        with app.worker():
            seen.wait(events.Processed, 3)
    assert read == [First(order_id=1), Second(order_id=2, currency="USD"), First(order_id=3)]


def test_old_versions_reach_the_handler_of_the_new_one_through_upcasters(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    read: list[Third] = []

    @app.consumer("billing.invoices", Third, retry=Retry("100ms"), concurrency=1)
    def handle(order: Third) -> None:
        if order.order_id == 2 and order not in read:
            read.append(order)
            raise Transient("its retry is upcast once more")
        read.append(order)

    seen = Recorder(app)
    with app.worker(), app:
        for message in (First(order_id=1), Second(order_id=2, currency="USD"), Third(order_id=3, currency="CHF")):
            app.publish(message)
        seen.wait(events.Processed, 3)
    assert {order.order_id: (order.currency, order.note) for order in read} == {
        1: ("EUR", "was EUR"),
        2: ("USD", "was USD"),
        3: ("CHF", ""),
    }
    assert len(read) == 4


def test_a_failing_upcaster_dead_letters_at_once_and_names_itself(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer("billing.invoices", Third, retry=Retry("100ms"))
    def handle(order: Third) -> None: ...

    seen = Recorder(app)
    with app.worker(), app, PlainPika(broker.url) as plain:
        app.publish(First(order_id=13))
        (dead,) = seen.wait(events.DeadLettered)
        assert (dead.reason, dead.attempt) == ("contract", 1)
        letter = plain.take("billing.invoices.dead")
        assert letter.body == b'{"order_id":13}', "the body stays as it was sent"
        told = letter.headers["x-warren-dead-error"]
        assert told == "orders.created v1: upcaster add_currency raised LookupError: no currency for 13"


def test_a_message_above_its_limit_is_neither_sent_nor_read(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer("billing.invoices", Third)
    def handle(order: Third) -> None: ...

    seen = Recorder(app)
    with app.worker(), app, PlainPika(broker.url) as plain:
        large = Third(order_id=1, currency="EUR", note="x" * 64)
        with pytest.raises(MessageTooLarge, match=r"the limit of orders.created v3 is 64"):
            app.publish(large)
        plain.publish("orders", "orders.created", large.model_dump_json().encode())
        (dead,) = seen.wait(events.DeadLettered)
        assert dead.reason == "contract"
        assert "the limit of orders.created v3 is 64" in str(dead.error)
    assert not seen.of(events.Processed)
