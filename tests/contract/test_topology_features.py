"""What exchanges and queues of each kind do on real brokers, declared as Warren declares them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika.exceptions
import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.declaring import TopologyUnderTest, topology_of
from tests.support.plain import PlainPika
from warren.errors import TopologyMissing
from warren.topology import Exchange, Headers, Match, Queue, Topology, consumer_topology


@contextmanager
def on(broker: BrokerUnderTest) -> Iterator[tuple[TopologyUnderTest, PlainPika]]:
    with topology_of(broker) as topology, PlainPika(broker.url) as plain:
        plain.channel.confirm_delivery()
        yield topology, plain


def is_routed(plain: PlainPika, exchange: str, routing_key: str, headers: dict[str, Any] | None = None) -> bool:
    """Publish mandatory, and tell whether some queue took it."""
    try:
        plain.channel.basic_publish(exchange, routing_key, b"", pika.BasicProperties(headers=headers), mandatory=True)
    except pika.exceptions.UnroutableError:
        return False
    return True


ALL: Match = Headers(all_={"region": "eu", "rush": True})
ANY: Match = Headers(any_={"region": "eu", "weight": 5})


@pytest.mark.parametrize(
    ("match", "headers", "expected"),
    [
        (ALL, {"region": "eu", "rush": True}, True),
        (ALL, {"region": "eu", "rush": True, "more": 1}, True),
        (ALL, {"region": "eu"}, False),
        (ALL, {"region": "eu", "rush": False}, False),
        (ALL, {"region": "eu", "rush": 1}, False),
        (ANY, {"region": "eu"}, True),
        (ANY, {"weight": 5, "region": "us"}, True),
        (ANY, {"region": "us"}, False),
        (ANY, {}, False),
        (Headers(all_={"region": None}), {"region": "anything"}, True),
        (Headers(all_={"region": None}), {}, False),
        (Headers(all_={"x-tenant": "acme"}), {"x-tenant": "acme"}, True),
        (Headers(all_={"x-tenant": "acme"}), {"x-tenant": "other"}, False),
        (Headers(all_={"x-tenant": "acme"}), {}, False),
        (Headers(any_={"x-tenant": "acme", "region": "eu"}), {"x-tenant": "acme"}, True),
    ],
)
def test_a_headers_exchange_routes_by_all_or_any_headers(
    broker: BrokerUnderTest, match: Match, headers: dict[str, Any], expected: bool
) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work"), bindings=[(Exchange("crm", "headers"), match)]))
        assert is_routed(plain, "crm", "", headers) is expected


@pytest.mark.parametrize(
    ("kind", "bound", "published", "expected"),
    [
        ("direct", "orders.created", "orders.created", True),
        ("direct", "orders.created", "orders.paid", False),
        ("topic", "orders.*", "orders.created", True),
        ("topic", "orders.*", "orders.eu.created", False),
        ("topic", "orders.#", "orders.eu.created", True),
        ("fanout", "", "whatever", True),
    ],
)
def test_each_kind_of_exchange_routes_by_its_rule(
    broker: BrokerUnderTest, kind: Any, bound: str, published: str, expected: bool
) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work"), bindings=[(Exchange("orders", kind), bound)]))
        assert is_routed(plain, "orders", published) is expected


def test_an_exchange_bound_to_another_receives_what_its_pattern_asks(broker: BrokerUnderTest) -> None:
    orders = Exchange("orders", "topic")
    audit = Exchange("audit", "fanout", bindings=[(orders, "orders.#")])
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("log"), bindings=[(audit, "")]))
        assert is_routed(plain, "orders", "orders.eu.created")
        assert not is_routed(plain, "orders", "refunds")
        plain.wait_depth("log", 1)


def test_the_alternate_exchange_receives_what_nobody_wants(broker: BrokerUnderTest) -> None:
    unrouted = Exchange("unrouted", "fanout")
    orders = Exchange("orders", "topic", alternate=unrouted)
    with on(broker) as (topology, plain):
        topology.apply(
            consumer_topology(Queue("work"), bindings=[(orders, "orders.*")])
            | consumer_topology(Queue("lost-property"), bindings=[(unrouted, "")])
        )
        assert is_routed(plain, "orders", "refunds")
        plain.wait_depth("lost-property", 1)
        assert is_routed(plain, "orders", "orders.created")
        plain.wait_depth("work", 1)
        assert plain.depth("lost-property") == 1


def test_an_internal_exchange_cannot_be_published_to(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        topology.apply(Topology.of(Exchange("inner", "fanout", internal=True)))
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            is_routed(plain, "inner", "")


def test_a_classic_queue_with_priorities_delivers_the_higher_first(broker: BrokerUnderTest) -> None:
    with on(broker) as (topology, plain):
        topology.apply(consumer_topology(Queue("work", type="classic", priorities=10)))
        for priority in (1, 9, 5, 0):
            plain.publish("", "work", b"%d" % priority, priority=priority)
        plain.wait_depth("work", 4)
        assert [message.body for message in plain.drain("work")] == [b"9", b"5", b"1", b"0"]


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_a_single_active_consumer_gets_everything_until_it_leaves(broker: BrokerUnderTest, kind: Any) -> None:
    with on(broker) as (topology, plain), PlainPika(broker.url) as other:
        topology.apply(consumer_topology(Queue("work", type=kind, single_active_consumer=True)))
        received: list[str] = []
        for consumer, name in ((plain, "first"), (other, "second")):
            consumer.channel.basic_consume(
                "work", lambda *_, name=name: received.append(name), auto_ack=True, consumer_tag=name
            )

        def have_received(count: int) -> bool:
            for consumer in (plain, other):
                consumer.connection.process_data_events(time_limit=0.01)
            return len(received) == count

        for _ in range(4):
            plain.publish("", "work", b"", delivery_mode=2)
        wait_until(lambda: have_received(4), message=lambda: str(received))
        plain.channel.basic_cancel("first")
        for _ in range(4):
            plain.publish("", "work", b"", delivery_mode=2)
        wait_until(lambda: have_received(8), message=lambda: str(received))
        assert received == ["first"] * 4 + ["second"] * 4


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_a_queue_that_expires_is_deleted_once_unused(broker: BrokerUnderTest, kind: Any) -> None:
    with on(broker) as (topology, _plain):
        consumer = consumer_topology(Queue("work", type=kind, expires="2500ms"))
        topology.apply(consumer)

        def is_gone() -> bool:
            return "work" not in topology.read().queues

        wait_until(is_gone, message="the queue expired")
        # Its dead-letter queue stays.
        topology.declarer.check_queue("work.dead")
        with pytest.raises(TopologyMissing):
            topology.declarer.check_queue("work")
