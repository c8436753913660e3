"""`publish_many` as its caller sees it: slow sources, failing callbacks. Run on every broker."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from tests.support import BrokerUnderTest
from tests.support.plain import PlainPika
from warren import Exchange, Message, Warren
from warren.publishing import Receipt

orders = Exchange("orders", "topic")
QUEUE = "billing.invoices"


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


@pytest.fixture
def app(broker: BrokerUnderTest) -> Iterator[Warren]:
    app = Warren("shop", broker=broker.url)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    app.apply_topology()
    with app:
        yield app


def test_a_source_that_waits_holds_back_nothing_it_has_given(app: Warren, broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, app.publisher() as publisher:

        def source() -> Iterator[OrderCreated]:
            for number in range(1, 4):
                yield OrderCreated(order_id=number)
                plain.wait_depth(QUEUE, number)  # the next one is given only when this one has arrived

        assert publisher.publish_many(source()) == 3
        assert [message.body for message in plain.drain(QUEUE)] == [b'{"order_id":%d}' % n for n in range(1, 4)]


def test_a_callback_that_raises_costs_no_message_its_place_or_its_answer(
    app: Warren, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(receipt: Receipt) -> None:
        raise ValueError(receipt.message_id)

    began = time.monotonic()
    with caplog.at_level(logging.CRITICAL, "warren"), app.publisher(window=4, timeout=20.0) as publisher:
        for _ in range(2):
            assert publisher.publish_many([OrderCreated(order_id=n) for n in range(20)], on_confirmed=fail) == 20
        assert "0 unconfirmed" in repr(publisher)
    assert time.monotonic() - began < 20.0
