"""Plans against real brokers: a plan finds exactly what the broker would refuse, and applying leaves nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.broker import management_call
from tests.support.declaring import TopologyUnderTest, topology_of
from tests.support.plain import PlainPika
from warren.errors import TopologyConflict, TopologyMissing
from warren.topology import (
    Binding,
    DestinationKind,
    Exchange,
    Headers,
    Queue,
    Topology,
    consumer_topology,
    queue_arguments,
)
from warren.topology.apply import apply, verify
from warren.topology.notes import ExternalWithoutDeadLetter, NotInCode, PolicyApplies
from warren.topology.plan import Plan, plan
from warren.topology.survey import survey

orders = Exchange("orders", "topic")


@pytest.fixture
def topology(broker: BrokerUnderTest) -> Iterator[TopologyUnderTest]:
    with topology_of(broker) as under_test:
        yield under_test


# Names with what URLs and JSON find difficult.
everything = (
    consumer_topology(
        Queue("a/b ü%", single_active_consumer=True, message_ttl="1m", max_length=10, max_length_bytes=10_000),
        bindings=[
            (orders, "orders.*"),
            (Exchange("crm", "headers"), Headers(all_={"n": 1, "b": True, "s": "x/ü", "there": None, "x-t": "acme"})),
            (orders, "ü/%.#"),
        ],
        delays=["500ms", "1m"],
    )
    | consumer_topology(
        Queue("fast", type="classic", priorities=5, expires="1h", max_length=5, overflow="reject-publish-dlx"),
        bindings=[(Exchange("news", "fanout"), "")],
    )
    | consumer_topology(Queue("limited", delivery_limit=7, max_length=5, overflow="drop-head"))
    | consumer_topology(Queue("passing", type="classic", durable=False))
    | Topology.of(
        Exchange("audit", "direct", bindings=[(orders, "#")], alternate=Exchange("unrouted", "fanout")),
        Exchange("inner", "topic", internal=True, durable=False, bindings=[(Exchange("news", "fanout"), "")]),
        Exchange("brief", "direct", auto_delete=True),
    )
)


def test_what_was_applied_needs_nothing_more(topology: TopologyUnderTest) -> None:
    created = topology.apply(everything)
    assert len(created) == len((*everything.exchanges, *everything.queues, *everything.bindings))
    assert topology.plan(everything) == Plan()
    found = survey(everything, topology.declarer)
    assert found.is_satisfied
    apply(found, topology.declarer)
    assert topology.plan(everything) == Plan()


def test_what_is_missing_is_named_and_only_that_is_created(topology: TopologyUnderTest) -> None:
    consumer = consumer_topology(Queue("work"), bindings=[(orders, "a")], delays=["1s"])
    with pytest.raises(TopologyMissing) as refused:
        verify(topology.plan(consumer))
    assert len(refused.value.missing) == 5
    topology.declare(consumer.queues[0])
    assert [line.split(" (")[0] for line in topology.apply(consumer)] == [
        "exchange 'orders'",
        "queue 'work.retry.1s'",
        "queue 'work'",
        "binding 'orders' → queue 'work' for 'a'",
    ]


# Each pair is two declarations of one queue.
PAIRS = [
    ({}, {"type": "classic"}),
    ({"message_ttl": 60}, {"message_ttl": 30}),
    ({"message_ttl": 60}, {}),
    ({"expires": 600}, {"expires": 500}),
    ({"expires": 600}, {}),
    ({"max_length": 10}, {"max_length": 11}),
    ({"max_length": 10}, {}),
    ({"max_length_bytes": 10}, {"max_length_bytes": 11}),
    ({"max_length_bytes": 10}, {}),
    ({"max_length": 10}, {"max_length": 10, "overflow": "drop-head"}),
    ({"single_active_consumer": True}, {}),
    ({"delivery_limit": 5}, {"delivery_limit": 6}),
    ({"delivery_limit": 5}, {}),
    ({"type": "classic", "priorities": 5}, {"type": "classic", "priorities": 6}),
    ({"type": "classic", "priorities": 5}, {"type": "classic"}),
    ({"type": "classic", "durable": False}, {"type": "classic"}),
    ({"dead_letter_exchange": ""}, {}),
    ({"dead_letter_exchange": ""}, {"dead_letter_exchange": "dlx"}),
    (
        {"dead_letter_exchange": "", "dead_letter_routing_key": "a"},
        {"dead_letter_exchange": "", "dead_letter_routing_key": "b"},
    ),
    ({"dead_letter_exchange": ""}, {"dead_letter_exchange": "", "overflow": "drop-head"}),
    ({"arguments": {"x-quorum-initial-group-size": 1}}, {"arguments": {"x-quorum-initial-group-size": 3}}),
    ({"arguments": {"x-queue-leader-locator": "balanced"}}, {}),
    ({"type": "classic", "arguments": {"x-queue-mode": "lazy"}}, {"type": "classic"}),
    ({"type": "classic", "arguments": {"x-queue-version": 2}}, {"type": "classic"}),
    # The broker ignores arguments it does not know, and so does the plan.
    ({"arguments": {"x-owner": "ana"}}, {"arguments": {"x-owner": "bo"}}),
    ({"arguments": {"x-owner": "ana"}}, {}),
    ({}, {}),
]


def test_a_plan_finds_a_queue_different_exactly_where_the_broker_refuses_it(topology: TopologyUnderTest) -> None:
    for number, (one, other) in enumerate(PAIRS):
        for there, wanted in ((one, other), (other, one)):
            name = f"q-{number}-{'ab'[there is other]}"
            topology.declare(Queue(name, **there))
            found = topology.plan(Topology(queues=(Queue(name, **wanted),)))
            assert bool(found.differs) == refuses(topology, Queue(name, **wanted)), (there, wanted, found)
            assert not found.missing


def refuses(topology: TopologyUnderTest, queue: Queue) -> bool:
    try:
        topology.declare(queue)
    except TopologyConflict:
        return True
    return False


EXCHANGES = [
    ({}, {"type": "fanout"}),
    ({}, {"durable": False}),
    ({}, {"auto_delete": True}),
    ({}, {"internal": True}),
    ({}, {"alternate": "a"}),
    ({"alternate": "b"}, {"alternate": "a"}),
    ({}, {"arguments": {"x-owner": "ana"}}),
    ({}, {}),
]


def test_a_plan_finds_an_exchange_different_exactly_where_the_broker_refuses_it(topology: TopologyUnderTest) -> None:
    for number, (one, other) in enumerate(EXCHANGES):
        for there, wanted in ((one, other), (other, one)):
            name = f"x-{number}-{'ab'[there is other]}"
            topology.declarer.declare_exchange(Exchange(name, **there))
            found = topology.plan(Topology((Exchange(name, **wanted),)))
            try:
                topology.declarer.declare_exchange(Exchange(name, **wanted))
                refused = False
            except TopologyConflict:
                refused = True
            assert bool(found.differs) == refused, (there, wanted, found)


def test_a_conflict_names_every_difference_and_changes_nothing(topology: TopologyUnderTest) -> None:
    topology.declare(Queue("work", type="classic", message_ttl="1m"))
    before = topology.read()
    consumer = consumer_topology(Queue("work"), bindings=[(orders, "a")], delays=["1s"])
    with pytest.raises(TopologyConflict) as refused:
        topology.apply(consumer)
    assert topology.read() == before
    text = "\n".join(refused.value.differences)
    for what in ("type", "'x-message-ttl'", "'x-dead-letter-exchange'", "'x-dead-letter-routing-key'"):
        assert what in text


def test_a_conflict_found_over_amqp_alone_changes_nothing_either(topology: TopologyUnderTest) -> None:
    topology.declare(Queue("work", type="classic"), Queue("work.dead", type="classic"))
    before = topology.read()
    with pytest.raises(TopologyConflict) as refused:
        apply(survey(consumer_topology(Queue("work"), delays=["1s"]), topology.declarer), topology.declarer)
    assert topology.read() == before
    assert len(refused.value.differences) == 2
    assert all("on the broker and" in line for line in refused.value.differences)


def test_a_classic_queue_that_was_declared_without_a_type_is_the_same_queue(
    broker: BrokerUnderTest, topology: TopologyUnderTest
) -> None:
    with PlainPika(broker.url) as plain:
        plain.channel.queue_declare("old", durable=True)
    wanted = Topology(queues=(Queue("old", type="classic"),))
    assert topology.plan(wanted) == Plan()
    topology.declare(wanted.queues[0])


def test_an_exchange_that_plain_pika_declared_transient_is_told_of(
    broker: BrokerUnderTest, topology: TopologyUnderTest
) -> None:
    with PlainPika(broker.url) as plain:
        plain.channel.exchange_declare("orders", "topic")
    with pytest.raises(TopologyConflict, match="durable is false on the broker and true in the code") as refused:
        topology.apply(Topology.of(orders))
    assert "say durable=False" in str(refused.value)


def test_the_exchanges_every_broker_has_can_be_used(topology: TopologyUnderTest) -> None:
    consumer = consumer_topology(Queue("work"), bindings=[(Exchange("amq.topic", "topic"), "a.*")])
    topology.apply(consumer)
    assert topology.plan(consumer) == Plan()


def test_an_external_queue_is_required_and_left_as_it_is(broker: BrokerUnderTest, topology: TopologyUnderTest) -> None:
    consumer = consumer_topology(Queue("legacy", external=True), bindings=[(orders, "a")], delays=["1s"])
    for look in (topology.plan, lambda one: survey(one, topology.declarer)):
        with pytest.raises(TopologyMissing, match="queue 'legacy' must exist"):
            apply(look(consumer), topology.declarer)
    with PlainPika(broker.url) as plain:
        plain.channel.queue_declare("legacy", auto_delete=True, arguments={"x-max-length": 5})
    topology.apply(consumer)
    after = topology.read()
    assert after.queues["legacy"].arguments["x-max-length"] == 5
    assert after.leading_to(DestinationKind.QUEUE, "legacy") == ()
    assert {"legacy.dead", "legacy.retry.1s"} < set(after.queues)
    assert ExternalWithoutDeadLetter("legacy", "legacy.dead") in topology.plan(consumer).notes
    verify(topology.plan(consumer))


def test_a_binding_that_is_not_in_the_code_is_told_of_and_kept(topology: TopologyUnderTest) -> None:
    old = consumer_topology(Queue("work"), bindings=[(orders, "old.*")])
    new = consumer_topology(Queue("work"), bindings=[(orders, "new.*")])
    topology.apply(old)
    topology.apply(new)
    assert topology.plan(new).notes == (NotInCode(Binding("orders", "work", routing_key="old.*")),)
    assert len(topology.read().leading_to(DestinationKind.QUEUE, "work")) == 2


def test_a_policy_that_empties_the_dead_letter_queue_is_told_of(
    broker: BrokerUnderTest, topology: TopologyUnderTest
) -> None:
    consumer = consumer_topology(Queue("work"))
    topology.apply(consumer)
    policy: dict[str, Any] = {"pattern": "dead$", "definition": {"message-ttl": 60_000}, "apply-to": "queues"}
    management_call(broker.node.management_port, "PUT", f"policies/{broker.vhost}/short", policy)
    told = PolicyApplies("work.dead", "short", {"message-ttl": 60_000}, loses=True)
    # A policy shows on a queue with its next statistics.
    wait_until(
        lambda: told in topology.plan(consumer).notes,
        timeout=30.0,
        message=lambda: str(topology.plan(consumer).notes),
    )


def test_two_workers_may_apply_at_once(topology: TopologyUnderTest) -> None:
    seen_by_both = topology.plan(everything)
    apply(seen_by_both, topology.declarer)
    apply(seen_by_both, topology.declarer)
    assert topology.plan(everything) == Plan()


def test_the_broker_stores_the_arguments_that_were_sent(topology: TopologyUnderTest) -> None:
    topology.apply(everything)
    actual = topology.read()
    for queue in everything.queues:
        assert dict(actual.queues[queue.name].arguments) == queue_arguments(queue)
        assert actual.queues[queue.name].type == queue.type
    assert plan(Topology(), actual) == Plan()
