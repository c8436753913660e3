"""Adopting Warren for one consumer of a queue that others made: they, their producers and the queue notice nothing.

Not here: the step-by-step move (docs/migration/plain-pika.md, which is followed by tests/test_docs.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aio_pika
import pytest
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from pydantic import BaseModel

from tests.support.broker import BrokerUnderTest
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren import Delivery, Exchange, Message, Permanent, Queue, Retry, TopologyMissing, Transient, Warren
from warren.observability import events

ARGUMENTS = {"x-max-priority": 5, "x-max-length": 10_000, "x-overflow": "reject-publish", "x-dead-letter-exchange": "x"}
legacy = Queue("invoices", type="classic", external=True)
sales = Exchange("sales", "topic")


class OrderPaid(Message, exchange=sales, routing_key="order.paid"):
    order_id: int


class OrderShipped(Message, exchange=sales, routing_key="order.shipped"):
    order_id: int


class Parcel(BaseModel):
    order_id: int


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    """Whoever made the queue: classic, with arguments of their own, bound to their exchange."""
    with PlainPika(broker.url) as plain:
        plain.channel.exchange_declare("sales", "topic", durable=True)
        plain.channel.queue_declare("invoices", durable=True, arguments=ARGUMENTS)
        plain.channel.queue_bind("invoices", "sales", "order.#")
        yield plain


def test_the_queue_and_its_bindings_stay_as_their_owner_made_them(broker: BrokerUnderTest, plain: PlainPika) -> None:
    app = Warren("billing", broker=broker.url)

    @app.consumer(legacy, OrderPaid)
    def handle(order: OrderPaid) -> None: ...

    before = broker.api("GET", "queues/{vhost}/invoices")["arguments"]
    seen = Recorder(app)
    with app.worker():
        plain.publish("sales", "order.paid", b'{"order_id": 1}')
        seen.wait(events.Processed)
    queues = {queue["name"]: queue for queue in broker.api("GET", "queues/{vhost}")}
    assert queues["invoices"]["arguments"] == before
    assert set(queues) == {"invoices", "invoices.dead", "invoices.retry.1s", "invoices.retry.10s", "invoices.retry.1m"}
    bindings = broker.api("GET", "queues/{vhost}/invoices/bindings")
    assert {(each["source"], each["routing_key"]) for each in bindings} == {("", "invoices"), ("sales", "order.#")}
    exchanges = {
        each["name"] for each in broker.api("GET", "exchanges/{vhost}") if each["name"].partition(".")[0] != "amq"
    }
    assert exchanges == {"", "sales"}


def test_a_worker_does_not_start_where_the_queue_is_not_there(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url)

    @app.consumer(legacy, OrderPaid)
    def handle(order: OrderPaid) -> None: ...

    with pytest.raises(TopologyMissing, match="invoices"), app.worker():
        pass


def test_messages_are_shared_with_the_consumer_that_is_there_and_none_is_lost(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    app = Warren("billing", broker=broker.url)
    new: set[int] = set()

    @app.consumer(legacy, OrderPaid, prefetch=1)
    def handle(order: OrderPaid) -> None:
        new.add(order.order_id)

    old: set[int] = set()

    def on_message(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        old.add(json.loads(body)["order_id"])
        channel.basic_ack(method.delivery_tag)

    plain.channel.basic_qos(prefetch_count=1)
    plain.channel.basic_consume("invoices", on_message)
    with app.worker():
        for order_id in range(200):
            plain.publish("sales", "order.paid", json.dumps({"order_id": order_id}).encode())

        def done() -> bool:
            plain.connection.process_data_events(0.02)
            return len(old | new) == 200

        wait_until(done, timeout=30.0, message=lambda: f"200 orders; old {len(old)}, new {len(new)}")
    assert old
    assert new
    assert not old & new


def test_a_failure_comes_back_to_the_queue_and_ends_beside_it(broker: BrokerUnderTest, plain: PlainPika) -> None:
    """A retry reaches this queue alone, and the dead letter keeps what its producer set."""
    app = Warren("billing", broker=broker.url)
    attempts: list[tuple[int, str]] = []

    @app.consumer(legacy, OrderPaid, retry=Retry("1s"))
    def handle(order: OrderPaid, delivery: Delivery) -> None:
        attempts.append((delivery.attempt, delivery.routing_key))
        raise Transient("not yet") if delivery.attempt == 1 else Permanent("never")

    plain.declare("audit")
    plain.channel.queue_bind("audit", "sales", "order.#")
    seen = Recorder(app)
    with app.worker():
        plain.publish("sales", "order.paid", b'{"order_id": 1}', priority=3, correlation_id="c-1", headers={"k": "v"})
        seen.wait(events.DeadLettered)
    assert attempts == [(1, "order.paid"), (2, "order.paid")]
    (dead,) = plain.drain("invoices.dead")
    assert (dead.body, dead.properties.priority, dead.properties.correlation_id) == (b'{"order_id": 1}', 3, "c-1")
    assert dead.headers["k"] == "v"
    plain.wait_depth("audit", 1)


def test_an_aio_pika_producer_and_consumer_know_nothing_of_it(broker: BrokerUnderTest, plain: PlainPika) -> None:
    app = Warren("billing", broker=broker.url)
    orders: list[int] = []

    @app.consumer(legacy, OrderPaid)
    def handle(order: OrderPaid) -> None:
        orders.append(order.order_id)

    async def there_and_back() -> tuple[Any, Any]:
        async with await aio_pika.connect_robust(broker.url) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange("sales")
            await exchange.publish(aio_pika.Message(b'{"order_id": 1}'), "order.paid")
            queue = await channel.declare_queue("audit", durable=True)
            await queue.bind("sales", "order.paid")
            await asyncio.to_thread(app.publish, OrderPaid(order_id=2))
            async with asyncio.timeout(20), queue.iterator() as messages:
                async for message in messages:
                    async with message.process():
                        return message, json.loads(message.body)
        raise AssertionError("the iterator ended")

    seen = Recorder(app)
    with app.worker(), app:
        message, body = asyncio.run(there_and_back())
        seen.wait(events.Processed, 2)
    assert sorted(orders) == [1, 2]
    assert body == {"order_id": 2}
    assert (message.type, message.content_type, message.app_id) == ("order.paid", "application/json", "billing")
    assert message.headers["x-warren-version"] == 1


def test_faststream_reads_and_writes_the_same_messages(broker: BrokerUnderTest, plain: PlainPika) -> None:
    """Its subscriber gets what Warren publishes, and publishes what Warren's consumer gets."""
    app = Warren("billing", broker=broker.url)
    orders: list[int] = []

    @app.consumer(legacy, OrderPaid, OrderShipped)
    def handle(message: OrderPaid | OrderShipped) -> None:
        orders.append(message.order_id)

    rabbit = RabbitBroker(broker.url, logger=None)
    exchange = RabbitExchange("sales", type=ExchangeType.TOPIC, durable=True)

    @rabbit.subscriber(RabbitQueue("parcels", durable=True, routing_key="order.paid"), exchange)
    async def ship(parcel: Parcel) -> None:
        await rabbit.publish({"order_id": parcel.order_id + 100}, exchange=exchange, routing_key="order.shipped")

    seen = Recorder(app)

    async def run() -> None:
        async with rabbit:
            await rabbit.start()
            await asyncio.to_thread(app.publish, OrderPaid(order_id=1))
            await asyncio.to_thread(seen.wait, events.Processed, 2)

    with app.worker(), app:
        asyncio.run(run())
    assert orders == [1, 101]
