"""Older versions, read through upcasters; and the size a message may have.

Not here: messages on a broker (tests/contract/test_contract_versions.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from warren import (
    ContractDefinitionError,
    InvalidPayload,
    Message,
    MessageTooLarge,
    SecretText,
    Transient,
    Undecodable,
    UnknownVersion,
    upcaster,
)
from warren.contracts.envelope import decode, encode
from warren.contracts.headers import VERSION
from warren.contracts.lookup import Contracts
from warren.contracts.properties import Properties

Body = dict[str, Any]


class OrderCreated(Message, routing_key="orders.created", version=3):
    order_id: int
    currency: str
    total: Decimal


@upcaster(OrderCreated, from_version=1)
def add_currency(body: Body) -> Body:
    return {**body, "currency": "EUR"}


@upcaster(OrderCreated, from_version=2)
def cents_to_total(body: Body) -> Body:
    body["total"] = Decimal(body.pop("cents")) / 100
    return body


def sent(version: object, message_type: str | None = "orders.created") -> Properties:
    return Properties(type=message_type, headers={} if version is None else {VERSION: version})


def read(version: object, body: object, *contracts: type[Message]) -> Message:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(Contracts.of(*(contracts or (OrderCreated,))), sent(version), data)


def test_an_older_version_passes_each_upcaster_from_its_own_on() -> None:
    expected = OrderCreated(order_id=1, currency="EUR", total=Decimal("1.50"))
    assert read(1, {"order_id": 1, "cents": 150}) == expected
    assert read(2, {"order_id": 1, "cents": 150, "currency": "EUR"}) == expected
    assert read(3, {"order_id": 1, "total": "1.50", "currency": "EUR"}) == expected


def test_what_upcasters_return_is_read_strictly() -> None:
    with pytest.raises(
        InvalidPayload, match=r"orders.created v3: order_id: expected a valid integer, got string \"1\""
    ):
        read(2, {"order_id": "1", "cents": 150, "currency": "EUR"})


def test_a_version_that_nothing_reads_is_unknown_still() -> None:
    with pytest.raises(UnknownVersion, match=r"version 4 of orders.created is not handled here"):
        read(4, {})


def test_a_message_without_a_version_is_read_as_the_class_has_it() -> None:
    with pytest.raises(InvalidPayload, match=r"orders.created v3: currency is missing"):
        read(None, {"order_id": 1, "cents": 150})


def test_the_error_of_an_upcaster_is_a_contract_failure_that_names_it() -> None:
    with pytest.raises(InvalidPayload, match=r"^orders.created v2: upcaster cents_to_total raised KeyError: 'cents'$"):
        read(1, {"order_id": 1})


def test_an_upcaster_may_ask_for_a_retry() -> None:
    class Priced(Message, type="priced", version=2):
        price: int

    @upcaster(Priced, from_version=1)
    def ask(body: Body) -> Body:
        raise Transient("the price list does not answer")

    with pytest.raises(Transient):
        decode(Contracts.of(Priced), sent(1, "priced"), b"{}")


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (b"", Undecodable, "the body is empty"),
        (b"{", Undecodable, "the body is not JSON: EOF while parsing"),
        (b"\xff", Undecodable, "the body is not JSON"),
        (b"NaN", Undecodable, "it contains NaN"),
        (b"[" * 5000, Undecodable, "the body is not JSON: recursion limit exceeded"),
        (b"[1]", InvalidPayload, "orders.created v1: the body: expected an object"),
    ],
)
def test_no_upcaster_sees_a_body_that_is_no_json_object(body: bytes, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        read(1, body)


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (None, "returned a NoneType, not a dict"),
        ([], "returned a list, not a dict"),
        ({"x": object()}, "its upcasters returned what is no JSON"),
        ({"x": float("nan")}, "things v2: x: "),
    ],
)
def test_an_upcaster_that_returns_no_body_is_a_contract_failure(returned: Any, text: str) -> None:
    class Things(Message, type="things", version=2):
        x: float

    @upcaster(Things, from_version=1)
    def change(_: Body) -> Body:
        return returned

    with pytest.raises(InvalidPayload, match=text):
        decode(Contracts.of(Things), sent(1, "things"), b"{}")


def test_what_json_has_no_type_for_may_be_returned() -> None:
    class Placed(Message, type="placed", version=2):
        at: datetime
        data: bytes

    @upcaster(Placed, from_version=1)
    def change(body: Body) -> Body:
        return {"at": datetime.fromtimestamp(body["at"], UTC), "data": b"\xff\x00"}

    read_back = decode(Contracts.of(Placed), sent(1, "placed"), b'{"at": 0}')
    assert read_back == Placed(at=datetime(1970, 1, 1, tzinfo=UTC), data=b"\xff\x00")


def test_an_error_shows_no_value_of_a_contract_with_secrets() -> None:
    class Login(Message, type="login", version=2):
        password: SecretText

    @upcaster(Login, from_version=1)
    def change(body: Body) -> Body:
        raise ValueError(body["secret"])

    with pytest.raises(InvalidPayload, match=r"^login v1: upcaster \S+change raised ValueError$"):
        decode(Contracts.of(Login), sent(1, "login"), b'{"secret": "hunter2"}')


def test_a_class_of_the_older_version_comes_before_an_upcaster() -> None:
    class First(Message, type="orders.created", version=1):
        order_id: int

    assert read(1, {"order_id": 1}, OrderCreated, First) == First(order_id=1)


def test_the_newest_class_with_an_upcaster_reads_an_older_version() -> None:
    class Second(Message, type="orders.created", version=2):
        order_id: int

    upcaster(Second, from_version=1)(lambda body: body)
    message = read(1, {"order_id": 1, "cents": 1}, Second, OrderCreated)
    assert isinstance(message, OrderCreated)


def test_upcasters_may_be_declared_after_the_consumer() -> None:
    class Late(Message, type="late", version=2):
        x: int

    contracts = Contracts.of(Late)
    upcaster(Late, from_version=1)(lambda body: {"x": 1})
    assert decode(contracts, sent(1, "late"), b"{}") == Late(x=1)


def test_a_subclass_has_upcasters_of_its_own() -> None:
    class Special(OrderCreated, type="orders.special", version=2):
        pass

    with pytest.raises(UnknownVersion):
        decode(Contracts.of(Special), sent(1, "orders.special"), b"{}")


async def wait(body: Body) -> Body:
    return body


@pytest.mark.parametrize(
    ("function", "from_version", "text"),
    [
        (wait, 1, "must be a plain function"),
        (add_currency, 0, "from_version=0; OrderCreated is version 3"),
        (add_currency, 3, "from_version=3; OrderCreated is version 3"),
        (add_currency, True, "from_version=True"),
        (cents_to_total, 1, "OrderCreated has two upcasters from version 1"),
    ],
)
def test_a_wrong_declaration_is_refused(function: Callable[[Body], Body], from_version: int, text: str) -> None:
    with pytest.raises(ContractDefinitionError, match=text):
        upcaster(OrderCreated, from_version=from_version)(function)


# -- size ---------------------------------------------------------------------------------


class Small(Message, routing_key="small", max_size=20):
    text: str


class Tiny(Small, routing_key="tiny"):
    pass


class Wide(Small, routing_key="wide", max_size=100):
    pass


def test_a_message_larger_than_its_class_allows_is_refused_before_it_is_sent() -> None:
    assert len(encode(Small(text="x" * 9), now=0.0).body) == 20
    with pytest.raises(MessageTooLarge, match="has a body of 21 bytes; the limit of small v1 is 20"):
        encode(Small(text="x" * 10), now=0.0)


@pytest.mark.parametrize("message_type", ["small", None])
def test_a_message_larger_than_its_class_allows_is_not_read(message_type: str | None) -> None:
    properties = Properties(type=message_type, headers={} if message_type is None else {VERSION: 1})
    contracts = Contracts.of(Small)
    assert decode(contracts, properties, b'{"text":"xxxxxxxxx"}') == Small(text="x" * 9)
    with pytest.raises(Undecodable, match="the body has 21 bytes; the limit of small v1 is 20"):
        decode(contracts, properties, b'{"text":"xxxxxxxxxx"}')


def test_the_limit_of_one_class_does_not_hold_for_another() -> None:
    contracts = Contracts.of(Small, Wide)
    properties = Properties(type="wide", headers={VERSION: 1})
    assert decode(contracts, properties, b'{"text":"xxxxxxxxxx"}') == Wide(text="x" * 10)
    assert decode(contracts, Properties(), b'{"text":"xxxxxxxxxx"}') == Wide(text="x" * 10)


def test_the_limit_is_inherited_and_an_older_version_keeps_to_it() -> None:
    assert Tiny.__warren__.max_size == 20
    assert Wide.__warren__.max_size == 100

    class Second(Message, type="second", version=2, max_size=5):
        x: int = 0

    upcaster(Second, from_version=1)(lambda body: {})
    with pytest.raises(Undecodable, match="the limit of second v2 is 5"):
        decode(Contracts.of(Second), sent(1, "second"), b'{"a":1}')


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "64KB"])
def test_a_senseless_limit_is_refused(size: Any) -> None:
    with pytest.raises(ContractDefinitionError, match="use a number of bytes, as in max_size=64_000"):
        type("Wrong", (Message,), {}, max_size=size)
