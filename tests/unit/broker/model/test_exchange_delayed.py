"""The delayed exchange: what waits, for how long, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage, message
from warren.broker.model.delayed import DelayedExchange, WaitingRoom
from warren.broker.node import Node
from warren.broker.protocol import properties
from warren.broker.protocol.fields import Int32
from warren.broker.replies import ChannelClosed
from warren.broker.settings import BrokerConfig
from warren.broker.storage.journal import Journal
from warren.clock import ManualClock


@pytest.fixture
def stage() -> RoutingStage:
    stage = RoutingStage()
    stage.queues("q")
    stage.exchange("d", "x-delayed-message", durable=True, arguments={"x-delayed-type": "topic"})
    stage.bind("d", "q", "a.*")
    return stage


def room(stage: RoutingStage) -> WaitingRoom:
    exchange = stage.vhost.exchange("d")
    assert isinstance(exchange, DelayedExchange)
    return exchange.room


def pass_time(stage: RoutingStage, seconds: float) -> list[str]:
    stage.clock.advance(seconds)
    stage.node.timers.fire()
    return stage.taken()


def test_a_message_is_routed_when_its_delay_is_over(stage: RoutingStage) -> None:
    assert stage.send("d", "a.1", {"x-delay": 5000}) == []
    assert len(room(stage)) == 1
    assert pass_time(stage, 4.9) == []
    assert pass_time(stage, 0.2) == ["q"]
    assert len(room(stage)) == 0


def test_messages_come_in_the_order_of_their_times(stage: RoutingStage) -> None:
    for delay in (3000, 1000, 2000):
        stage.vhost.publish(message("d", "a.1", {"x-delay": delay}, body=str(delay).encode()))
    stage.clock.advance(10)
    stage.node.timers.fire()
    queue = stage.vhost.queues["q"]
    assert [entry.message.body for entry in queue.waiting()] == [b"1000", b"2000", b"3000"]


def test_what_was_delayed_tells_so_with_the_negative_of_its_delay(stage: RoutingStage) -> None:
    stage.vhost.publish(message("d", "a.1", {"x-delay": 5000, "other": "x"}))
    stage.clock.advance(5)
    stage.node.timers.fire()
    waiting = stage.vhost.queues["q"].head().message
    assert properties.headers(waiting.header or b"") == {"x-delay": Int32(-5000), "other": "x"}
    assert waiting.persistent


@pytest.mark.parametrize("delay", [0, -1, "", "soon", True, None, 1 << 32, [5], float("inf")], ids=repr)
def test_what_is_no_delay_delays_nothing(stage: RoutingStage, delay: Any) -> None:
    assert stage.send("d", "a.1", {"x-delay": delay}) == ["q"]
    assert stage.send("d", "a.1") == ["q"]


@pytest.mark.parametrize("delay", ["1500", 1500.9, Int32(1500)], ids=repr)
def test_a_delay_may_be_any_number(stage: RoutingStage, delay: Any) -> None:
    assert stage.send("d", "a.1", {"x-delay": delay}) == []
    assert pass_time(stage, 1.5) == ["q"]


def test_storage_keeps_a_message_that_waits_until_the_queues_have_it(stage: RoutingStage) -> None:
    stage.queues("durable", durable=True)
    stage.bind("d", "durable", "a.#")
    assert stage.vhost.publish(message("d", "a.1", {"x-delay": 1000})) == 1
    assert stage.storage.acknowledged == []
    assert pass_time(stage, 1) == ["durable", "q"]
    assert [queues for _, queues in stage.storage.published] == [("",), ("durable",)]
    assert stage.storage.acknowledged[0] == b"body"


def test_after_a_restart_a_message_waits_for_the_rest_of_its_delay(stage: RoutingStage) -> None:
    stage.queues("durable", durable=True)
    stage.bind("d", "durable", "a.#")
    again = stage.restarted()
    assert room(again).id == room(stage).id
    assert room(again) in list(again.vhost.rooms())
    kept = message("d", "a.1", {"x-delay": 5000})
    room(again).recover(kept, age=3.0, redelivered=False, deliveries=0)
    assert pass_time(again, 1.9) == []
    assert pass_time(again, 0.2) == ["durable"]


def test_a_journal_brings_back_what_waits(tmp_path: Path) -> None:
    clock = ManualClock()

    def start() -> Node:
        # The writer's calls come to nothing: a journal that closes writes all that it was told.
        journal = Journal(tmp_path, clock=clock, call_soon_threadsafe=lambda call: None)
        node = Node(BrokerConfig(), journal, clock)
        node.start()
        return node

    node = start()
    vhost = node.vhosts["/"]
    vhost.declare_exchange("d", "x-delayed-message", durable=True, arguments={"x-delayed-type": "fanout"})
    vhost.declare_queue("q", durable=True)
    vhost.bind("queue", "q", "d", "")
    vhost.publish(message("d", "", {"x-delay": 5000}, body=b"later"))
    node.close()
    clock.advance(3)
    node = start()
    queue = node.vhosts["/"].queues["q"]
    clock.advance(1.9)
    node.timers.fire()
    assert queue.ready_count == 0
    clock.advance(0.2)
    node.timers.fire()
    assert [entry.message.body for entry in queue.waiting()] == [b"later"]
    node.close()
    node = start()
    assert node.vhosts["/"].queues["q"].ready_count == 1
    clock.advance(10)
    node.timers.fire()
    assert node.vhosts["/"].queues["q"].ready_count == 1
    node.close()


def test_what_waits_goes_with_its_exchange(stage: RoutingStage) -> None:
    timers = len(stage.node.timers)
    stage.send("d", "a.1", {"x-delay": 1000})
    stage.vhost.delete_exchange("d")
    assert len(stage.node.timers) == timers
    assert pass_time(stage, 2) == []


def test_a_message_that_waits_is_not_unroutable(stage: RoutingStage) -> None:
    assert stage.vhost.publish(message("d", "nowhere", {"x-delay": 1000})) > 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ({"x-delayed-type": 5}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ({"x-delayed-type": "nosuch"}, "unknown exchange type 'nosuch'"),
        ({"x-delayed-type": "x-delayed-message"}, "Invalid argument, 'x-delayed-type' must not delay itself"),
    ],
)
def test_it_must_delay_another_type(stage: RoutingStage, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ChannelClosed) as caught:
        stage.exchange("e", "x-delayed-message", arguments=arguments)
    assert caught.value.text == f"PRECONDITION_FAILED - {text}"


def test_the_type_behind_it_checks_the_bindings() -> None:
    stage = RoutingStage()
    stage.queues("q")
    stage.exchange("d", "x-delayed-message", arguments={"x-delayed-type": "headers"})
    with pytest.raises(ChannelClosed, match="Invalid x-match field value"):
        stage.bind("d", "q", "", {"x-match": "some"})
