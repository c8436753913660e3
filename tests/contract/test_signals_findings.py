"""Each finding, provoked on a real broker and seen through the collector, as `warren signals` sees it.

Not here: the rules beside their thresholds (tests/unit/signals), and the command (tests/acceptance).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import BrokerUnderTest
from tests.support.diagnosing import Requeues, diagnosed, found, in_background, metrics_of, wait_counted
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren import Exchange, Message, Permanent, Retry, Transient, Warren
from warren.contracts.headers import SENT_AT
from warren.signals.findings import DEFAULT_THRESHOLDS, FindingId, Severity

QUEUE = "billing.invoices"
DEAD = f"{QUEUE}.dead"
orders = Exchange("orders", "topic")


class OrderCreated(Message, type="orders.created", exchange=orders, routing_key="orders.created"):
    order_id: int


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def billing(broker: BrokerUnderTest, handler: Callable[[OrderCreated], None], **options: Any) -> Warren:
    app = Warren("billing", broker=f"{broker.url}?management={broker.management_url}")

    @app.consumer(QUEUE, OrderCreated, **options)
    def handle(order: OrderCreated) -> None:
        handler(order)

    return app


def publish_orders(app: Warren, ids: range) -> None:
    for order_id in ids:
        app.publish(OrderCreated(order_id=order_id))


def flow(plain_ids: list[int]) -> Callable[[Any], None]:
    """Publish an order a call, from 100 on."""

    def step(channel: Any) -> None:
        plain_ids.append(len(plain_ids) + 100)
        channel.basic_publish("orders", "orders.created", b'{"order_id": %d}' % plain_ids[-1])

    return step


# -- poison -----------------------------------------------------------------------------------


def test_a_message_that_is_given_back_again_and_again_is_poison_with_the_type_as_fingerprint(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE, **{"x-queue-type": "classic"})
    for number in range(20):
        plain.publish("", QUEUE, b"{}", message_id=str(number), type="orders.paid" if number else "orders.created")
    with in_background(broker.url, Requeues(QUEUE, "0"), every=0.01):
        finding = found(broker, FindingId.POISON, queue=QUEUE)
    assert finding.severity is Severity.CRITICAL
    assert finding.fingerprint == "redelivered@orders.created"
    assert finding.command == f"warren inspect {QUEUE} --limit 5"
    plain.wait_depth(QUEUE, 20)  # nothing is lost, and nothing doubled


def test_a_message_that_a_quorum_queue_gives_up_is_poison(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare(DEAD, **{"x-delivery-limit": 2**31 - 1})
    plain.declare(QUEUE, **{"x-delivery-limit": 5, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD})
    wait_counted(broker, QUEUE, DEAD)
    with in_background(broker.url, Requeues(QUEUE, "0"), every=0.01), diagnosed(broker) as diagnose_now:
        wait_until(lambda: diagnose_now() is not None, interval=0.5)
        plain.publish("", QUEUE, b"{}", message_id="0", type="orders.created")
        findings = wait_until(
            lambda: [one for one in diagnose_now() or () if one.id is FindingId.POISON], timeout=40.0, interval=0.5
        )
    assert findings[0].fingerprint == f"delivery_limit@{QUEUE}"
    assert findings[0].command == f"warren inspect {DEAD} --group"


def test_a_message_whose_handler_keeps_failing_is_poison_with_the_fingerprint_of_the_failure(
    broker: BrokerUnderTest,
) -> None:
    def handler(order: OrderCreated) -> None:
        if order.order_id == 0:
            raise ValueError("order 0 never works")

    app = billing(broker, handler, retry=Retry("100ms", attempts=10_000))
    with metrics_of(app) as metrics, app, app.worker():
        publish_orders(app, range(1))
        with in_background(broker.url, flow([]), every=0.02):
            finding = found(broker, FindingId.POISON, queue=QUEUE, metrics=(metrics,))
    assert finding.fingerprint is not None
    assert finding.fingerprint.startswith("ValueError@contract/test_signals_findings.py:")
    assert any("the depth" in line for line in finding.evidence)


# -- consumers --------------------------------------------------------------------------------


def test_consumers_that_hold_all_they_may_and_acknowledge_nothing_have_stalled(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE)
    for number in range(10):
        plain.publish("", QUEUE, b"{}", message_id=str(number))
    plain.channel.basic_qos(prefetch_count=5)
    plain.channel.basic_consume(QUEUE, lambda *_: None)
    finding = found(broker, FindingId.STALLED, queue=QUEUE)
    assert finding.severity is Severity.CRITICAL
    assert any("5 messages held by 1 consumer" in line for line in finding.evidence)


def test_a_queue_that_nobody_reads_has_no_consumers(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare(QUEUE)
    plain.publish("", QUEUE, b"{}")
    finding = found(broker, FindingId.NO_CONSUMERS, queue=QUEUE)
    assert finding.severity is Severity.CRITICAL


def test_a_queue_that_gets_more_than_its_consumer_settles_falls_behind(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare(QUEUE)

    def publish(channel: Any) -> None:
        for _ in range(10):
            channel.basic_publish("", QUEUE, b"{}")

    def consume(channel: Any) -> None:
        method, _, _ = channel.basic_get(QUEUE)
        if method is not None:
            channel.basic_ack(method.delivery_tag)

    plain.channel.basic_qos(prefetch_count=1)
    plain.channel.basic_consume(QUEUE, lambda *_: None)  # there is a consumer, though it works elsewhere
    with in_background(broker.url, publish, every=0.1), in_background(broker.url, consume, every=0.1):
        finding = found(broker, FindingId.FALLING_BEHIND, queue=QUEUE)
    assert finding.severity is Severity.WARNING


def test_a_worker_all_of_whose_messages_fail_makes_a_retry_storm(broker: BrokerUnderTest) -> None:
    def handler(order: OrderCreated) -> None:
        raise Transient(f"the database is down, order {order.order_id}")

    app = billing(broker, handler, retry=Retry("200ms", attempts=10_000))
    with metrics_of(app) as metrics, app, app.worker():
        publish_orders(app, range(30))
        finding = found(broker, FindingId.RETRY_STORM, queue=QUEUE, metrics=(metrics,))
        without = found(broker, FindingId.RETRY_STORM, queue=QUEUE)
    assert finding.severity is Severity.CRITICAL
    assert finding.fingerprint is not None
    assert finding.fingerprint.startswith("Transient@contract/test_signals_findings.py:")
    assert without.fingerprint is None  # only workers tell of retries why


def test_a_handler_that_does_not_return_risks_the_consumer_timeout(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker(config={"consumer_timeout": "20000"})
    going_on = threading.Event()

    def handler(order: OrderCreated) -> None:
        if order.order_id == 0:
            going_on.wait(60.0)

    app = billing(broker, handler, time_limit=None)
    thresholds = replace(DEFAULT_THRESHOLDS, consumer_timeout=20.0)  # RabbitMQ 3.10 does not tell
    try:
        with metrics_of(app) as metrics, app, app.worker():
            publish_orders(app, range(1))
            with in_background(broker.url, flow([]), every=0.1):
                finding = found(broker, FindingId.TIMEOUT_RISK, queue=QUEUE, thresholds=thresholds, metrics=(metrics,))
            going_on.set()
    finally:
        going_on.set()
    assert any("as its worker says" in line for line in finding.evidence)


def test_a_message_from_the_future_shows_that_clocks_differ(broker: BrokerUnderTest, plain: PlainPika) -> None:
    app = billing(broker, lambda order: None)
    with metrics_of(app) as metrics, app, app.worker():
        app.apply_topology()
        plain.publish(
            "orders",
            "orders.created",
            b'{"order_id": 1}',
            message_id="1",
            headers={SENT_AT: int((time.time() + 3600) * 1000)},
        )
        finding = found(broker, FindingId.CLOCK_SKEW, queue=QUEUE, metrics=(metrics,))
    assert finding.severity is Severity.WARNING


# -- dead letters -----------------------------------------------------------------------------


def test_dead_letters_that_come_are_told_of_with_what_they_died_of(broker: BrokerUnderTest) -> None:
    def handler(order: OrderCreated) -> None:
        raise Permanent(f"there is no customer for order {order.order_id}")

    app = billing(broker, handler)
    with app, app.worker(), in_background(broker.url, flow([]), every=0.2):
        finding = found(broker, FindingId.DEAD_LETTERS_GROWING, queue=QUEUE)
    assert finding.fingerprint is not None
    assert finding.fingerprint.startswith("Permanent@contract/test_signals_findings.py:")
    assert finding.command == f"warren inspect {DEAD} --group"


def test_dead_letters_whose_queue_does_not_exist_are_lost(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare(QUEUE, **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD})

    def publish_and_reject(channel: Any) -> None:
        channel.basic_publish("", QUEUE, b"{}")
        method, _, _ = channel.basic_get(QUEUE)
        if method is not None:
            channel.basic_nack(method.delivery_tag, requeue=False)

    with in_background(broker.url, publish_and_reject, every=0.05):
        finding = found(broker, FindingId.DEAD_LETTERS_LOST, queue=QUEUE, window=8.0)
    assert finding.severity is Severity.CRITICAL
    assert any(DEAD in line for line in finding.evidence)


# -- the broker -------------------------------------------------------------------------------


def test_a_memory_alarm_blocks_publishers(private_broker: Callable[..., BrokerUnderTest]) -> None:
    broker = private_broker()
    broker.run_out_of_memory()
    finding = found(broker, FindingId.BLOCKED)
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[0].startswith("the memory alarm is raised")
    broker.have_memory_again()
    with diagnosed(broker) as diagnose_now:
        wait_until(lambda: diagnose_now() == (), timeout=30.0, interval=0.5)
