"""Facts for unit tests of doctor: an application, and a broker that has what it needs unless a test says otherwise.

Not here: real brokers (tests/contract/test_doctor.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from warren import Exchange, Message, Queue, Retry, Warren
from warren.config import BrokerSettings, WorkerSettings
from warren.doctor.facts import Code, Facts, Live, Runtime
from warren.doctor.findings import Finding
from warren.management.nodes import Node
from warren.management.queues import QueueStatistics
from warren.management.setup import QueuePlace
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.arguments import exchange_arguments, queue_arguments
from warren.topology.model import Topology

NOW = 1_780_000_000.0

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


def code(
    queue: Queue | str = "q", *, settings: WorkerSettings | None = None, published: bool = True, **options: Any
) -> Code:
    """Return the code of an application with one consumer."""
    app = Warren("shop")

    @app.consumer(queue, OrderCreated, **{"retry": Retry("1s"), "time_limit": 60, **options})
    def handle(order: OrderCreated) -> None: ...

    return Code(
        name="shop",
        topology=app.topology,
        consumers=app.consumers,
        published=frozenset({"orders"} if published else ()),
        settings=settings or WorkerSettings(),
    )


def actual(topology: Topology) -> Actual:
    """Return a broker that has exactly a topology."""
    return Actual.of(
        [
            ActualExchange(name=one.name, type=str(one.type), durable=one.durable, arguments=exchange_arguments(one))
            for one in topology.exchanges
        ],
        [
            ActualQueue(name=one.name, type=str(one.type), durable=one.durable, arguments=queue_arguments(one))
            for one in topology.queues
        ],
        topology.bindings,
    )


def node(name: str = "rabbit@a", **told: Any) -> Node:
    """Return a node that has enough of everything."""
    usual = {
        "is_running": True,
        "memory_alarm": False,
        "memory_used": 1_000_000_000,
        "memory_limit": 8_000_000_000,
        "disk_alarm": False,
        "disk_free": 100_000_000_000,
        "disk_limit": 8_000_000_000,
        "files_used": 10,
        "files_limit": 20_000,
    }
    return Node(name=name, **{**usual, **told})


def facts(application: Code | None = None, **told: Any) -> Facts:
    """Return facts of which nothing is wrong; `told` replaces fields of `Facts`, and of `Live` where that has them."""
    live_fields = set(Live.__dataclass_fields__)
    there = actual(application.topology) if application else Actual.of()
    live = Live(
        version="4.0.5",
        actual=there,
        queues={name: QueueStatistics(name=name) for name in there.queues},
        places={
            name: QueuePlace(name=name, leader="rabbit@a", members=("rabbit@a",), online=("rabbit@a",))
            for name in there.queues
        },
        nodes=(node(),),
    )
    live = replace(live, **{name: value for name, value in told.items() if name in live_fields})
    usual = {
        "now": NOW,
        "runtime": Runtime((3, 12, 1), (1, 4, 0)),
        "broker": BrokerSettings.parse("amqp://shop:secret@localhost/"),
        "code": application,
        "live": live,
    }
    return Facts(**{**usual, **{name: value for name, value in told.items() if name not in live_fields}})


def with_queue(before: Facts, name: str, **changed: Any) -> Facts:
    """Return the facts with one queue of the broker changed, or added; `without=True` removes it."""
    assert before.live is not None
    queues = dict(before.live.actual.queues)
    if changed.pop("without", False):
        del queues[name]
    else:
        queues[name] = replace(queues.get(name, ActualQueue(name=name, type="quorum")), **changed)
    there = Actual(before.live.actual.exchanges, queues, before.live.actual.bindings)
    return replace(before, live=replace(before.live, actual=there))


def ids(check: Callable[[Facts], Iterator[Finding]], about: Facts) -> set[tuple[str, str]]:
    """Return id and subject of what a check finds."""
    return {(one.id.value, one.subject) for one in check(about)}
