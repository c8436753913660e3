"""Rules 23, 24, 25, 28 and 29: time limits, shutdown, recovery, secrets, bodies. Each on every broker.

Whole processes and signals: tests/acceptance/test_cli_run.py.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.events import Recorder
from tests.support.plain import PlainPika
from warren import (
    BrokerRefused,
    BrokerUnavailable,
    ConfigurationError,
    Delivery,
    Exchange,
    Message,
    Retry,
    TopologyConflict,
    TopologyMissing,
    Warren,
    WorkerSettings,
)
from warren.observability import events
from warren.observability.logs import log_events

orders = Exchange("orders", "topic")
QUEUE = "billing.invoices"


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


# -- rule 23 ------------------------------------------------------------------------------


def test_rule_23_an_async_handler_is_cancelled_at_its_time_limit_and_retried(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url)
    cancelled: list[int] = []

    @app.consumer(QUEUE, OrderCreated, time_limit="200ms", retry=Retry("100ms"))
    async def handle(order: OrderCreated, delivery: Delivery) -> None:
        if delivery.attempt == 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(order.order_id)
                raise

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        (done,) = seen.wait(events.Processed)
        assert done.attempt == 2
        assert cancelled == [1]
        assert [event.limit for event in seen.of(events.TimeLimitExceeded)] == [0.2]
        assert "ran longer than its time limit" in seen.of(events.Retried)[0].error


def test_rule_23_a_sync_handler_beyond_its_limit_is_charged_alone_and_the_process_is_to_be_replaced(
    broker: BrokerUnderTest,
) -> None:
    app = Warren("billing", broker=broker.url, worker=WorkerSettings(grace=5.0))
    stuck = threading.Event()

    @app.consumer(QUEUE, OrderCreated, time_limit="300ms", retry=Retry("100ms"), concurrency=2, prefetch=10)
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        if order.order_id == 1:
            stuck.wait(60.0)

    seen = Recorder(app)
    worker = app.worker()
    worker.start(timeout=30.0)
    with app, PlainPika(broker.url) as plain:
        try:
            with app.publisher() as publisher:  # together: the others are to be there before the limit
                publisher.publish_many(OrderCreated(order_id=number) for number in (1, 2, 3))
            # Stops by itself: the thread cannot be had back.
            assert worker.wait().name == "REPLACE"
        finally:
            stuck.set()
        seen.wait(events.Processed, 2)
        (retried,) = seen.of(events.Retried)
        assert retried.attempt == 1
        plain.wait_depth(QUEUE, 1)
        assert plain.take(QUEUE).headers["x-warren-attempt"] == 2


def test_rule_23_a_time_limit_beyond_the_consumer_timeout_does_not_start(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url)

    @app.consumer(QUEUE, OrderCreated, time_limit="30m")
    def handle(order: OrderCreated) -> None: ...

    with pytest.raises(ConfigurationError, match=r"time limit of 1800 s is not below the broker's consumer_timeout"):
        app.worker().start()


# -- rule 24 ------------------------------------------------------------------------------


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
def test_rule_24_shutdown_finishes_what_is_in_flight_and_requeues_what_was_not_begun(
    broker: BrokerUnderTest, idempotent: bool
) -> None:
    app = Warren("billing", broker=broker.url, store="memory://")
    begun, may_end = threading.Semaphore(0), threading.Event()

    @app.consumer(QUEUE, OrderCreated, concurrency=2, prefetch=50, idempotent=idempotent)
    def handle(order: OrderCreated) -> None:
        begun.release()
        may_end.wait(20.0)

    seen = Recorder(app)
    worker = app.worker()
    worker.start(timeout=30.0)
    with app, PlainPika(broker.url) as plain:
        for number in range(20):
            app.publish(OrderCreated(order_id=number))
        assert begun.acquire(timeout=10.0)
        assert begun.acquire(timeout=10.0)
        worker.stop("test")
        finished = threading.Thread(target=worker.wait)
        finished.start()
        seen.wait(events.ShutdownStarted)
        may_end.set()
        finished.join(20.0)
        assert not finished.is_alive()
        assert [event.unfinished for event in seen.of(events.ShutdownFinished)] == [0]
        done = len(seen.of(events.Processed))
        assert done >= 2
        plain.wait_depth(QUEUE, 20 - done)


def test_rule_24_what_is_unfinished_after_the_grace_time_stays_unacknowledged(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, worker=WorkerSettings(grace=0.3))
    begun = threading.Event()
    cancelled = threading.Event()

    @app.consumer(QUEUE, OrderCreated)
    async def handle(order: OrderCreated) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    seen = Recorder(app)
    with PlainPika(broker.url) as plain, app:
        with app.worker():
            app.publish(OrderCreated(order_id=1))
            assert begun.wait(10.0)
        assert [event.unfinished for event in seen.of(events.ShutdownFinished)] == [1]
        assert cancelled.wait(5.0)
        assert plain.take(QUEUE).redelivered


# -- rule 25 ------------------------------------------------------------------------------


def test_rule_25_recovery_tries_every_host_with_growing_jittered_delays(broker: BrokerUnderTest) -> None:
    # The first host is never there; a worker connects all the same.
    _, _, location = broker.url.partition("@")
    app = Warren("billing", broker=f"amqp://guest:guest@127.0.0.1:1,{location}")
    done: list[int] = []

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        done.append(order.order_id)

    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        wait_until(lambda: done == [1])


def test_rule_25_a_worker_recovers_from_a_killed_node_by_itself(private_broker: Callable[..., BrokerUnderTest]) -> None:
    broker = private_broker()
    app = Warren("billing", broker=broker.url, publish_timeout=60.0)
    done: list[int] = []

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        done.append(order.order_id)

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        broker.wait_until_recorded(QUEUE, f"{QUEUE}.dead")
        broker.node.kill()
        seen.wait(events.Reconnecting, 6)
        assert all(0.0 <= event.delay <= 30.0 for event in seen.of(events.Reconnecting))
        assert len({event.delay for event in seen.of(events.Reconnecting)}) > 1
        broker.node.start()
        app.publish(OrderCreated(order_id=2))
        wait_until(lambda: 2 in done, timeout=60.0)


# -- refusals: clear, at once, and nothing is lost -----------------------------------------


def test_a_refused_login_is_told_at_once(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url.replace("guest:guest", "guest:wrong-s3cret"))
    with app, pytest.raises(BrokerRefused, match="the login was refused: check user and password") as failure:
        app.publish(OrderCreated(order_id=1))
    assert "wrong-s3cret" not in str(failure.value)


def test_a_missing_virtual_host_is_told_at_once(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url.rpartition("/")[0] + "/nowhere")
    with app, pytest.raises(BrokerRefused, match=r"the virtual host was refused.*nowhere"):
        app.publish(OrderCreated(order_id=1))


@pytest.mark.parametrize("with_management", [True, False], ids=["management API", "AMQP alone"])
def test_conflicting_queue_arguments_are_refused_with_the_difference(
    broker: BrokerUnderTest, with_management: bool
) -> None:
    url = f"{broker.url}?management={broker.management_url}" if with_management else broker.url
    app = Warren("billing", broker=url)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    with PlainPika(broker.url) as plain, app:
        plain.channel.queue_declare(QUEUE, durable=True, arguments={"x-max-length": 5})
        with pytest.raises(TopologyConflict) as failure:
            app.worker().start(timeout=30.0)
        assert QUEUE in str(failure.value)
        assert "on the broker" in str(failure.value)
        assert "406" not in str(failure.value)


def test_without_applying_a_worker_only_verifies(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, worker=WorkerSettings(apply_topology=False))

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    with pytest.raises(TopologyMissing, match="warren topology apply"):
        app.worker().start(timeout=30.0)
    assert broker.api("GET", f"queues/{{vhost}}/{QUEUE}") is None


def test_a_broker_that_is_not_there_is_unavailable_after_the_timeout() -> None:
    app = Warren("billing", broker="amqp://guest:guest@127.0.0.1:1/%2F")

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    worker = app.worker()
    with pytest.raises(
        BrokerUnavailable, match=r"no broker at amqp://guest:\*\*\*@127.0.0.1:1/%2F within.*nothing listens"
    ):
        worker.start(timeout=0.5)
    worker.close()


# -- rules 28 and 29 ------------------------------------------------------------------------


def test_rule_28_secrets_show_neither_in_logs_nor_events_nor_reprs(
    broker: BrokerUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    # A user of its own, so that the password is one to look for.
    broker.api("PUT", "users/shop", {"password": "s3cret-w0rd", "tags": "administrator"})
    broker.api("PUT", "permissions/{vhost}/shop", {"configure": ".*", "write": ".*", "read": ".*"})
    app = Warren("billing", broker=broker.url.replace("guest:guest", "shop:s3cret-w0rd"))

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated) -> None:
        raise ValueError("failed")

    caplog.set_level(logging.DEBUG)
    log_events(app.events)
    seen = Recorder(app)
    with app.worker() as worker, app:
        app.publish(OrderCreated(order_id=1))
        seen.wait(events.DeadLettered)
        shown = [repr(app), repr(app.broker), str(app.broker), repr(worker), repr(app.publisher())]
    shown += [repr(event) for event in seen.events]
    shown += [
        record.getMessage() + repr(record.__dict__) for record in caplog.records if record.name.startswith("warren")
    ]
    assert len(shown) > 10
    assert not [text for text in shown if "s3cret-w0rd" in text]


def test_rule_29_bodies_are_json_only_and_size_limited_before_parsing(broker: BrokerUnderTest) -> None:
    app = Warren("billing", broker=broker.url, max_body=1_000)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        raise AssertionError("never called")

    with app.worker(), PlainPika(broker.url) as plain:
        # Over the limit and not JSON: it is the size that is told, so nothing was parsed.
        plain.publish("orders", "orders.created", b"{" * 1_001)
        assert "1,001 bytes; the limit is 1,000" in plain.take(f"{QUEUE}.dead").headers["x-warren-dead-error"]
        plain.publish("orders", "orders.created", b"\x80\x04K\x01.", content_type="application/x-python-serialize")
        assert "is not read" in plain.take(f"{QUEUE}.dead").headers["x-warren-dead-error"]
