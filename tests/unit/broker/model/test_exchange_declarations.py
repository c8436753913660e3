"""Declaring, deleting and binding exchanges: what is refused, in RabbitMQ 4.0.5's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage
from warren.broker.protocol.fields import Int32
from warren.broker.replies import ChannelClosed, Closed, ConnectionClosed
from warren.broker.settings import Profile

NO_ALTERNATE = (
    "'alternate-exchange' for exchange 'e' in vhost '/': received the value 'x' of type 'longstr' but current is none"
)
DEFAULT = "ACCESS_REFUSED - operation not permitted on the default exchange"


@pytest.fixture
def stage() -> RoutingStage:
    return RoutingStage()


def refusal(call: Any, *args: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(Closed) as caught:
        call(*args, **options)
    assert isinstance(caught.value, ChannelClosed)
    return caught.value.code, caught.value.text


def test_the_exchanges_every_virtual_host_has(stage: RoutingStage) -> None:
    found = {name: exchange.type for name, exchange in stage.vhost.exchanges.items()}
    assert found == {
        "": "direct",
        "amq.direct": "direct",
        "amq.fanout": "fanout",
        "amq.headers": "headers",
        "amq.match": "headers",
        "amq.rabbitmq.trace": "topic",
        "amq.topic": "topic",
    }
    assert all(exchange.durable for exchange in stage.vhost.exchanges.values())
    assert [name for name, one in stage.vhost.exchanges.items() if one.internal] == ["amq.rabbitmq.trace"]
    assert stage.kept("exchange") == []


def test_an_equivalent_declaration_returns_the_exchange_there_is(stage: RoutingStage) -> None:
    first = stage.vhost.declare_exchange("e", "direct", arguments={"alternate-exchange": "x", "unknown": 1})
    assert stage.vhost.declare_exchange("e", "direct", arguments={"alternate-exchange": "x"}) is first
    assert stage.vhost.declare_exchange("amq.topic", "topic", durable=True).name == "amq.topic"


@pytest.mark.parametrize(
    ("kind", "options", "difference"),
    [
        ("topic", {}, "'type' for exchange 'e' in vhost '/': received 'topic' but current is 'direct'"),
        (
            "direct",
            {"durable": True},
            "'durable' for exchange 'e' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            "direct",
            {"auto_delete": True},
            "'auto_delete' for exchange 'e' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            "direct",
            {"internal": True},
            "'internal' for exchange 'e' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            "direct",
            {"arguments": {"alternate-exchange": "x"}},
            NO_ALTERNATE,
        ),
    ],
)
def test_a_declaration_that_differs_is_refused(
    stage: RoutingStage, kind: str, options: dict[str, Any], difference: str
) -> None:
    stage.exchange("e")
    assert refusal(stage.exchange, "e", kind, **options) == (
        406,
        f"PRECONDITION_FAILED - inequivalent arg {difference}",
    )


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        ({}, "received none but current is the value 'a' of type 'longstr'"),
        ({"alternate-exchange": "b"}, "received 'b' but current is 'a'"),
        ({"alternate-exchange": Int32(1)}, "received '1' but current is 'a'"),
    ],
)
def test_another_alternate_exchange_is_refused(stage: RoutingStage, arguments: dict[str, Any], difference: str) -> None:
    stage.exchange("e", arguments={"alternate-exchange": "a"})
    assert refusal(stage.exchange, "e", arguments=arguments) == (
        406,
        f"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'e' in vhost '/': {difference}",
    )


def test_an_alternate_exchange_must_be_a_string(stage: RoutingStage) -> None:
    text = "PRECONDITION_FAILED - invalid type '{}' for arg 'alternate-exchange' in exchange 'e' in vhost '/'"
    assert refusal(stage.exchange, "e", arguments={"alternate-exchange": Int32(1)}) == (406, text.format("signedint"))
    assert refusal(stage.exchange, "e", arguments={"alternate-exchange": True}) == (406, text.format("bool"))
    assert "e" not in stage.vhost.exchanges


def test_an_unknown_type_is_refused_before_anything_is_compared(stage: RoutingStage) -> None:
    stage.exchange("e")
    for name in ("e", "new"):
        assert refusal(stage.exchange, name, "nosuch") == (406, "PRECONDITION_FAILED - unknown exchange type 'nosuch'")
    assert refusal(stage.exchange, "new", "") == (406, "PRECONDITION_FAILED - invalid exchange type ''")


def test_an_unknown_type_closed_the_connection_in_rabbitmq_3() -> None:
    stage = RoutingStage(profile=Profile.RABBITMQ_3_10)
    with pytest.raises(ConnectionClosed, match="COMMAND_INVALID - unknown exchange type 'nosuch'"):
        stage.exchange("e", "nosuch")


def test_reserved_names_are_refused(stage: RoutingStage) -> None:
    assert refusal(stage.exchange, "amq.mine") == (
        403,
        "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
    )
    for name in ("amq.direct", "amq.nosuch"):
        assert refusal(stage.vhost.delete_exchange, name) == (
            403,
            f"ACCESS_REFUSED - deletion of system exchange '{name}' in vhost '/' not allowed",
        )


def test_the_default_exchange_can_not_be_touched(stage: RoutingStage) -> None:
    vhost = stage.vhost
    stage.queues("q")
    assert refusal(vhost.declare_exchange, "", "direct", durable=True) == (403, DEFAULT)
    assert refusal(vhost.declare_exchange, "", "direct", passive=True) == (403, DEFAULT)
    assert refusal(vhost.delete_exchange, "") == (403, DEFAULT)
    assert refusal(vhost.bind, "queue", "q", "", "k") == (403, DEFAULT)
    assert refusal(vhost.bind, "queue", "missing", "", "k") == (403, DEFAULT)
    assert refusal(vhost.unbind, "queue", "q", "", "q") == (403, DEFAULT)
    for ends in (("", "amq.direct"), ("amq.direct", "")):
        assert refusal(vhost.bind, "exchange", *ends, "k") == (403, DEFAULT)
        assert refusal(vhost.unbind, "exchange", *ends, "k") == (403, DEFAULT)


def test_a_passive_declaration_only_asks(stage: RoutingStage) -> None:
    stage.exchange("e")
    assert stage.vhost.declare_exchange("e", "nosuch", passive=True).type == "direct"
    for name in ("missing", "amq.missing"):
        assert refusal(stage.exchange, name, passive=True) == (404, f"NOT_FOUND - no exchange '{name}' in vhost '/'")


def test_deleting_what_is_not_there_is_no_error(stage: RoutingStage) -> None:
    stage.vhost.delete_exchange("missing")
    stage.exchange("e")
    version = stage.vhost.version
    stage.vhost.delete_exchange("e")
    assert stage.vhost.version > version
    assert "e" not in stage.vhost.exchanges


def test_an_exchange_that_passes_something_on_is_in_use(stage: RoutingStage) -> None:
    stage.exchange("source")
    stage.exchange("destination")
    stage.chain("source", "destination")
    assert refusal(stage.vhost.delete_exchange, "source", if_unused=True) == (
        406,
        "PRECONDITION_FAILED - exchange 'source' in vhost '/' in use",
    )
    stage.vhost.delete_exchange("destination", if_unused=True)
    stage.vhost.delete_exchange("source", if_unused=True)
    assert len(stage.vhost.bindings) == 0


def test_both_ends_of_a_binding_must_be_there(stage: RoutingStage) -> None:
    stage.queues("q")
    no_exchange = (404, "NOT_FOUND - no exchange 'nix' in vhost '/'")
    assert refusal(stage.vhost.bind, "queue", "q", "nix", "") == no_exchange
    assert refusal(stage.vhost.bind, "queue", "missing", "nix", "") == no_exchange
    assert refusal(stage.vhost.bind, "exchange", "amq.direct", "nix", "") == no_exchange
    assert refusal(stage.vhost.bind, "exchange", "nix", "amq.direct", "") == no_exchange
    assert refusal(stage.vhost.bind, "exchange", "other", "nix", "") == no_exchange
    assert refusal(stage.vhost.bind, "queue", "nixq", "amq.direct", "") == (
        404,
        "NOT_FOUND - no queue 'nixq' in vhost '/'",
    )


def test_unbinding_what_is_not_there_is_no_error(stage: RoutingStage) -> None:
    stage.queues("q")
    for kind, destination, source in (
        ("queue", "q", "nix"),
        ("queue", "nixq", "amq.direct"),
        ("queue", "q", "amq.direct"),
        ("exchange", "amq.fanout", "amq.direct"),
        ("exchange", "nix", "nix2"),
    ):
        stage.vhost.unbind(kind, destination, source, "k")
