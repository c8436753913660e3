"""What a plan finds missing, different, and worth knowing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.topology.pretend_broker import as_declared
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
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.compare import ABSENT, Difference, equivalent
from warren.topology.notes import (
    AlternateMissing,
    ExternalUnbound,
    ExternalWithoutDeadLetter,
    FormerTier,
    IgnoredArgument,
    NotInCode,
    PolicyApplies,
    TypeDiffers,
)
from warren.topology.plan import (
    CreateBinding,
    CreateExchange,
    CreateQueue,
    Plan,
    RequireExchange,
    RequireQueue,
    declare_all,
    plan,
)

orders = Exchange("orders", "topic")
QUEUE, EXCHANGE = DestinationKind.QUEUE, DestinationKind.EXCHANGE


def everything(topology: Topology) -> Actual:
    """A broker that has exactly this topology."""
    return Actual.of(
        [as_declared(one) for one in topology.exchanges],
        [as_declared(one) for one in topology.queues],
        topology.bindings,
    )


def with_queue(actual: Actual, **changes: Any) -> Actual:
    """The same broker, with the queue `billing` changed."""
    changed = replace(actual.queues["billing"], **changes)
    return replace(actual, queues={**actual.queues, "billing": changed})


def names(steps: tuple[Any, ...]) -> list[str]:
    found = []
    for step in steps:
        match step:
            case CreateExchange(one) | CreateQueue(one):
                found.append(one.name)
            case CreateBinding(one):
                found.append(f"{one.source}→{one.destination}")
            case RequireExchange(name) | RequireQueue(name):
                found.append(f"{name}?")
    return found


billing = consumer_topology(Queue("billing"), bindings=[(orders, "orders.*")], delays=["1s"])


# -- missing ------------------------------------------------------------------------------


def test_an_empty_broker_lacks_everything_and_the_ways_out_are_created_first() -> None:
    audit = Exchange("audit", "fanout", bindings=[(orders, "#")])
    steps = plan(billing | Topology.of(audit), Actual.of()).missing
    assert names(steps) == [
        "orders",
        "audit",
        "billing.dead",
        "billing.retry.1s",
        "billing",
        "orders→audit",
        "orders→billing",
    ]


def test_a_broker_that_has_it_all_needs_nothing() -> None:
    assert plan(billing, everything(billing)) == Plan()
    assert plan(billing, everything(billing)).is_satisfied


def test_only_what_is_missing_is_created() -> None:
    actual = everything(billing)
    some = Actual(actual.exchanges, {"billing": actual.queues["billing"]}, ())
    assert names(plan(billing, some).missing) == ["billing.dead", "billing.retry.1s", "orders→billing"]


def test_a_binding_with_other_headers_is_another_binding() -> None:
    crm = Exchange("crm", "headers")
    old = consumer_topology(Queue("q"), bindings=[(crm, Headers(all_={"a": 1}))])
    new = consumer_topology(Queue("q"), bindings=[(crm, Headers(all_={"a": True}))])
    found = plan(new, everything(old))
    assert found.missing == (CreateBinding(new.bindings[0]),)
    assert found.notes == (NotInCode(old.bindings[0]),)


# -- different ----------------------------------------------------------------------------

ARGUMENTS_OF_QUEUES = [
    ({"message_ttl": "30s"}, "x-message-ttl", 60_000),
    ({"expires": "30m"}, "x-expires", 60_000),
    ({"max_length": 5}, "x-max-length", 6),
    ({"max_length_bytes": 5}, "x-max-length-bytes", 6),
    ({"max_length": 5}, "x-overflow", "drop-head"),
    ({"type": "classic", "priorities": 5}, "x-max-priority", 6),
    ({"single_active_consumer": True}, "x-single-active-consumer", False),
    ({"delivery_limit": 5}, "x-delivery-limit", 6),
    ({}, "x-dead-letter-exchange", "dlx"),
    ({}, "x-dead-letter-routing-key", "other"),
    ({}, "x-dead-letter-strategy", "at-most-once"),
    ({"arguments": {"x-quorum-initial-group-size": 3}}, "x-quorum-initial-group-size", 5),
    ({"arguments": {"x-queue-leader-locator": "balanced"}}, "x-queue-leader-locator", "client-local"),
    ({"type": "classic", "arguments": {"x-queue-mode": "lazy"}}, "x-queue-mode", "default"),
]


@pytest.mark.parametrize(("options", "argument", "on_broker"), ARGUMENTS_OF_QUEUES)
def test_every_argument_that_differs_is_named_with_both_values(
    options: dict[str, Any], argument: str, on_broker: Any
) -> None:
    topology = consumer_topology(Queue("billing", **options))
    in_code = queue_arguments(topology.queues[-1])[argument]
    arguments = {**queue_arguments(topology.queues[-1]), argument: on_broker}
    found = plan(topology, with_queue(everything(topology), arguments=arguments))
    assert found.differs == (Difference(QUEUE, "billing", argument, on_broker, in_code),)
    assert not found.missing


@pytest.mark.parametrize(("options", "argument", "_on_broker"), ARGUMENTS_OF_QUEUES)
def test_an_argument_that_only_the_code_has_differs(options: dict[str, Any], argument: str, _on_broker: Any) -> None:
    topology = consumer_topology(Queue("billing", **options))
    arguments = queue_arguments(topology.queues[-1])
    in_code = arguments.pop(argument)
    found = plan(topology, with_queue(everything(topology), arguments=arguments))
    assert found.differs == (Difference(QUEUE, "billing", argument, ABSENT, in_code),)


def test_an_argument_that_only_the_broker_has_differs() -> None:
    arguments = {**queue_arguments(billing.queues[-1]), "x-max-length": 5}
    found = plan(billing, with_queue(everything(billing), arguments=arguments))
    assert found.differs == (Difference(QUEUE, "billing", "x-max-length", 5, ABSENT),)


@pytest.mark.parametrize(
    ("changes", "what", "on_broker", "in_code"),
    [
        ({"type": "stream"}, "type", "stream", "quorum"),
        ({"durable": False}, "durable", False, True),
        ({"auto_delete": True}, "auto_delete", True, False),
        ({"exclusive": True}, "exclusive", True, False),
    ],
)
def test_every_property_of_a_queue_that_differs_is_named(
    changes: dict[str, Any], what: str, on_broker: Any, in_code: Any
) -> None:
    found = plan(billing, with_queue(everything(billing), **changes))
    assert found.differs == (Difference(QUEUE, "billing", what, on_broker, in_code, is_argument=False),)


@pytest.mark.parametrize(
    ("changes", "what", "on_broker", "in_code", "is_argument"),
    [
        ({"type": "x-delayed-message"}, "type", "x-delayed-message", "topic", False),
        ({"durable": False}, "durable", False, True, False),
        ({"auto_delete": True}, "auto_delete", True, False, False),
        ({"internal": True}, "internal", True, False, False),
        ({"arguments": {"alternate-exchange": "a"}}, "alternate-exchange", "a", ABSENT, True),
    ],
)
def test_every_property_of_an_exchange_that_differs_is_named(
    changes: dict[str, Any], what: str, on_broker: Any, in_code: Any, is_argument: bool
) -> None:
    found = plan(Topology.of(orders), Actual.of([replace(as_declared(orders), **changes)]))
    assert found.differs == (Difference(EXCHANGE, "orders", what, on_broker, in_code, is_argument),)


def test_a_classic_queue_declared_without_a_type_is_the_same_queue() -> None:
    # RabbitMQ 3.10 reports no x-queue-type for it, 4.0 reports one.
    topology = consumer_topology(Queue("billing", type="classic"))
    arguments = queue_arguments(topology.queues[-1])
    del arguments["x-queue-type"]
    assert plan(topology, with_queue(everything(topology), arguments=arguments)) == Plan()


def test_a_difference_of_a_queue_that_warren_keeps_is_marked() -> None:
    actual = everything(billing)
    dead = replace(actual.queues["billing.dead"], arguments={})
    found = plan(billing, replace(actual, queues={**actual.queues, "billing.dead": dead}))
    assert [one.is_kept_beside for one in found.differs] == [True]


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        (1, 1.0, True),
        (1, 2, False),
        (60_000, "60000", False),
        (True, True, True),
        (True, 1, False),
        (0, False, False),
        ("a", "a", True),
        (ABSENT, ABSENT, True),
        (ABSENT, None, False),
        (["a", 1], ["a", 1], True),
    ],
)
def test_values_are_compared_as_the_broker_compares_them(one: Any, other: Any, are: bool) -> None:
    assert equivalent(one, other) is are
    assert equivalent(other, one) is are


# -- external -----------------------------------------------------------------------------


def test_an_external_queue_must_exist_and_is_neither_declared_nor_bound() -> None:
    topology = consumer_topology(Queue("legacy", external=True), bindings=[(orders, "a")], delays=["1s"])
    found = plan(topology, Actual.of())
    assert found.required == (RequireQueue("legacy"),)
    assert names(found.missing) == ["orders", "legacy.dead", "legacy.retry.1s"]


def test_an_external_queue_may_have_any_arguments() -> None:
    topology = consumer_topology(Queue("legacy", external=True))
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "legacy.dead", "x-max-length": 5}
    actual = everything(topology)
    legacy = ActualQueue(name="legacy", type="quorum", auto_delete=True, arguments=arguments)
    assert plan(topology, replace(actual, queues={**actual.queues, "legacy": legacy})) == Plan()


def test_an_external_queue_that_does_not_dead_letter_to_its_dead_letter_queue_is_told_of() -> None:
    topology = consumer_topology(Queue("legacy", external=True))
    assert plan(topology, everything(topology)).notes == (ExternalWithoutDeadLetter("legacy", "legacy.dead"),)


@pytest.mark.parametrize(
    "found",
    [
        {"settings": {"dead-letter-exchange": "", "dead-letter-routing-key": "legacy.dead"}, "policy": "p"},
        {"arguments": {"x-dead-letter-exchange": "dlx"}},
    ],
)
def test_an_external_queue_may_dead_letter_by_policy_or_through_an_exchange(found: dict[str, Any]) -> None:
    topology = consumer_topology(Queue("legacy", external=True))
    actual = everything(topology)
    legacy = ActualQueue(name="legacy", type="quorum", **found)
    actual = Actual(
        actual.exchanges, {**actual.queues, "legacy": legacy}, (Binding("dlx", "legacy.dead", routing_key="legacy"),)
    )
    assert not [one for one in plan(topology, actual).notes if isinstance(one, ExternalWithoutDeadLetter)]


def test_what_an_external_queue_lacks_or_has_otherwise_is_told_of_and_stands_in_nobodys_way() -> None:
    topology = consumer_topology(Queue("legacy", external=True), bindings=[(orders, "a")])
    actual = everything(topology)
    legacy = replace(actual.queues["legacy"], type="classic")
    found = plan(topology, Actual(actual.exchanges, {**actual.queues, "legacy": legacy}, ()))
    assert found.is_satisfied
    assert TypeDiffers(QUEUE, "legacy", "classic", "quorum") in found.notes
    assert ExternalUnbound(topology.bindings[0]) in found.notes


def test_an_external_exchange_must_exist_and_may_be_of_another_kind() -> None:
    theirs = Exchange("theirs", "topic", external=True)
    assert plan(Topology.of(theirs), Actual.of()).required == (RequireExchange("theirs"),)
    hashed = ActualExchange(name="theirs", type="x-consistent-hash", durable=False)
    found = plan(Topology.of(theirs), Actual.of([hashed]))
    assert found.is_satisfied
    assert found.notes == (TypeDiffers(EXCHANGE, "theirs", "x-consistent-hash", "topic"),)


# -- worth knowing ------------------------------------------------------------------------


def test_a_binding_that_is_not_in_the_code_is_told_of_and_kept() -> None:
    actual = everything(billing)
    other = Binding("shop", "billing", routing_key="sold")
    elsewhere = Binding("orders", "reports", routing_key="#")
    implicit = Binding("", "billing", routing_key="billing")
    found = plan(billing, replace(actual, bindings=(*actual.bindings, other, elsewhere, implicit)))
    assert found.is_satisfied
    assert found.notes == (NotInCode(other),)


def test_a_tier_of_a_former_delay_is_told_of() -> None:
    actual = everything(billing)
    former = ActualQueue(name="billing.retry.7s", type="quorum")
    found = plan(billing, replace(actual, queues={**actual.queues, former.name: former}))
    assert found.notes == (FormerTier("billing.retry.7s"),)


def test_a_policy_that_changes_what_becomes_of_messages_is_told_of() -> None:
    settings = {"message-ttl": 5, "ha-mode": "all"}
    found = plan(billing, with_queue(everything(billing), policy="short", settings=settings))
    assert found.notes == (PolicyApplies("billing", "short", {"message-ttl": 5}, loses=False),)
    assert found.is_satisfied


def test_a_policy_that_empties_a_dead_letter_queue_is_told_of_as_loss() -> None:
    actual = everything(billing)
    dead = replace(actual.queues["billing.dead"], policy="short", settings={"message-ttl": 5})
    found = plan(billing, replace(actual, queues={**actual.queues, "billing.dead": dead}))
    assert found.notes == (PolicyApplies("billing.dead", "short", {"message-ttl": 5}, loses=True),)


def test_an_argument_that_the_broker_would_ignore_is_told_of() -> None:
    topology = consumer_topology(Queue("billing", arguments={"x-owner": "ana"}))
    found = plan(topology, with_queue(everything(topology), arguments=queue_arguments(billing.queues[-1])))
    assert found.is_satisfied
    assert found.notes == (IgnoredArgument(Difference(QUEUE, "billing", "x-owner", ABSENT, "ana")),)


def test_an_alternate_exchange_that_does_not_exist_is_told_of() -> None:
    topology = Topology.of(Exchange("orders", alternate="unrouted"))
    assert plan(topology, everything(topology)).notes == (AlternateMissing("orders", "unrouted"),)
    unrouted = ActualExchange(name="unrouted", type="fanout")
    there = Actual({**everything(topology).exchanges, "unrouted": unrouted}, {})
    assert plan(topology, there) == Plan()


# -- laws -----------------------------------------------------------------------------------

keys = st.text("ab.*#", min_size=1, max_size=5)
queue_values = st.builds(
    Queue,
    st.sampled_from(["q", "r", "s"]),
    type=st.sampled_from(["quorum", "classic"]),
    message_ttl=st.none() | st.integers(1, 100),
    max_length=st.none() | st.integers(1, 100),
    overflow=st.sampled_from([None, "drop-head", "reject-publish"]),
    single_active_consumer=st.booleans(),
)


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Several consumers on differently named queues, bound to one exchange."""
    topology = Topology()
    for queue in draw(st.lists(queue_values, max_size=3, unique_by=lambda one: one.name)):
        bindings = [(orders, key) for key in draw(st.lists(keys, max_size=2))]
        delays = draw(st.lists(st.integers(1, 5), max_size=2))
        topology |= consumer_topology(queue, bindings=bindings, delays=delays)
    return topology


@given(topologies())
def test_what_was_created_needs_nothing_more(topology: Topology) -> None:
    assert plan(topology, everything(topology)) == Plan()


@given(topologies())
def test_declaring_everything_is_the_plan_for_an_empty_broker(topology: Topology) -> None:
    assert declare_all(topology) == plan(topology, Actual.of())


@given(topologies(), topologies())
def test_a_plan_never_creates_what_exists(desired: Topology, existing: Topology) -> None:
    actual = everything(existing)
    for step in plan(desired, actual).missing:
        match step:
            case CreateExchange(one):
                assert one.name not in actual.exchanges
            case CreateQueue(one):
                assert one.name not in actual.queues
            case CreateBinding(one):
                assert one not in actual.bindings


@given(topologies(), topologies())
def test_a_queue_differs_exactly_when_its_declaration_would(desired: Topology, existing: Topology) -> None:
    actual = everything(existing)
    found = {one.name for one in plan(desired, actual).differs if one.kind is QUEUE}
    there = {one.name: one for one in existing.queues}
    expected = {
        one.name
        for one in desired.queues
        if one.name in there and (queue_arguments(one) != queue_arguments(there[one.name]))
    }
    assert found == expected


@given(topologies())
def test_every_queue_comes_after_its_dead_letter_queue_and_before_its_bindings(topology: Topology) -> None:
    order = names(plan(topology, Actual.of()).missing)
    for queue in topology.queues:
        if queue.dead_letter_routing_key is not None and queue.dead_letter_routing_key.endswith(".dead"):
            assert order.index(queue.dead_letter_routing_key) < order.index(queue.name)
    for binding in topology.bindings:
        assert order.index(binding.destination) < order.index(f"{binding.source}→{binding.destination}")


@given(topologies(), topologies())
def test_merging_is_idempotent_and_keeps_every_part(one: Topology, other: Topology) -> None:
    assert one | one == one
    clash = {a.name for a in one.queues for b in other.queues if a.name == b.name and a != b}
    if not clash:
        both = one | other
        assert set(both.queues) == {*one.queues, *other.queues}
        assert set(both.bindings) == {*one.bindings, *other.bindings}
