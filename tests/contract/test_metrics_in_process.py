"""`app.collect_metrics()`: the metrics of a worker in this process, on every broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from tests.support import BrokerUnderTest, wait_until
from tests.support.metrics import Scrape
from warren import Exchange, Message, Permanent, Retry, Transient, Warren

orders = Exchange("orders", "topic")
INVOICES = {"queue": "billing.invoices", "consumer": "billing.invoices"}


class OrderCreated(Message, type="orders.created", exchange=orders, routing_key="orders.created"):
    order_id: int
    fails: str = ""


class Metered:
    """An application with metrics in a registry of its own."""

    def __init__(self, broker: BrokerUnderTest) -> None:
        self.app = Warren("billing", broker=broker.url, store="memory://", version="abc")
        self.registry = CollectorRegistry()
        self.app.collect_metrics(self.registry)
        self.app.collect_metrics(self.registry)  # once more changes nothing

        @self.app.consumer("billing.invoices", OrderCreated, retry=Retry("100ms"), idempotent=True)
        def send_invoice(order: OrderCreated) -> None:
            if order.fails == "always":
                raise Permanent("no")
            if order.fails:
                raise Transient("not yet")

    def wait(self, count: int, **labels: str) -> Scrape:
        def settled() -> bool:
            return self.scrape().get("warren_settled_total", **INVOICES, **labels) == count

        wait_until(settled, timeout=20.0, message=lambda: self.scrape().text)
        return self.scrape()

    def scrape(self) -> Scrape:
        return Scrape.of(self.registry)


@pytest.fixture
def metered(broker: BrokerUnderTest) -> Iterator[Metered]:
    metered = Metered(broker)
    with metered.app:
        yield metered


def test_what_a_worker_does_shows_at_the_next_scrape(metered: Metered) -> None:
    with metered.app.worker():
        for number in range(5):
            metered.app.publish(OrderCreated(order_id=number))
        metered.app.publish(OrderCreated(order_id=6), message_id="twice")
        metered.wait(6, outcome="ack")
        metered.app.publish(OrderCreated(order_id=6), message_id="twice")
        metered.app.publish(OrderCreated(order_id=7, fails="always"))
        metered.app.publish(OrderCreated(order_id=8, fails="twice"))
        metered.wait(1, outcome="duplicate")
        seen = metered.wait(2, outcome="dead_letter")
        assert seen.get("warren_settled_total", **INVOICES, outcome="retry") == 1
        assert seen.get("warren_failures_total", **INVOICES, classification="transient") == 1
        assert seen.get("warren_failures_total", **INVOICES, classification="exhausted") == 1
        assert seen.get("warren_dead_letters_total", **INVOICES, reason="permanent") == 1
        assert seen.get("warren_published_total", exchange="orders", outcome="confirmed") == 9
        assert seen.get("warren_published_total", exchange="", message_type="orders.created") == 3
        wait_until(lambda: metered.scrape().get("warren_subscribed", **INVOICES) == 1)
        assert seen.get("warren_worker_info", application="billing", code_version="abc") == 1
    assert metered.scrape().get("warren_subscribed", **INVOICES) == 0


def test_a_publish_that_reaches_no_queue_is_counted_as_returned(metered: Metered) -> None:
    metered.app.apply_topology()
    with pytest.raises(Exception, match="reached no queue"):
        metered.app.publish(OrderCreated(order_id=1), routing_key="orders.unheard")
    assert metered.scrape().get("warren_published_total", exchange="orders", outcome="returned") == 1
