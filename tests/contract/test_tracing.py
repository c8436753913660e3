"""Trace context on real brokers: one trace from the publisher through every copy to the last handler."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from tests.support import BrokerUnderTest
from tests.support.plain import PlainPika
from tests.support.telemetry import Telemetry, ids, link_kinds
from warren import Exchange, Message, Permanent, Retry, Transient, Unroutable, Warren
from warren.config import BrokerSettings
from warren.observability.otel import instrument
from warren.operations.link import open_connection
from warren.operations.replay import Plan, Target, replay_queue
from warren.operations.tally import Tally

ROOT = Path(__file__).parents[2]
QUEUE = "billing.invoices"
WHERE = f"orders:orders.created:{QUEUE}"
orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def new_app(broker: BrokerUnderTest, telemetry: Telemetry) -> Warren:
    app = Warren("billing", broker=broker.url, store="memory://")
    instrument(app, **telemetry.providers)
    return app


def parent_of(span: ReadableSpan) -> tuple[int, int]:
    assert span.parent is not None
    return span.parent.trace_id, span.parent.span_id


def described(span: ReadableSpan) -> dict[str, Any]:
    """The attributes, without those that differ from run to run."""
    differing = {"messaging.message.id", "messaging.rabbitmq.message.delivery_tag", "server.address", "server.port"}
    return {name: value for name, value in (span.attributes or {}).items() if name not in differing}


def replay_with_plain_pika(broker: BrokerUnderTest) -> None:
    subprocess.run(
        [sys.executable, ROOT / "examples" / "replay.py", QUEUE],
        env={**os.environ, "AMQP_URL": broker.url},
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=30.0,
    )


def replay_with_warren(broker: BrokerUnderTest) -> None:
    plan = Plan(resolve=lambda _queue, _properties: Target(QUEUE, "Transient@billing.py:handle"))
    with open_connection(BrokerSettings.parse(broker.url), "replay") as connection:
        assert replay_queue(connection, f"{QUEUE}.dead", plan, Tally(), None) is None


@pytest.mark.parametrize("replay", [replay_with_plain_pika, replay_with_warren])
def test_one_trace_leads_through_exchange_retry_tier_dead_letter_queue_and_replay(
    broker: BrokerUnderTest, telemetry: Telemetry, replay: Callable[[BrokerUnderTest], None]
) -> None:
    app = new_app(broker, telemetry)
    broken = [True]

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated) -> None:
        with telemetry.tracer.start_as_current_span("charge the card"):
            if broken:
                raise Transient("the bank is closed")

    with PlainPika(broker.url) as plain, app.worker(), app:
        with telemetry.tracer.start_as_current_span("checkout") as checkout:
            app.publish(OrderCreated(order_id=1), message_id="order-1", correlation_id="cart-7")
            trace_id = checkout.get_span_context().trace_id
        telemetry.wait_spans("dead_letter")
        plain.wait_depth(f"{QUEUE}.dead", 1)
        letter_headers = _peek(plain, f"{QUEUE}.dead")
        plain.wait_depth(f"{QUEUE}.dead", 1)  # it is back
        broken.clear()
        replay(broker)
        telemetry.wait_spans("ack")

    # All in the trace of whoever published.
    assert {ids(span)[0] for span in telemetry.spans()} == {trace_id}
    assert letter_headers["x-warren-dead-trace-id"] == f"{trace_id:032x}"

    (send,) = telemetry.spans("send")
    assert (send.name, send.kind) == ("send orders:orders.created", SpanKind.PRODUCER)
    assert parent_of(send) == ids(telemetry.spans("checkout")[0])
    assert described(send) == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "orders:orders.created",
        "messaging.rabbitmq.destination.routing_key": "orders.created",
        "messaging.message.conversation_id": "cart-7",
    }

    first, second, third = attempts = telemetry.spans("process")
    for span in attempts:
        assert (span.name, span.kind) == (f"process {WHERE}", SpanKind.CONSUMER)
        assert parent_of(span) == ids(send)
        assert link_kinds(span)["creation"] == ids(send)
        assert span.attributes is not None
        assert span.attributes["messaging.message.id"] == "order-1"
        assert span.attributes["messaging.rabbitmq.message.delivery_tag"] == attempts.index(span) + 1
        assert span.attributes["server.address"] == "127.0.0.1"
        assert isinstance(span.attributes["server.port"], int)
    assert described(third) == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": WHERE,
        "messaging.rabbitmq.destination.routing_key": "orders.created",
        "messaging.message.conversation_id": "cart-7",
    }
    assert described(first) == {**described(third), "error.type": "Transient"}
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert [link_kinds(span).get("previous_attempt") for span in attempts] == [None, ids(first), ids(second)]
    assert [parent_of(span) for span in telemetry.spans("charge the card")] == [ids(span) for span in attempts]

    for name, attempt in [("retry", first), ("dead_letter", second), ("ack", third)]:
        (settle,) = telemetry.spans(name)
        assert (settle.name, settle.kind) == (f"{name} {WHERE}", SpanKind.CLIENT)
        assert parent_of(settle) == ids(attempt)
        assert described(settle)["messaging.operation.type"] == "settle"
        assert settle.status.status_code is StatusCode.UNSET


def _peek(plain: PlainPika, queue: str) -> dict[str, Any]:
    method, properties, _ = plain.channel.basic_get(queue)
    assert method is not None
    plain.channel.basic_nack(method.delivery_tag, requeue=True)
    return dict(properties.headers)


def test_metrics_count_and_time_what_is_sent_processed_and_settled(
    broker: BrokerUnderTest, telemetry: Telemetry
) -> None:
    app = new_app(broker, telemetry)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        if order.order_id == 0:
            raise Permanent("no such customer")

    with app.worker(), app:
        app.publisher().publish_many(OrderCreated(order_id=number) for number in range(5))
        telemetry.wait_spans("ack", 4)
        telemetry.wait_spans("dead_letter", 1)

    def seen(metric: str) -> dict[tuple[object, ...], int]:
        kept = ("messaging.operation.name", "messaging.destination.name", "error.type")
        return {
            tuple(point.attributes.get(name) for name in kept): point.value or point.count
            for point in telemetry.points(metric)
        }

    assert seen("messaging.client.sent.messages") == {("send", "orders:orders.created", None): 5}
    assert seen("messaging.client.consumed.messages") == {("process", WHERE, None): 5}
    assert seen("messaging.process.duration") == {("process", WHERE, None): 4, ("process", WHERE, "Permanent"): 1}
    assert seen("messaging.client.operation.duration") == {
        ("send", "orders:orders.created", None): 5,
        ("ack", WHERE, None): 4,
        ("dead_letter", WHERE, None): 1,
    }


def test_async_publishers_and_handlers_keep_the_context(broker: BrokerUnderTest, telemetry: Telemetry) -> None:
    app = new_app(broker, telemetry)

    @app.consumer(QUEUE, OrderCreated)
    async def handle(order: OrderCreated) -> None:
        await asyncio.sleep(0)
        with telemetry.tracer.start_as_current_span(f"order {order.order_id}"):
            await asyncio.sleep(0)

    async def publish() -> None:
        async with app.async_publisher() as publisher:
            with telemetry.tracer.start_as_current_span("request 1"):
                await publisher.publish(OrderCreated(order_id=1))
            with telemetry.tracer.start_as_current_span("request 2"):
                await publisher.publish_many([OrderCreated(order_id=2)])
            with telemetry.tracer.start_as_current_span("request 3"):
                future = await publisher.submit(OrderCreated(order_id=3))
            await future

    with app.worker(), app:
        asyncio.run(publish())
        telemetry.wait_spans("ack", 3)

    sent_by = {ids(span): parent_of(span) for span in telemetry.spans("send")}
    processed_by = {ids(span): parent_of(span) for span in telemetry.spans("process")}
    for number in (1, 2, 3):
        (inner,), (request,) = telemetry.spans(f"order {number}"), telemetry.spans(f"request {number}")
        assert sent_by[processed_by[parent_of(inner)]] == ids(request)


def test_an_unroutable_message_ends_its_span_with_the_error(broker: BrokerUnderTest, telemetry: Telemetry) -> None:
    class Lost(Message, routing_key="no.such.queue"):
        number: int

    with new_app(broker, telemetry) as app, pytest.raises(Unroutable):
        app.publish(Lost(number=1))

    (span,) = telemetry.spans()
    assert (span.name, span.status.status_code) == ("send no.such.queue", StatusCode.ERROR)
    assert span.attributes is not None
    assert span.attributes["error.type"] == "Unroutable"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": "not a context"},
        {"traceparent": 7},
        {"traceparent": b"\xff\xfe"},
        {"traceparent": f"00-{0:032x}-{0:016x}-01"},
    ],
    ids=["none", "malformed", "a number", "bytes", "zeros"],
)
def test_a_plain_message_without_a_usable_context_begins_a_trace(
    broker: BrokerUnderTest, telemetry: Telemetry, headers: dict[str, Any]
) -> None:
    app = new_app(broker, telemetry)
    app.consumer(QUEUE, OrderCreated)(lambda order: None)

    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish("", QUEUE, b'{"order_id": 1}', headers=headers)
        telemetry.wait_spans("ack")

    (process,) = telemetry.spans("process")
    assert (process.name, process.parent, list(process.links)) == (f"process {QUEUE}", None, [])
    assert process.status.status_code is StatusCode.UNSET


def test_the_context_of_a_plain_producer_is_continued(broker: BrokerUnderTest, telemetry: Telemetry) -> None:
    app = new_app(broker, telemetry)
    app.consumer(QUEUE, OrderCreated)(lambda order: None)
    trace_id, span_id = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7

    with app.worker(), PlainPika(broker.url) as plain:
        headers = {"traceparent": f"00-{trace_id:032x}-{span_id:016x}-01", "tracestate": "vendor=1"}
        plain.publish("orders", "orders.created", b'{"order_id": 1}', headers=headers)
        telemetry.wait_spans("ack")

    (process,) = telemetry.spans("process")
    assert parent_of(process) == (trace_id, span_id)
    assert process.context is not None
    assert process.context.trace_state.get("vendor") == "1"
