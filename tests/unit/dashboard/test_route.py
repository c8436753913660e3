"""What leads to a queue and away from it, by what a broker has and by what an application declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warren import Exchange, Queue
from warren.dashboard.route import MOST_WAYS, Known, Reason, Route, Tier, as_declared, route_of
from warren.topology import Binding, DestinationKind, Topology, consumer_topology
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.exchange import Headers

ORDERS = Exchange("orders", "topic")
QUEUE = "billing.invoices"


def queue(
    name: str, arguments: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
) -> ActualQueue:
    return ActualQueue(name=name, type="quorum", arguments=arguments or {}, settings=settings or {})


def known(route: Route | None) -> Route:
    assert route is not None
    return route


def told(route: Route | None) -> list[tuple[str, str, str, tuple[str, ...], str]]:
    found = known(route)
    return [(w.source.name, w.target.name, str(w.reason), w.keys, str(w.known)) for w in (*found.into, *found.out)]


def billing(*delays: str) -> Topology:
    return consumer_topology(Queue(QUEUE), bindings=[(ORDERS, "orders.created")], delays=delays)


def test_a_consumers_queue_has_its_binding_its_tiers_by_delay_and_its_dead_letter_queue() -> None:
    route = known(route_of(QUEUE, as_declared(billing("1m", "10s", "1s"))))
    assert told(route) == [
        ("orders", QUEUE, "binding", ("orders.created",), "agreed"),
        (QUEUE, f"{QUEUE}.dead", "dead letters", (), "agreed"),
    ]
    assert route.tiers == (
        Tier(f"{QUEUE}.retry.1s", 1.0),
        Tier(f"{QUEUE}.retry.10s", 10.0),
        Tier(f"{QUEUE}.retry.1m", 60.0),
    )
    assert (route.queue.type, route.into[0].source.type) == ("quorum", "topic")


def test_the_dead_letter_queue_is_led_to_by_its_queue_and_nothing_follows_it() -> None:
    route = known(route_of(f"{QUEUE}.dead", as_declared(billing("1s"))))
    assert told(route) == [(QUEUE, f"{QUEUE}.dead", "dead letters", (), "agreed")]
    assert route.ends
    assert route.tiers == ()


def test_a_retry_tier_leads_back_after_its_delay() -> None:
    route = known(route_of(f"{QUEUE}.retry.1s", as_declared(billing("1s"))))
    assert told(route) == [
        ("", f"{QUEUE}.retry.1s", "queue name", (f"{QUEUE}.retry.1s",), "agreed"),
        (f"{QUEUE}.retry.1s", QUEUE, "after the delay", (), "agreed"),
    ]


def test_a_queue_without_a_binding_is_reached_by_its_name() -> None:
    assert told(route_of("plain", Actual.of(queues=[queue("plain")]))) == [
        ("", "plain", "queue name", ("plain",), "agreed")
    ]


def test_a_queue_nobody_knows_has_no_route() -> None:
    assert route_of("gone", Actual.of(), as_declared(billing())) is None
    assert route_of("gone", None, as_declared(billing())) is None
    assert route_of(QUEUE, None) is None


def test_what_is_declared_is_told_where_the_broker_tells_nothing() -> None:
    assert told(route_of(QUEUE, None, as_declared(billing())))[0] == (
        "orders",
        QUEUE,
        "binding",
        ("orders.created",),
        "agreed",
    )


def test_a_binding_that_only_one_of_both_has_is_told_as_such() -> None:
    topology = billing()
    actual = as_declared(topology)
    moved = Actual(actual.exchanges, actual.queues, (Binding("orders", QUEUE, routing_key="orders.#"),))
    assert told(route_of(QUEUE, moved, as_declared(topology)))[:2] == [
        ("orders", QUEUE, "binding", ("orders.created",), str(Known.MISSING)),
        ("orders", QUEUE, "binding", ("orders.#",), str(Known.UNDECLARED)),
    ]
    assert {w.known for w in known(route_of(QUEUE, moved)).into} == {Known.AGREED}


def test_exchanges_are_followed_back_and_a_circle_of_them_ends() -> None:
    to_exchange = DestinationKind.EXCHANGE
    actual = Actual.of(
        [ActualExchange(name=name, type="fanout") for name in "abc"],
        [queue("q")],
        [
            Binding("a", "q", routing_key=""),
            Binding("b", "a", to_exchange),
            Binding("c", "b", to_exchange),
            Binding("a", "c", to_exchange),
        ],
    )
    assert [(w.source.name, w.target.name) for w in known(route_of("q", actual)).into] == [
        ("a", "q"),
        ("b", "a"),
        ("c", "b"),
        ("a", "c"),
    ]


def test_keys_of_one_exchange_are_one_way_and_too_many_ways_are_counted() -> None:
    exchanges = [ActualExchange(name=f"x{number:02}", type="direct") for number in range(20)]
    bindings = [Binding(one.name, "q", routing_key=key) for one in exchanges for key in ("b", "a")]
    route = known(route_of("q", Actual.of(exchanges, [queue("q")], bindings)))
    assert len(route.into) == MOST_WAYS
    assert route.more == 20 - MOST_WAYS
    assert route.into[0].keys == ("a", "b")


def test_headers_are_told_as_what_they_ask() -> None:
    rules = Headers(any_={"region": "eu", "x-vip": None})
    binding = Binding("h", "q", arguments=rules.arguments)
    actual = Actual.of([ActualExchange(name="h", type="headers")], [queue("q")], [binding])
    assert known(route_of("q", actual)).into[0].keys == ("region=eu or x-vip",)


def test_dead_letters_are_followed_through_an_exchange_set_by_a_policy() -> None:
    policy = {"dead-letter-exchange": "dlx", "dead-letter-routing-key": "q"}
    actual = Actual.of(
        [ActualExchange(name="dlx", type="direct")],
        [queue("q", settings=policy), queue("graves"), queue("no")],
        [Binding("dlx", "graves", routing_key="q"), Binding("dlx", "no", routing_key="other")],
    )
    assert told(route_of("q", actual))[1:] == [
        ("q", "dlx", "dead letters", ("q",), "agreed"),
        ("dlx", "graves", "binding", ("q",), "agreed"),
    ]
    assert ("q", "dlx", "dead letters", (), "agreed") in told(route_of("graves", actual))


def test_a_dead_letter_target_that_is_not_there_is_told() -> None:
    lost = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "gone"}
    route = known(route_of("q", Actual.of(queues=[queue("q", lost)])))
    assert [(w.target.name, w.target.is_missing) for w in route.out] == [("gone", True)]
    no_exchange = known(route_of("q", Actual.of(queues=[queue("q", {"x-dead-letter-exchange": "gone"})])))
    assert [(w.target.name, w.target.is_missing) for w in no_exchange.out] == [("gone", True)]


def test_a_queue_that_delays_for_another_is_its_tier_whatever_its_name() -> None:
    waiting = {"x-message-ttl": 5_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}
    route = known(route_of("q", Actual.of(queues=[queue("q"), queue("q_wait", waiting)])))
    assert route.tiers == (Tier("q_wait", 5.0),)
    assert [w.reason for w in route.into] == [Reason.QUEUE_NAME]


def test_a_queue_whose_messages_expire_into_its_own_dead_letter_queue_is_no_tier_of_that() -> None:
    expiring = {"x-message-ttl": 5_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q.dead"}
    route = known(route_of("q.dead", Actual.of(queues=[queue("q", expiring), queue("q.dead")])))
    assert route.tiers == ()
    assert [(w.source.name, w.reason) for w in route.into] == [("q", Reason.DEAD_LETTER)]
