"""Rules 7 to 12: consuming and settling. Each test is named for its rule, and runs on every broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import Delivery, Exchange, Message, Permanent, Queue, Retry, Transient, Warren
from warren.observability import events

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int
    event: str = "created"


def new_app(broker: BrokerUnderTest) -> Warren:
    return Warren("billing", broker=broker.url, store="memory://")


def publish_orders(app: Warren, count: int) -> None:
    with app.publisher() as publisher:
        publisher.publish_many(OrderCreated(order_id=n) for n in range(count))


def test_rule_07_a_delivery_is_acknowledged_only_after_its_handler_finished(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    begun, may_end = threading.Event(), threading.Event()

    @app.consumer("billing.invoices", OrderCreated)
    def handle(order: OrderCreated) -> None:
        begun.set()
        may_end.wait(20.0)

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        assert begun.wait(10.0)
        wait_until(lambda: unacked(broker, "billing.invoices") == 1)
        assert not seen.of(events.Processed)
        may_end.set()
        seen.wait(events.Processed)
        wait_until(lambda: unacked(broker, "billing.invoices") == 0)
        assert plain.depth("billing.invoices") == 0


def unacked(broker: BrokerUnderTest, queue: str) -> int:
    report = broker.api("GET", f"queues/{{vhost}}/{queue}") or {}
    return int(report.get("messages_unacknowledged", -1))


def test_rule_07_a_crashing_handler_never_acknowledges_on_its_own(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    errors: list[BaseException] = [SystemExit(1), KeyboardInterrupt(), RecursionError(), MemoryError()]

    @app.consumer("billing.invoices", OrderCreated, retry=Retry("100ms", attempts=9), concurrency=1)
    def handle(order: OrderCreated) -> None:
        if errors:
            raise errors.pop()

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        (done,) = seen.wait(events.Processed)
        assert done.attempt == 5
        assert len(seen.of(events.Retried)) == 4


def test_rule_07_each_delivery_is_settled_exactly_once(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer("billing.invoices", OrderCreated, prefetch=100, concurrency=4, retry=Retry("100ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        if order.order_id % 7 == 0 and delivery.attempt == 1:
            raise Transient("first time")
        if order.order_id % 11 == 0:
            raise Permanent("never")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        publish_orders(app, 1000)
        dead = len(range(0, 1000, 11))
        seen.wait(events.DeadLettered, dead)
        seen.wait(events.Processed, 1000 - dead)
        plain.wait_depth("billing.invoices.dead", dead)
        assert len(seen.of(events.Processed)) == 1000 - dead
        # The broker would have closed the channel over a second acknowledgement of a tag.
        assert not seen.of(events.ConsumerCancelled)
        assert len(seen.of(events.Subscribed)) == 1


def test_rule_08_a_retry_copy_keeps_all_properties_and_headers(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    deliveries: list[Delivery] = []

    @app.consumer("billing.invoices", OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        deliveries.append(delivery)
        if delivery.attempt == 1:
            raise Transient("again")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish(
            "orders",
            "orders.created",
            b'{"order_id": 1}',
            message_id="m-1",
            correlation_id="c-1",
            reply_to="answers",
            priority=3,
            timestamp=1_700_000_000,
            type="orders.created",
            app_id="legacy",
            content_type="application/json",
            user_id="guest",
            headers={"tenant": "acme", "nested": {"a": [1, "two", True]}, "big": 2**40},
        )
        seen.wait(events.Processed)
    first, second = deliveries
    for name in (
        "message_id",
        "correlation_id",
        "reply_to",
        "priority",
        "sent_at",
        "type",
        "exchange",
        "routing_key",
        "body",
    ):
        assert getattr(first, name) == getattr(second, name), name
    assert second.properties.app_id == "legacy"
    assert second.headers["tenant"] == "acme"
    assert second.headers["nested"] == {"a": [1, "two", True]}
    assert second.headers["big"] == 2**40
    assert (first.attempt, second.attempt) == (1, 2)


def test_rule_08_an_original_is_not_acked_while_its_copy_cannot_be_confirmed(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer("billing.invoices", OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated) -> None:
        raise Permanent("no such customer")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        # A dead-letter queue that is full and refuses more.
        plain.channel.queue_delete("billing.invoices.dead")
        full = {"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"}
        plain.declare("billing.invoices.dead", **full)
        plain.publish("", "billing.invoices.dead", b"first")
        plain.wait_depth("billing.invoices.dead", 1)
        app.publish(OrderCreated(order_id=1))
        (delayed, *_) = seen.wait(events.SettleDelayed, 2)
        assert delayed.target == "billing.invoices.dead"
        assert "Nacked" in delayed.reason
        assert not seen.of(events.DeadLettered)
        wait_until(lambda: unacked(broker, "billing.invoices") == 1, message="the original is still unacknowledged")
        assert plain.take("billing.invoices.dead").body == b"first"
        seen.wait(events.DeadLettered, timeout=40.0)
        assert plain.take("billing.invoices.dead").body == b'{"order_id":1,"event":"created"}'


def test_rule_09_acks_of_a_former_connection_are_dropped_and_the_redelivery_is_processed(
    broker: BrokerUnderTest,
) -> None:
    app = new_app(broker)
    begun, may_end = threading.Event(), threading.Event()
    runs: list[bool] = []

    @app.consumer("billing.invoices", OrderCreated, concurrency=2)
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        runs.append(delivery.redelivered)
        if not delivery.redelivered:
            begun.set()
            may_end.wait(20.0)

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        assert begun.wait(10.0)
        drop_connections(broker, "billing consume")
        seen.wait(events.Subscribed, 2)
        may_end.set()
        seen.wait(events.AckDropped)
        wait_until(lambda: runs == [False, True])
        plain.wait_depth("billing.invoices", 0)
        app.publish(OrderCreated(order_id=2))
        seen.wait(events.Processed, 3)
        assert not seen.of(events.ConsumerCancelled)


def drop_connections(broker: BrokerUnderTest, name: str) -> None:
    """Close the connections of that name, as an operator does; the management API lists them with some delay."""

    def listed() -> list[str]:
        found = broker.api("GET", "vhosts/{vhost}/connections") or []
        return [one["name"] for one in found if one.get("client_properties", {}).get("connection_name") == name]

    from urllib.parse import quote

    for connection in wait_until(listed, message=f"connection {name!r} in the management API"):
        broker.api("DELETE", f"connections/{quote(connection)}")


def test_rule_10_a_consumer_subscribes_again_after_its_queue_was_deleted(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    done: list[int] = []

    @app.consumer("billing.invoices", OrderCreated)
    def handle(order: OrderCreated) -> None:
        done.append(order.order_id)

    seen = Recorder(app)
    with app.worker() as worker, PlainPika(broker.url) as plain, app:
        wait_until(lambda: worker.health().ready)
        plain.channel.queue_delete("billing.invoices")
        (cancelled, *_) = seen.wait(events.ConsumerCancelled)
        assert "cancelled the consumer" in cancelled.reason
        # The worker declares what is missing and subscribes again.
        seen.wait(events.Subscribed, 2)
        wait_until(lambda: worker.health().ready)
        app.publish(OrderCreated(order_id=7))
        wait_until(lambda: done == [7])


def test_rule_10_a_channel_closed_by_the_broker_leads_to_a_new_subscription(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    # The broker closes the channel of a consumer that does not acknowledge in time; it looks once a tick.
    broker = private_broker(config={"consumer_timeout": "1000"})
    broker.look_at_timeouts_often()
    app = new_app(broker)
    may_end = threading.Event()
    attempts: list[bool] = []

    @app.consumer(Queue("billing.invoices", type="classic"), OrderCreated, concurrency=2)
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        attempts.append(delivery.redelivered)
        if not delivery.redelivered:
            may_end.wait(100.0)

    seen = Recorder(app)
    with app.worker() as worker, app:
        app.publish(OrderCreated(order_id=1))
        try:
            (cancelled, *_) = seen.wait(events.ConsumerCancelled)
        finally:
            may_end.set()
        assert "PRECONDITION_FAILED - delivery acknowledgement" in cancelled.reason
        seen.wait(events.Subscribed, 2)
        wait_until(lambda: worker.health().ready)
        wait_until(lambda: True in attempts)


def test_rule_10_readiness_changes_with_the_connection(private_broker: Callable[..., BrokerUnderTest]) -> None:
    broker = private_broker()
    app = new_app(broker)
    done: list[int] = []

    @app.consumer("billing.invoices", OrderCreated)
    def handle(order: OrderCreated) -> None:
        done.append(order.order_id)

    with app.worker() as worker, app:
        wait_until(lambda: worker.health().ready)
        broker.wait_until_recorded("billing.invoices", "billing.invoices.dead")
        broker.node.kill()
        wait_until(lambda: not worker.health().ready)
        assert worker.health().live
        wait_until(lambda: "connection lost" in worker.health().consumers[0].reason)
        broker.node.start()
        wait_until(lambda: worker.health().ready, timeout=60.0)
        app.publish(OrderCreated(order_id=1))
        wait_until(lambda: done == [1])


def test_rule_11_prefetch_is_per_consumer_and_bounds_what_is_unacked(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    may_end = threading.Event()

    @app.consumer("billing.invoices", OrderCreated, prefetch=7, concurrency=2)
    def invoice(order: OrderCreated) -> None:
        may_end.wait(30.0)

    @app.consumer("billing.audit", OrderCreated, prefetch=20, concurrency=2)
    def audit(order: OrderCreated) -> None:
        may_end.wait(30.0)

    with app.worker(), app:
        publish_orders(app, 100)
        try:
            wait_until(lambda: unacked(broker, "billing.invoices") == 7)
            wait_until(lambda: unacked(broker, "billing.audit") == 20)
            for queue, prefetch in (("billing.invoices", 7), ("billing.audit", 20)):
                (consumer,) = broker.api("GET", f"queues/{{vhost}}/{queue}")["consumer_details"]
                assert consumer["prefetch_count"] == prefetch
            # A channel that was opened just now has no statistics yet.
            channels = broker.api("GET", "vhosts/{vhost}/channels")
            assert {channel.get("global_prefetch_count", 0) for channel in channels} == {0}
        finally:
            may_end.set()


def test_rule_12_a_slow_delivery_never_holds_back_the_acks_of_others(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    may_end = threading.Event()
    done: list[int] = []

    @app.consumer("billing.invoices", OrderCreated, prefetch=10, concurrency=4)
    def handle(order: OrderCreated) -> None:
        if order.order_id == 0:
            may_end.wait(30.0)
        done.append(order.order_id)

    with app.worker(), app, PlainPika(broker.url) as plain:
        publish_orders(app, 500)
        # Far more than prefetch: each of the others had to be acknowledged past the gap.
        try:
            wait_until(lambda: len(done) == 499)
            wait_until(lambda: unacked(broker, "billing.invoices") == 1)
        finally:
            may_end.set()
        wait_until(lambda: unacked(broker, "billing.invoices") == 0)
        assert plain.depth("billing.invoices") == 0


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_plain_pika_producer_is_consumed_under_the_consumers_own_contract(broker: BrokerUnderTest, kind: str) -> None:
    app = new_app(broker)
    got: list[tuple[OrderCreated, Delivery]] = []

    if kind == "def":

        @app.consumer("billing.invoices", OrderCreated, bind="orders.*")
        def handle(order: OrderCreated, delivery: Delivery) -> None:
            got.append((order, delivery))

    else:

        @app.consumer("billing.invoices", OrderCreated, bind="orders.*")
        async def handle_async(order: OrderCreated, delivery: Delivery) -> None:
            got.append((order, delivery))

    with app.worker(), PlainPika(broker.url) as plain:
        plain.channel.exchange_declare(exchange="orders", exchange_type="topic", durable=True)
        plain.publish(
            "orders", "orders.created", json.dumps({"order_id": 4821, "event": "created"}).encode(), delivery_mode=2
        )
        wait_until(lambda: got)
    order, delivery = got[0]
    assert order == OrderCreated(order_id=4821, event="created")
    assert delivery.message_id.startswith("derived-")


def test_a_plain_pika_consumer_reads_what_warren_published(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, Warren("shop", broker=broker.url) as app:
        plain.channel.exchange_declare("orders", "topic", durable=True)
        plain.declare("audit")
        plain.channel.queue_bind("audit", "orders", "orders.*")
        app.publish(OrderCreated(order_id=4821, event="created"))
        for method, properties, body in plain.channel.consume("audit", inactivity_timeout=10.0):
            assert json.loads(body) == {"order_id": 4821, "event": "created"}
            assert properties.content_type == "application/json"
            assert properties.type == "orders.created"
            plain.channel.basic_ack(method.delivery_tag)
            break
        plain.channel.cancel()
        plain.wait_depth("audit", 0)
