"""Acting on plans: all or nothing on a conflict, and the lines people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.topology.pretend_broker import PretendBroker
from warren.errors import TopologyConflict, TopologyMissing
from warren.topology import Exchange, Queue, Topology, consumer_topology
from warren.topology.actual import ActualQueue
from warren.topology.apply import apply, check, verify
from warren.topology.notes import NotCompared
from warren.topology.plan import CreateBinding, plan
from warren.topology.render import describe_plan
from warren.topology.survey import survey

orders = Exchange("orders", "topic")
billing = consumer_topology(Queue("billing"), bindings=[(orders, "orders.*")], delays=["1s"])


def changed(broker: PretendBroker, name: str, **changes: object) -> None:
    broker.queues[name] = replace(broker.queues[name], **changes)


def test_applying_creates_what_is_missing_in_order_and_says_so() -> None:
    broker = PretendBroker()
    created = apply(plan(billing, broker.actual()), broker)
    assert broker.done == ["orders", "billing.dead", "billing.retry.1s", "billing", "orders→billing"]
    assert len(created) == 5
    assert created[0] == "exchange 'orders' (topic)"
    assert created[-1] == "binding 'orders' → queue 'billing' for 'orders.*'"


def test_applying_twice_changes_nothing_more() -> None:
    broker = PretendBroker()
    apply(plan(billing, broker.actual()), broker)
    broker.done.clear()
    assert apply(plan(billing, broker.actual()), broker) == ()
    assert broker.done == []
    verify(plan(billing, broker.actual()))


def test_a_conflict_is_refused_with_the_whole_diff_before_anything_is_created() -> None:
    broker = PretendBroker()
    broker.declare_queue(Queue("billing", type="classic", message_ttl="1m"))
    broker.declare_exchange(Exchange("orders", "direct"))
    broker.done.clear()
    with pytest.raises(TopologyConflict, match="nothing was changed") as refused:
        apply(plan(billing, broker.actual()), broker)
    assert broker.done == []
    lines = refused.value.differences
    assert any(line.startswith("exchange 'orders': type is 'direct' on the broker and 'topic'") for line in lines)
    assert any("argument 'x-message-ttl' is 60000 on the broker and not set in the code" in line for line in lines)
    assert all(line in str(refused.value) for line in lines)


def test_a_missing_external_queue_is_refused_before_anything_is_created() -> None:
    broker = PretendBroker()
    topology = consumer_topology(Queue("legacy", external=True))
    with pytest.raises(TopologyMissing, match="queue 'legacy' must exist: it is external") as refused:
        apply(plan(topology, broker.actual()), broker)
    assert len(refused.value.missing) == 1
    assert broker.done == []


def test_verifying_names_everything_that_is_missing_and_creates_nothing() -> None:
    broker = PretendBroker()
    with pytest.raises(TopologyMissing, match="run `warren topology apply`") as refused:
        verify(plan(billing, broker.actual()))
    assert len(refused.value.missing) == 5
    assert broker.done == []


# -- over AMQP alone --------------------------------------------------------------------------


def test_a_survey_finds_what_is_missing_and_applying_creates_it() -> None:
    broker = PretendBroker()
    found = survey(billing, broker)
    assert broker.done == []
    apply(found, broker)
    assert plan(billing, broker.actual()).is_satisfied


def test_a_survey_of_a_complete_broker_is_satisfied_and_changes_nothing() -> None:
    broker = PretendBroker()
    apply(plan(billing, broker.actual()), broker)
    broker.done.clear()
    found = survey(billing, broker)
    assert found.is_satisfied
    # AMQP cannot be asked for bindings: they are bound again.
    assert [one for one in found.unknown if isinstance(one, CreateBinding)] == list(found.unknown)
    apply(found, broker)
    assert broker.done == []
    verify(found)


def test_a_survey_finds_every_conflict_before_anything_is_created() -> None:
    broker = PretendBroker()
    broker.declare_queue(Queue("billing", type="classic"))
    broker.declare_queue(Queue("billing.retry.1s", message_ttl=5))
    broker.done.clear()
    found = survey(billing, broker)
    with pytest.raises(TopologyConflict) as refused:
        apply(found, broker)
    assert broker.done == []
    assert [line.split(";")[0] for line in refused.value.differences] == [
        "queue 'billing.retry.1s' is inequivalent",
        "queue 'billing' is inequivalent",
    ]


def test_a_survey_without_the_permission_to_configure_says_what_it_could_not_compare() -> None:
    broker = PretendBroker()
    apply(plan(billing, broker.actual()), broker)
    poor = PretendBroker(may_configure=False)
    poor.exchanges, poor.queues = broker.exchanges, broker.queues
    found = survey(billing, poor)
    verify(found)
    assert found.notes == tuple(NotCompared("no permission to configure") for _ in range(4))


def test_a_survey_requires_external_queues_and_exchanges() -> None:
    broker = PretendBroker()
    theirs = Exchange("theirs", external=True)
    topology = Topology.of(theirs) | consumer_topology(Queue("legacy", external=True))
    with pytest.raises(TopologyMissing, match="something external") as refused:
        apply(survey(topology, broker), broker)
    assert len(refused.value.missing) == 2


def test_checking_only_asks_for_existence() -> None:
    broker = PretendBroker(may_configure=False)
    with pytest.raises(TopologyMissing):
        check(billing, broker)


# -- what people read ---------------------------------------------------------------------------


def test_a_difference_says_both_values_and_both_ways_out() -> None:
    broker = PretendBroker()
    topology = consumer_topology(Queue("billing", message_ttl="30s"))
    apply(plan(topology, broker.actual()), broker)
    arguments = {**broker.queues["billing"].arguments, "x-message-ttl": 60_000}
    changed(broker, "billing", arguments=arguments)
    (line,) = describe_plan(plan(topology, broker.actual()))
    assert line == (
        "! queue 'billing': argument 'x-message-ttl' is 60000 on the broker and 30000 in the code; cannot be changed "
        'in place: drain and delete it, then apply; or say message_ttl="1m"'
    )


@pytest.mark.parametrize(
    ("there", "advice"),
    [
        (ActualQueue(name="billing", type="classic"), 'say type="classic"'),
        (ActualQueue(name="billing", type="quorum", durable=False), "say durable=False"),
        (ActualQueue(name="billing", type="quorum", auto_delete=True), "say external=True to use it as it is"),
        (ActualQueue(name="billing", type="quorum", arguments={"x-dead-letter-exchange": "a"}), "say external=True"),
        (ActualQueue(name="billing", type="quorum", arguments={"x-max-length": 9}), "say max_length=9"),
        (ActualQueue(name="billing", type="quorum"), 'say overflow="drop-head", which dead-letters at most once'),
        (ActualQueue(name="billing", type="quorum"), "leave delivery_limit out"),
        (
            ActualQueue(name="billing", type="quorum", arguments={"x-queue-leader-locator": "balanced"}),
            'say arguments={"x-queue-leader-locator": "balanced"}',
        ),
        (ActualQueue(name="billing.dead", type="quorum"), "drain and delete it, then apply"),
    ],
)
def test_the_way_out_is_written_as_code(there: ActualQueue, advice: str) -> None:
    broker = PretendBroker()
    broker.queues[there.name] = there
    topology = consumer_topology(Queue("billing", delivery_limit=3))
    lines = [line for line in describe_plan(plan(topology, broker.actual())) if line.startswith("!")]
    assert any(line.endswith(advice) or f"{advice} " in line for line in lines), lines


def test_the_way_out_for_an_exchange_warns_of_its_other_bindings() -> None:
    broker = PretendBroker()
    broker.declare_exchange(Exchange("orders", "topic", alternate="unrouted"))
    (line,) = describe_plan(plan(Topology.of(orders), broker.actual()))
    assert line.endswith(
        "delete it and apply (publishers are refused meanwhile, and other bindings go with it); "
        'or say alternate="unrouted"'
    )


def test_a_satisfied_plan_says_so() -> None:
    broker = PretendBroker()
    apply(plan(billing, broker.actual()), broker)
    assert describe_plan(plan(billing, broker.actual())) == ("the broker has everything, as the code says",)


def test_every_note_is_a_line() -> None:
    broker = PretendBroker()
    crm = Exchange("crm", "headers", alternate="nowhere")
    topology = billing | Topology.of(crm) | consumer_topology(Queue("legacy", external=True), bindings=[(orders, "a")])
    broker.queues["legacy"] = ActualQueue(name="legacy", type="classic")
    apply(plan(topology, broker.actual()), broker)
    changed(broker, "billing.dead", policy="p", settings={"message-ttl": 5})
    changed(broker, "billing", policy="p", settings={"message-ttl": 5})
    broker.queues["billing.retry.7s"] = ActualQueue(name="billing.retry.7s", type="quorum")
    broker.bindings.append(replace(topology.bindings[0], routing_key="old"))
    assert describe_plan(plan(topology, broker.actual())) == (
        "the broker has everything, as the code says",
        "· exchange 'crm': its alternate exchange 'nowhere' does not exist",
        "· queue 'billing.dead': policy 'p' sets message-ttl=5; MESSAGES ARE LOST: exclude the queue from that policy",
        "· queue 'billing': policy 'p' sets message-ttl=5, the code does not",
        "· queue 'legacy' is external, and classic on the broker; the code says quorum",
        "· queue 'legacy' is external and does not dead-letter to 'legacy.dead': what the broker drops there is lost",
        "· binding 'orders' → queue 'legacy' for 'a' is missing; the queue is external, ask its owner to bind it",
        "· binding 'orders' → queue 'billing' for 'old' is on the broker and not in the code; it is kept",
        "· queue 'billing.retry.7s' is a retry tier of a delay the code no longer has; delete it once it is empty",
    )
