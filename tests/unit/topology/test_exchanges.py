"""Exchanges and what may be bound to them."""

from __future__ import annotations

from typing import Any

import pytest

from warren.errors import ConfigurationError
from warren.topology import (
    DEFAULT_EXCHANGE,
    Binding,
    DestinationKind,
    Exchange,
    ExchangeType,
    Headers,
    Topology,
    exchange_arguments,
)
from warren.topology.exchange import check_match

orders = Exchange("orders", "topic")


def test_an_exchange_is_durable_and_direct_unless_said_otherwise() -> None:
    plain = Exchange("plain")
    assert (plain.type, plain.durable, plain.auto_delete, plain.internal) == (ExchangeType.DIRECT, True, False, False)
    assert exchange_arguments(plain) == {}


def test_equal_exchanges_are_equal_values_and_can_be_used_as_keys() -> None:
    assert Exchange("orders", "topic", arguments={"x": 1}) == Exchange("orders", "topic", arguments={"x": 1})
    assert len({orders, Exchange("orders", "topic")}) == 1
    assert orders != Exchange("orders", "fanout")


def test_an_exchange_does_not_change_with_the_dict_it_was_made_from() -> None:
    arguments = {"x": 1}
    exchange = Exchange("orders", arguments=arguments)
    arguments["x"] = 2
    assert exchange.arguments == {"x": 1}


def test_an_alternate_exchange_may_be_given_by_name_or_as_a_value() -> None:
    unrouted = Exchange("unrouted", "fanout")
    assert exchange_arguments(Exchange("orders", alternate=unrouted)) == {"alternate-exchange": "unrouted"}
    assert exchange_arguments(Exchange("orders", alternate="unrouted")) == {"alternate-exchange": "unrouted"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Exchange("orders", "topics"), "'topics'; choose one of 'direct', 'topic', 'fanout', 'headers'"),
        (lambda: Exchange(None), "a name is needed"),
        (lambda: Exchange("é" * 128), "limited to 255 bytes, this one has 256"),
        (lambda: Exchange("orders", arguments={"alternate-exchange": "x"}), "say alternate="),
        (lambda: Exchange("orders", external=True, bindings=[(orders, "a")]), "left as it is, leave bindings out"),
        (lambda: Exchange("audit", bindings=[(DEFAULT_EXCHANGE, "a")]), "the default exchange .* cannot be bound"),
        (lambda: Exchange("orders", arguments={"x": b"1"}), "exchange 'orders': argument 'x' is b'1'; give text"),
        (lambda: Headers(all_={"weight": 1.5}), "Headers: argument 'weight' is 1.5; give text, a whole number"),
        (lambda: Headers(all_={"weight": 2**63}), "give text, a whole number"),
        (lambda: Headers(), "either all_="),
        (lambda: Headers(all_={"a": 1}, any_={"a": 1}), "either all_="),
        (lambda: Headers(any_={}), "at least one header"),
        (lambda: Headers(all_={"x-match": "any"}), "x-match is set by Headers itself"),
    ],
)
def test_what_cannot_work_is_refused_with_advice(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()


@pytest.mark.parametrize(
    ("source", "match", "says"),
    [
        (orders, Headers(all_={"a": 1}), "is a topic exchange and looks at routing keys"),
        (Exchange("h", "headers"), "orders.*", r"is a headers exchange; bind with Headers\(all_="),
        (Exchange("d", "direct"), "orders.*", "takes 'orders.\\*' literally; use a topic exchange"),
        (Exchange("d", "direct"), "#", "literally"),
        (orders, "k" * 256, "limited to 255 bytes"),
        (Exchange(""), "queue", "cannot be bound"),
    ],
)
def test_a_binding_that_never_matches_is_refused(source: Exchange, match: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        check_match(source, match)


@pytest.mark.parametrize("key", ["orders.created", "a*b", "c#", ""])
def test_a_direct_exchange_takes_keys_that_only_contain_stars_and_hashes(key: str) -> None:
    check_match(Exchange("d"), key)


def test_headers_become_binding_arguments() -> None:
    assert Headers(all_={"region": "eu", "rush": True}).arguments == {"x-match": "all", "region": "eu", "rush": True}
    assert Headers(any_={"region": None}).arguments == {"x-match": "any", "region": None}


def test_headers_that_start_with_x_are_matched_too() -> None:
    # RabbitMQ leaves them out of "all" and "any": such a binding would match messages without the header.
    assert Headers(all_={"x-tenant": "acme"}).arguments["x-match"] == "all-with-x"
    assert Headers(any_={"x-tenant": "acme", "b": 1}).arguments["x-match"] == "any-with-x"


def test_an_exchanges_topology_brings_its_alternate_and_the_exchanges_it_is_bound_to_first() -> None:
    unrouted = Exchange("unrouted", "fanout")
    source = Exchange("orders", "topic", alternate=unrouted)
    audit = Exchange("audit", "fanout", bindings=[(source, "orders.#")])
    topology = Topology.of(audit)
    assert [one.name for one in topology.exchanges] == ["unrouted", "orders", "audit"]
    assert topology.bindings == (Binding("orders", "audit", DestinationKind.EXCHANGE, "orders.#"),)


def test_the_default_exchange_is_never_declared() -> None:
    assert Topology.of(DEFAULT_EXCHANGE) == Topology()


def test_merging_keeps_one_of_each() -> None:
    topology = Topology.of(orders) | Topology.of(Exchange("orders", "topic"))
    assert topology == Topology.of(orders)


def test_merging_two_definitions_of_one_name_is_refused_and_names_the_difference() -> None:
    with pytest.raises(ConfigurationError, match="exchange 'orders' is defined twice: type is 'topic' and 'fanout'"):
        Topology.of(orders) | Topology.of(Exchange("orders", "fanout"))
