"""What docs/comparison.md and docs/interop.md say other libraries do when their settings are left alone.

Not here: Dramatiq, which is no dependency of the tests. Where one of these fails after an upgrade, correct the pages.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aio_pika
import pika
import pytest
from aiormq.abc import DeliveredMessage
from celery import Celery
from faststream.rabbit import RabbitBroker, RabbitQueue
from pydantic import BaseModel

from tests.support.broker import BrokerUnderTest
from tests.support.celery_worker import celery_worker
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren import Message, Unroutable, Warren
from warren.observability import events

TRANSIENT, PERSISTENT = 1, 2


class Order(BaseModel):
    order_id: int


class Payment(BaseModel):
    at: datetime
    id: UUID
    amount: Decimal


class Paid(Message, type="paid"):
    at: datetime
    id: UUID
    amount: Decimal


class Nowhere(Message, routing_key="nowhere"):
    order_id: int


def invoice(order_id: int) -> None:
    """A task that nobody runs."""


@pytest.fixture
def celery(broker: BrokerUnderTest) -> Any:
    app = Celery("comparison", broker=broker.url)
    yield app
    app.close()


def test_warren_tells_of_a_message_no_queue_wants(broker: BrokerUnderTest) -> None:
    with Warren("shop", broker=broker.url) as app, pytest.raises(Unroutable):
        app.publish(Nowhere(order_id=1))


def test_plain_pika_loses_a_message_no_queue_wants(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain:
        plain.publish("", "nowhere", b"{}")  # and nothing is raised


def test_aio_pika_confirms_and_returns_a_message_no_queue_wants(broker: BrokerUnderTest) -> None:
    async def publish() -> Any:
        async with await aio_pika.connect_robust(broker.url) as connection:
            channel = await connection.channel()
            return await channel.default_exchange.publish(aio_pika.Message(b"{}"), "nowhere")

    returned = asyncio.run(publish())
    assert isinstance(returned, DeliveredMessage)
    assert returned.delivery.name == "Basic.Return"


def test_faststream_confirms_and_returns_a_message_no_queue_wants(broker: BrokerUnderTest) -> None:
    async def publish() -> Any:
        async with RabbitBroker(broker.url, logger=None) as rabbit:
            return await rabbit.publish({"order_id": 1}, queue="nowhere")

    assert asyncio.run(publish()).delivery.name == "Basic.Return"


def test_aio_pika_sends_transient_messages_with_an_id_and_nothing_else(broker: BrokerUnderTest) -> None:
    async def publish() -> None:
        async with await aio_pika.connect_robust(broker.url) as connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(aio_pika.Message(b"{}"), "orders")

    properties = sent_by(broker, publish)
    assert properties.delivery_mode == TRANSIENT
    assert properties.message_id
    assert (properties.content_type, properties.type, properties.timestamp) == (None, None, None)


def test_faststream_sends_transient_json_with_an_id_and_a_time(broker: BrokerUnderTest) -> None:
    async def publish() -> None:
        async with RabbitBroker(broker.url, logger=None) as rabbit:
            await rabbit.publish(Order(order_id=1), queue="orders")

    properties = sent_by(broker, publish)
    assert properties.delivery_mode == TRANSIENT
    assert properties.content_type == "application/json"
    assert properties.message_id
    assert properties.timestamp
    assert properties.type is None


def test_faststream_writes_the_values_of_a_model_as_warren_reads_them(broker: BrokerUnderTest) -> None:
    values = {"at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC), "id": UUID(int=7), "amount": Decimal("42.10")}

    async def publish() -> None:
        async with RabbitBroker(broker.url, logger=None) as rabbit:
            await rabbit.publish(Payment(**values), queue="payments", message_type="paid")

    app = Warren("shop", broker=broker.url)
    payments: list[Paid] = []

    @app.consumer("payments", Paid)
    def handle(payment: Paid) -> None:
        payments.append(payment)

    seen = Recorder(app)
    with app.worker():
        asyncio.run(publish())
        seen.wait(events.Processed)
    assert payments == [Paid(**values)]


def sent_by(broker: BrokerUnderTest, publish: Any) -> pika.BasicProperties:
    with PlainPika(broker.url) as plain:
        plain.declare("orders")
        asyncio.run(publish())
        return plain.take("orders").properties


def test_faststream_rejects_what_its_handler_fails_at_or_cannot_read(broker: BrokerUnderTest) -> None:
    """It is gone: the queue dead-letters nowhere."""

    async def consume() -> list[Any]:
        seen: list[Any] = []
        handled = asyncio.Event()
        rabbit = RabbitBroker(broker.url, logger=None)

        @rabbit.subscriber(RabbitQueue("orders", durable=True))
        async def handle(order: Order) -> None:
            seen.append(order)
            handled.set()
            raise RuntimeError("the handler fails")

        async with rabbit:
            await rabbit.start()
            await rabbit.publish({"order": 2}, queue="orders")
            await rabbit.publish({"order_id": 1}, queue="orders")
            async with asyncio.timeout(20):
                await handled.wait()
        return seen

    assert len(asyncio.run(consume())) == 1
    with PlainPika(broker.url) as plain:
        plain.wait_depth("orders", 0)


def test_celery_neither_waits_for_confirms_nor_acknowledges_late(celery: Any) -> None:
    task = celery.task(invoice, name="shop.invoice")
    with celery.producer_pool.acquire(block=True) as producer:
        task.apply_async((1,), producer=producer)
        assert producer.channel.connection.confirm_publish is False
    assert celery.conf.task_acks_late is False
    assert not celery.conf.task_reject_on_worker_lost
    assert celery.conf.task_acks_on_failure_or_timeout is True


def test_celery_declares_its_queue_and_sends_persistent_calls(celery: Any, broker: BrokerUnderTest) -> None:
    task = celery.task(invoice, name="shop.invoice")
    sent = task.apply_async((1,), expires=60)
    with PlainPika(broker.url) as plain:
        message = plain.take("celery")
    assert json.loads(message.body)[:2] == [[1], {}]
    assert message.properties.delivery_mode == PERSISTENT
    assert message.properties.content_type == "application/json"
    assert message.properties.expiration == "60000"
    assert (message.properties.message_id, message.properties.type, message.properties.timestamp) == (None, None, None)
    assert (message.headers["task"], message.headers["id"], message.headers["eta"]) == ("shop.invoice", sent.id, None)


def test_celery_acknowledges_what_fails_what_it_cannot_read_and_what_it_has_only_begun(
    celery: Any, broker: BrokerUnderTest, tmp_path: Path
) -> None:
    tasks = """
@app.task(name="shop.fail")
def fail():
    note("fails")
    raise RuntimeError("the task fails")

@app.task(name="shop.work")
def work():
    note("works")
    signal.pause()
"""
    with PlainPika(broker.url) as plain:
        celery.send_task("shop.fail")
        plain.publish("", "celery", b"no JSON", content_type="application/json", headers={"task": "x", "id": "1"})
        celery.send_task("shop.work")
        with celery_worker(broker.url, tmp_path, "celery", tasks) as worker:
            assert worker.wait_notes(2) == ["fails", "works"]
            wait_until(
                lambda: broker.api("GET", "queues/{vhost}/celery").get("messages") == 0,
                timeout=30.0,
                message="nothing is unacknowledged, although the task still works",
            )
        wait_until(lambda: plain.channel.queue_declare("celery", passive=True).method.consumer_count == 0)
        assert plain.depth("celery") == 0
