"""What the pages read of real brokers on demand: what leads to a queue, who consumes it, and what refuses to tell.

Not here: how seldom that is read (tests/unit/dashboard/test_reads.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import url_with_management
from tests.support.plain import PlainPika
from warren import Exchange, Message, Retry, Warren
from warren.config import BrokerSettings
from warren.dashboard.reads import Answer, Reads
from warren.dashboard.route import Reason, as_declared, route_of
from warren.signals.collect import Collector

QUEUE = "billing.invoices"


class OrderCreated(Message, exchange=Exchange("orders", "topic"), routing_key="orders.created", version=1):
    order_id: int


def billing(broker: BrokerUnderTest) -> Warren:
    app = Warren("billing", broker=url_with_management(broker))

    @app.consumer(QUEUE, OrderCreated, retry=Retry("1s"), prefetch=7)
    def handle(order: OrderCreated) -> None:
        """Do nothing."""

    return app


@contextmanager
def reading(settings: BrokerSettings) -> Iterator[Reads]:
    reads = Reads.of(settings, interval=0.2, timeout=10.0)
    reads.start()
    try:
        yield reads
    finally:
        reads.stop()


def settings(broker: BrokerUnderTest) -> BrokerSettings:
    return BrokerSettings.parse(url_with_management(broker))


def told(look: Callable[[], Answer[Any]]) -> Answer[Any]:
    wait_until(lambda: not look().is_awaited)
    return look()


def test_what_the_broker_has_is_what_the_application_declares(broker: BrokerUnderTest) -> None:
    app = billing(broker)
    with app, app.worker(), reading(settings(broker)) as reads:

        def found() -> bool:
            actual = reads.topology().value
            return actual is not None and route_of(QUEUE, actual, as_declared(app.topology)) == route_of(
                QUEUE, None, as_declared(app.topology)
            )

        wait_until(found, message="the same route by both accounts")
        route = route_of(QUEUE, reads.topology().value)
        assert route is not None
        assert [(way.source.name, way.keys) for way in route.into] == [("orders", ("orders.created",))]
        assert [(tier.name, tier.delay) for tier in route.tiers] == [(f"{QUEUE}.retry.1s", 1.0)]
        assert [(way.target.name, way.reason) for way in route.out] == [(f"{QUEUE}.dead", Reason.DEAD_LETTER)]


def test_a_consumer_is_told_with_its_connection_by_the_name_its_program_gave_it(broker: BrokerUnderTest) -> None:
    app = billing(broker)
    with app, app.worker(), reading(settings(broker)) as reads, Collector(settings(broker)) as collector:
        (consumer,) = wait_until(lambda: collector.sample().subscribed)
        assert (consumer.prefetch, consumer.needs_acks, consumer.is_active, consumer.user) == (7, True, True, "guest")
        wait_until(lambda: (reads.connection_names().value or {}).get(consumer.connection or "") == "billing consume")


def test_one_without_rights_to_the_management_api_is_refused_and_told_so(broker: BrokerUnderTest) -> None:
    broker.api("PUT", "users/only-amqp", {"password": "only-amqp", "tags": ""})
    broker.api("PUT", "permissions/{vhost}/only-amqp", {"configure": ".*", "write": ".*", "read": ".*"})
    management = broker.management_url.replace("guest:guest@", "")
    only_amqp = replace(settings(broker), user="only-amqp", password="only-amqp", management=management)
    with reading(only_amqp) as reads:
        refused = told(reads.topology)
    assert (refused.value, refused.is_refused) == (None, True)
    assert "only-amqp" in refused.problem
    assert "password" not in refused.problem


def test_a_broker_without_a_management_api_is_told_as_such(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain, reading(BrokerSettings.parse(broker.url)) as reads:
        plain.declare(QUEUE)
        away = told(reads.topology)
    assert (away.value, away.is_refused) == (None, False)
    assert "add ?management=" in away.problem
