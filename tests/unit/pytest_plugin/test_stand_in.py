"""What stands in for other services in a test, without a broker.

Not here: whether a broker takes it.
"""

from __future__ import annotations

from warren import Exchange, Headers, Message, Queue, Warren
from warren.integrations.pytest_plugin.stand_in import OTHERS, with_others
from warren.topology.model import Topology

orders = Exchange("orders", "topic")
theirs = Exchange("theirs", "fanout", external=True)
sorted_ = Exchange("sorted", "headers")


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int


class InvoiceSent(Message, exchange=orders, routing_key="invoices.sent", version=1):
    order_id: int


class Announced(Message, exchange=theirs, routing_key="announced", version=1):
    order_id: int


class Sorted(Message, exchange=sorted_, routing_key="sorted", version=1, headers={"kind": "a"}):
    order_id: int


class Direct(Message, routing_key="mails", version=1):
    order_id: int


class ByName(Message, exchange="somebody.s", routing_key="x", version=1):
    order_id: int


def whole(app: Warren, *published: type[Message]) -> Topology:
    return with_others(app.topology, published)


def test_what_others_consume_has_a_place_to_go() -> None:
    found = whole(Warren("billing"), InvoiceSent)
    assert [(one.source, one.routing_key, one.destination) for one in found.bindings] == [
        ("orders", "invoices.sent", OTHERS)
    ]
    assert [queue.name for queue in found.queues] == [OTHERS]


def test_a_message_to_a_queue_has_that_queue() -> None:
    assert [queue.name for queue in whole(Warren("billing"), Direct).queues] == ["mails"]


def test_a_headers_exchange_is_bound_for_every_message() -> None:
    [binding] = whole(Warren("billing"), Sorted).bindings
    assert dict(binding.arguments) == Headers(any_={"x-warren-version": None}).arguments


def test_what_is_external_is_made() -> None:
    app = Warren("billing")

    @app.consumer(Queue("legacy", external=True), Announced, bind=())
    def handle(message: Announced) -> None: ...

    found = whole(app)
    assert not any(one.external for one in (*found.queues, *found.exchanges))
    assert "theirs" in {one.name for one in found.exchanges}
    assert "legacy.dead" in {one.name for one in found.queues}


def test_an_exchange_of_a_kind_that_is_not_known_is_left_out() -> None:
    assert whole(Warren("billing"), ByName) == Topology()
