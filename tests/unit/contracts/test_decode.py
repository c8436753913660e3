"""How a consumer reads messages: strictly, under its own contracts, with errors that say what is wrong."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from warren.contracts.envelope import decode, encode
from warren.contracts.fields import SecretText
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.contracts.properties import Int32, Properties
from warren.errors import (
    ContractDefinitionError,
    ContractError,
    InvalidPayload,
    Transient,
    Undecodable,
    UnknownType,
    UnknownVersion,
)


class Item(BaseModel):
    sku: str
    count: int = 1


class OrderCreated(Message, exchange="orders", routing_key="orders.created"):
    order_id: int
    event: str = "created"
    ratio: float = 1.0
    items: list[Item] = Field(default_factory=list)
    kind: Literal["web", "shop"] = "web"
    note: Annotated[str, Field(max_length=5)] = ""


class OrderCancelled(Message, exchange="orders", routing_key="orders.cancelled"):
    order_id: int
    reason: str


class OrderCreatedV2(Message, exchange="orders", routing_key="orders.created", version=2):
    order: str


one = Contracts.of(OrderCreated)
two = Contracts.of(OrderCreated, OrderCancelled)
versions = Contracts.of(OrderCreated, OrderCreatedV2)
plain = Properties()


# -- plain producers ----------------------------------------------------------------------


def test_bare_json_is_read_under_the_only_contract() -> None:
    assert decode(one, plain, b'{"order_id": 4821, "event": "created"}', "orders.created") == OrderCreated(
        order_id=4821, event="created"
    )


def test_unknown_fields_are_ignored() -> None:
    assert decode(one, plain, b'{"order_id": 1, "colour": "red"}') == OrderCreated(order_id=1)


def test_a_class_may_forbid_unknown_fields() -> None:
    class Closed(Message, routing_key="closed", extra="forbid"):
        order_id: int

    with pytest.raises(InvalidPayload, match="closed v1: colour is not a field of this contract"):
        decode(Contracts.of(Closed), plain, b'{"order_id": 1, "colour": "red"}')


@pytest.mark.parametrize(
    "properties",
    [
        Properties(content_type=""),
        Properties(content_type="application/json"),
        Properties(content_type="application/json; charset=utf-8"),
        Properties(content_type="Application/JSON; charset=UTF-8"),
        Properties(content_type='application/json;charset="utf-8"'),
        Properties(content_type="application/vnd.shop.order+json"),
        Properties(content_encoding="utf-8"),
        Properties(content_encoding=""),
        Properties(type=""),
        Properties(headers={"x-other": 1}),
    ],
)
def test_properties_that_still_mean_plain_json_are_accepted(properties: Properties) -> None:
    assert decode(one, properties, b'{"order_id": 1}') == OrderCreated(order_id=1)


def test_of_several_contracts_the_routing_key_tells() -> None:
    body = b'{"order_id": 1, "reason": "late"}'

    assert isinstance(decode(two, plain, body, "orders.created"), OrderCreated)
    assert isinstance(decode(two, plain, body, "orders.cancelled"), OrderCancelled)


def test_on_a_retry_the_original_routing_key_tells() -> None:
    copied = Properties(headers={"x-warren-exchange": "orders", "x-warren-routing-key": "orders.cancelled"})

    assert isinstance(decode(two, copied, b'{"order_id": 1, "reason": "late"}', "billing"), OrderCancelled)


def test_else_the_only_contract_that_fits_is_taken() -> None:
    with_versions = Contracts.of(OrderCreatedV2, OrderCancelled)

    assert isinstance(decode(with_versions, plain, b'{"order": "1"}', "elsewhere"), OrderCreatedV2)
    assert isinstance(decode(with_versions, plain, b'{"order_id": 1, "reason": ""}', "elsewhere"), OrderCancelled)


def test_a_type_without_version_is_read_with_the_only_version_that_fits() -> None:
    typed = Properties(type="orders.created")

    assert isinstance(decode(versions, typed, b'{"order": "1"}'), OrderCreatedV2)
    assert isinstance(decode(versions, typed, b'{"order_id": 1}'), OrderCreated)


def test_a_version_without_type_narrows_the_choice() -> None:
    assert isinstance(decode(versions, Properties(headers={"x-warren-version": 2}), b'{"order": "1"}'), OrderCreatedV2)


# -- Warren's producers -------------------------------------------------------------------


def test_type_and_version_choose_the_contract_whatever_the_routing_key() -> None:
    outgoing = encode(OrderCreatedV2(order="1"), now=0)

    assert isinstance(decode(versions, outgoing.properties, outgoing.body, "orders.cancelled"), OrderCreatedV2)


def test_the_version_may_come_in_another_integer_width() -> None:
    properties = Properties(type="orders.created", headers={"x-warren-version": Int32(2)})

    assert isinstance(decode(versions, properties, b'{"order": "1"}'), OrderCreatedV2)


# -- what is refused ----------------------------------------------------------------------

V1 = "orders.created v1"


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (b"", Undecodable, "the body is empty; expected a JSON object"),
        (b"{", Undecodable, "the body is not JSON: EOF while parsing an object at line 1 column 1"),
        (b"order", Undecodable, "the body is not JSON: expected value at line 1 column 1"),
        (b'{"order_id": 1,}', Undecodable, "the body is not JSON: trailing comma at line 1 column 16"),
        (b'{"order_id": 1} {}', Undecodable, "the body is not JSON: trailing characters at line 1 column 17"),
        (b"\x80\x04\x95pickle", Undecodable, "the body is not JSON: expected value at line 1 column 1"),
        (b'{"a":"\xff"}', Undecodable, "the body is not JSON: invalid unicode code point at line 1 column 7"),
        (b'{"order_id": NaN}', Undecodable, "the body is not JSON: it contains NaN"),
        (b'{"order_id": 1, "x": [-Infinity]}', Undecodable, "the body is not JSON: it contains -Infinity"),
        (
            b'{"order_id": 1, "x": ' + b"[" * 100_000,
            Undecodable,
            "the body is not JSON: recursion limit exceeded at line 1 column 222",
        ),
        (b"null", InvalidPayload, f"{V1}: the body: expected an object, got null"),
        (b"[1, 2]", InvalidPayload, f"{V1}: the body: expected an object, got an array"),
        (b'"text"', InvalidPayload, f'{V1}: the body: expected an object, got string "text"'),
        (b"17", InvalidPayload, f"{V1}: the body: expected an object, got number 17"),
        (b"{}", InvalidPayload, f"{V1}: order_id is missing"),
        (b'{"order_id": "7"}', InvalidPayload, f'{V1}: order_id: expected a valid integer, got string "7"'),
        (b'{"order_id": 7.0}', InvalidPayload, f"{V1}: order_id: expected a valid integer, got number 7.0"),
        (b'{"order_id": true}', InvalidPayload, f"{V1}: order_id: expected a valid integer, got boolean true"),
        (b'{"order_id": null}', InvalidPayload, f"{V1}: order_id: expected a valid integer, got null"),
        (b'{"order_id": {"a": 1}}', InvalidPayload, f"{V1}: order_id: expected a valid integer, got an object"),
        (
            b'{"order_id": 1, "kind": "phone"}',
            InvalidPayload,
            f"{V1}: kind: expected 'web' or 'shop', got string \"phone\"",
        ),
        (
            b'{"order_id": 1, "note": "too long"}',
            InvalidPayload,
            f'{V1}: note: string should have at most 5 characters, got string "too long"',
        ),
        (
            b'{"order_id": 1, "items": [{"sku": "a"}, {"count": "x"}]}',
            InvalidPayload,
            f'{V1}: items.1.sku is missing; items.1.count: expected a valid integer, got string "x"',
        ),
        (
            b'{"event": 1, "ratio": "a", "items": 2, "kind": 3}',
            InvalidPayload,
            (
                f"{V1}: order_id is missing; event: expected a valid string, got number 1; "
                'ratio: expected a valid number, got string "a"; and 2 more'
            ),
        ),
        (
            b'{"order_id": "' + b"9" * 500 + b'"}',
            InvalidPayload,
            f'{V1}: order_id: expected a valid integer, got string "{"9" * 38}…',
        ),
    ],
)
def test_a_body_that_does_not_fit_says_why(body: bytes, error: type[ContractError], text: str) -> None:
    with pytest.raises(ContractError) as failure:
        decode(one, plain, body)

    assert type(failure.value) is error
    assert str(failure.value) == text


@pytest.mark.parametrize(
    ("properties", "error", "text"),
    [
        (
            Properties(content_type="text/plain"),
            Undecodable,
            "content type 'text/plain' is not read; expected application/json",
        ),
        (
            Properties(content_type="application/x-python-serialize"),
            Undecodable,
            "content type 'application/x-python-serialize' is not read; expected application/json",
        ),
        (
            Properties(content_type="application/json; charset=latin-1"),
            Undecodable,
            "charset 'latin-1' is not read; expected UTF-8",
        ),
        (
            Properties(content_encoding="gzip"),
            Undecodable,
            "content encoding 'gzip' is not read; expected none",
        ),
        (
            Properties(type="orders.deleted"),
            UnknownType,
            "type 'orders.deleted' is not handled here; this consumer reads orders.created v1, orders.created v2",
        ),
        (
            Properties(type="orders.created", headers={"x-warren-version": 3}),
            UnknownVersion,
            "version 3 of orders.created is not handled here; this consumer reads orders.created v1, orders.created v2",
        ),
        (
            Properties(type="orders.created", headers={"x-warren-version": "1"}),
            UnknownVersion,
            "header x-warren-version is '1'; expected a whole number from 1",
        ),
        (
            Properties(headers={"x-warren-version": True}),
            UnknownVersion,
            "header x-warren-version is True; expected a whole number from 1",
        ),
        (
            Properties(headers={"x-warren-version": 1.0}),
            UnknownVersion,
            "header x-warren-version is 1.0; expected a whole number from 1",
        ),
        (
            Properties(headers={"x-warren-version": None}),
            UnknownVersion,
            "header x-warren-version is None; expected a whole number from 1",
        ),
        (
            Properties(headers={"x-warren-version": 9}),
            UnknownVersion,
            "version 9 is not handled here; this consumer reads orders.created v1, orders.created v2",
        ),
    ],
)
def test_properties_that_do_not_fit_say_why(properties: Properties, error: type[ContractError], text: str) -> None:
    with pytest.raises(ContractError) as failure:
        decode(versions, properties, b'{"order_id": 1}')

    assert type(failure.value) is error
    assert str(failure.value) == text


def test_a_body_above_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(Undecodable) as failure:
        decode(Contracts.of(OrderCreated, max_body=10), plain, b"no JSON at all")

    assert str(failure.value) == "the body has 14 bytes; the limit is 10"


def test_the_limit_is_16_mib_unless_said_otherwise() -> None:
    with pytest.raises(Undecodable, match="the body has 20,000,000 bytes; the limit is 16,777,216"):
        decode(one, plain, b" " * 20_000_000)


def test_a_message_that_fits_no_contract_names_all() -> None:
    with pytest.raises(InvalidPayload) as failure:
        decode(two, plain, b'{"order_id": "x"}', "elsewhere")

    assert str(failure.value) == (
        "fits no contract of this consumer: "
        'orders.created v1: order_id: expected a valid integer, got string "x" | '
        'orders.cancelled v1: order_id: expected a valid integer, got string "x"; reason is missing'
    )


def test_a_message_that_fits_several_contracts_is_not_guessed() -> None:
    with pytest.raises(InvalidPayload) as failure:
        decode(two, plain, b'{"order_id": 1, "reason": "late"}', "elsewhere")

    assert str(failure.value) == (
        "fits several contracts: orders.created v1, orders.cancelled v1; "
        "its producer must set type and x-warren-version"
    )


@given(st.binary(max_size=200), st.sampled_from([one, two, versions]), st.text(max_size=20))
def test_any_bytes_are_a_message_or_a_contract_error_of_one_line(body: bytes, contracts: Contracts, key: str) -> None:
    assert_one_line_error_at_most(contracts, body, key)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from([*OrderCreated.model_fields, "reason", "order", "other"]), json_values, max_size=7)
)
def test_any_json_is_a_message_or_a_contract_error_of_one_line(payload: dict[str, Any]) -> None:
    assert_one_line_error_at_most(two, json.dumps(payload).encode(), "elsewhere")


def assert_one_line_error_at_most(contracts: Contracts, body: bytes, key: str) -> None:
    text = "read"
    try:
        decode(contracts, plain, body, key)
    except ContractError as error:
        text = str(error)
    assert 0 < len(text) <= 1_100
    assert "\n" not in text


def test_a_strange_key_does_not_break_the_line() -> None:
    class Counted(Message, routing_key="counted"):
        counts: dict[str, int]

    with pytest.raises(InvalidPayload) as failure:
        decode(Contracts.of(Counted), plain, b'{"counts": {"a\\nb": "x"}}')

    assert str(failure.value) == 'counted v1: counts.a\\nb: expected a valid integer, got string "x"'


# -- secrets ------------------------------------------------------------------------------


class Credentials(BaseModel):
    password: SecretText


class Login(Message, routing_key="login"):
    user: int
    credentials: Credentials


def test_values_are_not_shown_where_the_contract_holds_a_secret() -> None:
    with pytest.raises(InvalidPayload) as failure:
        decode(Contracts.of(Login), plain, b'{"user": "hunter2", "credentials": {"password": ["hunter2"]}}')

    assert str(failure.value) == (
        "login v1: user: expected a valid integer, got string; "
        "credentials.password: expected a valid string, got an array"
    )
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def test_values_are_not_shown_where_the_class_hides_its_input() -> None:
    class Hidden(Message, routing_key="hidden"):
        model_config = ConfigDict(hide_input_in_errors=True)
        number: int

    with pytest.raises(InvalidPayload, match=r"hidden v1: number: expected a valid integer, got string$"):
        decode(Contracts.of(Hidden), plain, b'{"number": "secret"}')


# -- validators of the application's own --------------------------------------------------


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    if value > 100:
        raise Transient("the catalogue does not answer")
    return 10 // value


class Even(Message, routing_key="even"):
    number: Annotated[int, AfterValidator(_even)]


def test_a_validators_reason_is_passed_on() -> None:
    with pytest.raises(InvalidPayload, match="even v1: number: value error, must be even, got number 3"):
        decode(Contracts.of(Even), plain, b'{"number": 3}')


def test_a_validator_that_breaks_is_a_contract_failure() -> None:
    with pytest.raises(InvalidPayload, match="even v1: its validation raised ZeroDivisionError: ") as failure:
        decode(Contracts.of(Even), plain, b'{"number": 0}')

    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def test_a_validator_may_ask_for_a_retry() -> None:
    with pytest.raises(Transient):
        decode(Contracts.of(Even), plain, b'{"number": 102}')


# -- the lookup ---------------------------------------------------------------------------


def test_two_classes_of_one_type_and_version_cannot_be_told_apart() -> None:
    class Other(Message, routing_key="orders.created"):
        order_id: int

    with pytest.raises(ContractDefinitionError) as failure:
        Contracts.of(OrderCreated, Other)

    assert str(failure.value) == ("OrderCreated and Other are both orders.created v1; give one another type or version")


def test_a_class_given_twice_counts_once() -> None:
    assert Contracts.of(OrderCreated, OrderCreated).classes == (OrderCreated,)


@pytest.mark.parametrize("wrong", [int, Message, "OrderCreated", None])
def test_only_message_classes_are_contracts(wrong: Any) -> None:
    with pytest.raises(ContractDefinitionError, match=r"is no message class; derive one from warren\.Message"):
        Contracts.of(wrong)


def test_a_consumer_needs_a_contract() -> None:
    with pytest.raises(ContractDefinitionError, match="a consumer needs at least one message class"):
        Contracts.of()
