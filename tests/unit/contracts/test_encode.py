"""What is published: the properties, the headers and the body of an encoded message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import Field

from warren.contracts.envelope import encode
from warren.contracts.message import Message
from warren.contracts.properties import Properties
from warren.errors import ConfigurationError, ContractDefinitionError, InvalidPayload

NOW = 1_700_000_000.25


class OrderCreated(Message, exchange="orders", routing_key="orders.created", version=2):
    order_id: int
    event: str


class Routed(Message, exchange="by-region", type="routed", headers={"region": "eu", "kind": "a"}):
    lines: list[int] = Field(default_factory=list)


order = OrderCreated(order_id=4821, event="crëated")


def test_a_message_is_published_with_standard_properties_and_two_headers() -> None:
    outgoing = encode(order, now=NOW, app_id="billing", message_id="m-1")

    assert outgoing.exchange == "orders"
    assert outgoing.routing_key == "orders.created"
    assert outgoing.message_id == "m-1"
    assert outgoing.message_type == "orders.created"
    assert outgoing.properties == Properties(
        content_type="application/json",
        headers={"x-warren-version": 2, "x-warren-sent-at": 1_700_000_000_250},
        delivery_mode=2,
        message_id="m-1",
        timestamp=1_700_000_000,
        type="orders.created",
        app_id="billing",
    )


def test_the_body_is_compact_utf8_json() -> None:
    assert encode(order, now=NOW).body == '{"order_id":4821,"event":"crëated"}'.encode()


def test_every_message_gets_an_id_of_its_own() -> None:
    assert len({encode(order, now=NOW).message_id for _ in range(1_000)}) == 1_000


def test_options_become_properties() -> None:
    properties = encode(
        order,
        now=NOW,
        correlation_id="c-1",
        reply_to="answers",
        priority=7,
        ttl=1.5,
        persistent=False,
    ).properties

    assert properties.correlation_id == "c-1"
    assert properties.reply_to == "answers"
    assert properties.priority == 7
    assert properties.expiration == "1500"
    assert properties.delivery_mode == 1


def test_a_routing_key_replaces_the_declared_one_and_the_type_stays() -> None:
    outgoing = encode(order, now=NOW, routing_key="orders.created.eu")

    assert (outgoing.routing_key, outgoing.message_type) == ("orders.created.eu", "orders.created")


def test_headers_of_the_class_travel_with_each_message_and_yours_win() -> None:
    headers = encode(Routed(), now=NOW, headers={"region": "us", "trace": "t"}).properties.headers

    assert headers == {
        "region": "us",
        "kind": "a",
        "trace": "t",
        "x-warren-version": 1,
        "x-warren-sent-at": 1_700_000_000_250,
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"headers": {"x-warren-attempt": 4}},
            "header 'x-warren-attempt' cannot be set; names with x-warren- are Warren's own",
        ),
        ({"ttl": -1}, "ttl=-1 cannot be used; give seconds from 0 to 4,294,967"),
        ({"ttl": float("nan")}, "ttl=nan cannot be used; give seconds from 0 to 4,294,967"),
        ({"ttl": 5_000_000}, "ttl=5000000 cannot be used; give seconds from 0 to 4,294,967"),
    ],
)
def test_options_that_cannot_be_sent_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        encode(order, now=NOW, **options)

    assert str(failure.value) == text


def test_a_class_with_neither_exchange_nor_routing_key_is_not_published() -> None:
    class Read(Message, type="read"):
        value: int

    with pytest.raises(ContractDefinitionError, match="Read cannot be published: it states no exchange and no routing"):
        encode(Read(value=1), now=NOW)

    assert encode(Read(value=1), now=NOW, routing_key="jobs").routing_key == "jobs"


# -- instances that got round validation --------------------------------------------------


def test_an_instance_changed_after_its_validation_is_not_published() -> None:
    wrong = order.model_copy(update={"order_id": "4821"})

    with pytest.raises(InvalidPayload) as failure:
        encode(wrong, now=NOW)

    assert str(failure.value) == (
        "not published, it was changed after its validation: "
        'orders.created v2: order_id: expected a valid integer, got string "4821"'
    )


def test_a_nested_list_changed_after_validation_is_noticed() -> None:
    routed = Routed(lines=[1])
    routed.lines.append("two")

    with pytest.raises(InvalidPayload, match=r'lines.1: expected a valid integer, got string "two"'):
        encode(routed, now=NOW)


def test_an_instance_that_json_cannot_hold_is_not_published() -> None:
    class Loose(Message, routing_key="loose"):
        value: Any

    with pytest.raises(InvalidPayload, match="loose v1 cannot be written as JSON: Unable to serialize unknown type"):
        encode(Loose(value=object()), now=NOW)


def test_an_unvalidated_instance_that_fits_is_published() -> None:
    class Loose(Message, routing_key="loose"):
        value: float

    built = Loose.model_construct(value=1)

    assert json.loads(encode(built, now=NOW).body) == {"value": 1}
