"""A virtual host: queues and their owners, auto-delete exchanges, and what outlives the broker."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage, message
from warren.broker import parameters
from warren.broker.model.names import generated_consumer_tag, generated_queue_name
from warren.broker.model.policy import Policy
from warren.broker.protocol.fields import Int32
from warren.broker.replies import ChannelClosed

LOCKED = (
    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared"
    " on another connection or the exclusive property value does not match that of the original declaration."
)


@pytest.fixture
def stage() -> RoutingStage:
    return RoutingStage()


def refusal(call: Any, *args: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(ChannelClosed) as caught:
        call(*args, **options)
    return caught.value.code, caught.value.text


# -- queues -------------------------------------------------------------------------------


def test_the_broker_makes_names_like_rabbitmq() -> None:
    assert re.fullmatch(r"amq\.gen-[A-Za-z0-9_-]{22}", generated_queue_name())
    assert re.fullmatch(r"amq\.ctag-[A-Za-z0-9_-]{22}", generated_consumer_tag())


def test_a_queue_without_a_name_gets_one(stage: RoutingStage) -> None:
    queue = stage.vhost.declare_queue("")
    assert queue.name.startswith("amq.gen-")
    assert stage.vhost.queue(queue.name, None) is queue


def test_reserved_names_are_refused_even_for_a_queue_that_is_there(stage: RoutingStage) -> None:
    name = stage.vhost.declare_queue("").name
    for one in ("amq.q", name):
        assert refusal(stage.queues, one) == (
            403,
            f"ACCESS_REFUSED - queue name '{one}' contains reserved prefix 'amq.*'",
        )
    assert stage.vhost.declare_queue(name, passive=True).name == name


def test_an_equivalent_declaration_returns_the_queue_there_is(stage: RoutingStage) -> None:
    first = stage.vhost.declare_queue("q", durable=True, arguments={"x-max-length": Int32(5)})
    assert stage.vhost.declare_queue("q", durable=True, arguments={"x-max-length": 5}) is first
    code, text = refusal(stage.queues, "q", arguments={"x-max-length": 5})
    assert (code, text.split(": ")[0]) == (
        406,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/'",
    )


def test_invalid_arguments_make_no_queue(stage: RoutingStage) -> None:
    assert refusal(stage.queues, "q", arguments={"x-queue-type": "nosuch"})[0] == 406
    assert stage.vhost.queues == {}


def test_an_exclusive_queue_is_its_connections_own(stage: RoutingStage) -> None:
    vhost, owner, other = stage.vhost, object(), object()
    queue = vhost.declare_queue("q", exclusive=True, owner=owner)
    assert vhost.declare_queue("q", exclusive=True, owner=owner) is queue
    assert vhost.queue("q", owner) is queue
    for call in (
        lambda: vhost.queue("q", other),
        lambda: vhost.queue("q", None),
        lambda: vhost.declare_queue("q", exclusive=True, owner=other),
        lambda: vhost.declare_queue("q", owner=other),
        lambda: vhost.declare_queue("q", owner=owner),
        lambda: vhost.delete_queue("q", owner=other),
        lambda: vhost.bind("queue", "q", "amq.direct", "k", owner=other),
    ):
        assert refusal(call) == (405, LOCKED)
    vhost.bind("queue", "q", "amq.direct", "k", owner=owner)
    assert refusal(vhost.unbind, "queue", "q", "amq.direct", "k", owner=other) == (405, LOCKED)
    vhost.unbind("queue", "q", "amq.direct", "another", owner=other)  # there is none
    assert stage.send("amq.direct", "k") == ["q"]
    vhost.unbind("queue", "q", "amq.direct", "k", owner=owner)
    assert stage.send("amq.direct", "k") == []


def test_a_shared_queue_can_not_be_declared_as_ones_own(stage: RoutingStage) -> None:
    stage.queues("q")
    assert refusal(stage.vhost.declare_queue, "q", exclusive=True, owner=object()) == (405, LOCKED)


def test_a_queue_that_is_not_there(stage: RoutingStage) -> None:
    assert refusal(stage.vhost.queue, "q", None) == (404, "NOT_FOUND - no queue 'q' in vhost '/'")
    assert stage.vhost.delete_queue("q", if_unused=True, if_empty=True) == 0


def test_deleting_a_queue_counts_what_waited_and_takes_its_bindings(stage: RoutingStage) -> None:
    stage.queues("q", durable=True)
    stage.bind("amq.fanout", "q")
    stage.vhost.publish(message("", "q"))
    assert refusal(stage.vhost.delete_queue, "q", if_empty=True) == (
        406,
        "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty",
    )
    assert stage.vhost.delete_queue("q", if_unused=True) == 1
    assert len(stage.vhost.bindings) == 0
    assert stage.kept("queue") == stage.kept("binding") == []


def test_a_virtual_host_may_limit_its_queues(stage: RoutingStage) -> None:
    stage.queues("q")
    parameters.put(stage.node, ("/", *parameters.LIMITS), {"max-queues": 1})
    stage.queues("q")
    assert refusal(stage.queues, "more") == (
        406,
        "PRECONDITION_FAILED - cannot declare queue 'more': queue limit in vhost '/' (1) is reached",
    )


# -- auto-delete exchanges ----------------------------------------------------------------


def test_an_auto_delete_exchange_goes_with_its_last_binding(stage: RoutingStage) -> None:
    stage.queues("a", "b")
    stage.exchange("e", "fanout", auto_delete=True, durable=True)
    stage.unbind("e", "a")
    for name in ("a", "b"):
        stage.bind("e", name)
    stage.unbind("e", "a")
    assert "e" in stage.vhost.exchanges
    stage.vhost.delete_queue("b")
    assert "e" not in stage.vhost.exchanges
    assert stage.kept("exchange") == []


def test_auto_delete_exchanges_go_one_after_the_other(stage: RoutingStage) -> None:
    for name in ("first", "second", "third"):
        stage.exchange(name, "fanout", auto_delete=True)
    stage.queues("q")
    stage.chain("first", "second")
    stage.chain("second", "third")
    stage.bind("third", "q")
    stage.vhost.delete_queue("q")
    assert not {"first", "second", "third"} & stage.vhost.exchanges.keys()
    assert len(stage.vhost.bindings) == 0


def test_an_auto_delete_exchange_stays_when_it_is_only_led_to(stage: RoutingStage) -> None:
    stage.exchange("e", "fanout", auto_delete=True)
    stage.chain("amq.fanout", "e")
    stage.vhost.unbind("exchange", "e", "amq.fanout", "")
    assert "e" in stage.vhost.exchanges


def test_auto_delete_exchanges_in_a_circle_go_too(stage: RoutingStage) -> None:
    for name in ("x", "y"):
        stage.exchange(name, "fanout", auto_delete=True)
    stage.chain("x", "y")
    stage.chain("y", "x")
    stage.vhost.unbind("exchange", "y", "x", "")
    assert not {"x", "y"} & stage.vhost.exchanges.keys()


# -- what outlives the broker -------------------------------------------------------------


def test_what_is_durable_comes_back_as_it_was(stage: RoutingStage) -> None:
    stage.exchange("e", "headers", durable=True, internal=True, arguments={"alternate-exchange": "amq.fanout"})
    stage.queues("q", durable=True, arguments={"x-max-length": Int32(5)})
    stage.bind("e", "q", "k", {"a": Int32(1)})
    stage.chain("amq.fanout", "e", "k")
    stage.vhost.set_policy(Policy(name="p", pattern="q", definition={"max-length": 3}, apply_to="queues"))
    stage.vhost.set_policy(Policy(name="o", pattern="q", definition={"max-length": 2}), operator=True)
    again = stage.restarted()
    exchange, queue = again.vhost.exchange("e"), again.vhost.queue("q", None)
    assert (exchange.type, exchange.internal, exchange.alternate) == ("headers", True, "amq.fanout")
    assert (queue.id, queue.durable) == (stage.vhost.queues["q"].id, True)
    assert queue.settings.max_length == 2
    assert again.send("e", "", {"a": 1}) == ["q"]
    assert again.send("amq.fanout", "", {"a": 1}) == ["q"]
    assert again.storage.kept == stage.storage.kept


def test_what_is_not_durable_is_not_kept(stage: RoutingStage) -> None:
    stage.exchange("transient", "fanout")
    stage.exchange("durable", "fanout", durable=True)
    stage.queues("transient")
    stage.queues("durable", durable=True)
    stage.vhost.declare_queue("own", durable=True, exclusive=True, owner=self_made_owner)
    for exchange in ("transient", "durable"):
        for queue in ("transient", "durable"):
            stage.bind(exchange, queue)
    stage.vhost.bind("queue", "own", "durable", "", owner=self_made_owner)
    stage.chain("durable", "transient")
    assert stage.kept("exchange") == [("durable",)]
    assert stage.kept("queue") == [("durable",)]
    assert stage.kept("binding") == [("durable", "queue", "durable", "", "")]


self_made_owner = object()


def test_what_is_removed_is_forgotten(stage: RoutingStage) -> None:
    before = dict(stage.storage.kept)
    stage.exchange("e", "topic", durable=True)
    stage.queues("q", durable=True)
    stage.bind("e", "q", "k")
    stage.bind("e", "q", "k2")
    stage.vhost.set_policy(Policy(name="p", pattern="q", definition={"max-length": 3}))
    stage.unbind("e", "q", "k2")
    stage.vhost.delete_queue("q")
    stage.vhost.delete_exchange("e")
    stage.vhost.delete_policy("p")
    assert stage.storage.kept == before


def test_a_deleted_virtual_host_leaves_nothing(stage: RoutingStage) -> None:
    vhost = stage.node.add_vhost("other")
    vhost.declare_exchange("e", "fanout", durable=True, auto_delete=True)
    vhost.declare_queue("q", durable=True)
    vhost.bind("queue", "q", "e", "")
    vhost.set_policy(Policy(name="p", pattern="q", definition={"max-length": 3}), operator=True)
    stage.node.delete_vhost("other")
    assert [key for _, key in stage.storage.kept if key[0] == "other"] == []
