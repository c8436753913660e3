"""Secrets are hidden wherever a message holds them."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretBytes, SecretStr

from tests.unit.operations.messages import held
from warren import Message, SecretText
from warren.contracts.fields import secret_names
from warren.dashboard.letters.masking import HIDDEN, Masking
from warren.errors import ConfigurationError


class Card(BaseModel):
    number: SecretText
    holder: str = ""


class Paid(Message, type="paid"):
    pin: SecretText = SecretStr("")
    cards: tuple[Card, ...] = ()
    tokens: Annotated[dict[str, SecretText], Field(default_factory=dict)]
    by_alias: Annotated[SecretText | None, Field(alias="byAlias")] = None
    amount: float = 0.0


class Plain(Message, type="plain"):
    pin: str = ""


MASKING = Masking.of([Paid, Plain])


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-authorization-2", "COOKIE", "csrf-token", "client_secret", "password", "apikey", "X-Api-Key"],
)
def test_a_header_whose_name_says_so_is_hidden(name: str) -> None:
    masked = MASKING.mask(held(headers={name: "abc", "tenant": "acme"}))

    assert masked.properties.headers == {name: HIDDEN, "tenant": "acme"}


def test_a_secret_inside_of_a_header_is_hidden() -> None:
    masked = MASKING.mask(held(headers={"http": {"cookie": "abc", "list": [{"token": "abc"}, 1]}}))

    assert masked.properties.headers == {"http": {"cookie": HIDDEN, "list": [{"token": HIDDEN}, 1]}}


def test_headers_are_hidden_by_the_pattern_that_is_given() -> None:
    masking = Masking.of(hidden_headers="tenant")

    assert masking.mask(held(headers={"Tenant": "a", "Cookie": "b"})).properties.headers == {
        "Tenant": HIDDEN,
        "Cookie": "b",
    }


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="hidden_headers"):
        Masking.of(hidden_headers="(")


def test_secret_fields_are_known_by_every_name_they_go_by() -> None:
    assert secret_names(Paid) == {"pin", "number", "tokens", "by_alias", "byAlias"}


def test_secret_bytes_are_secret_too() -> None:
    class Held(BaseModel):
        key: SecretBytes

    assert secret_names(Held) == {"key"}


def test_a_class_that_holds_itself_is_read_to_its_end() -> None:
    assert secret_names(Tree) == {"leaf"}


class Tree(BaseModel):
    leaf: SecretText
    trees: tuple[Tree, ...] = ()


def test_fields_that_the_contract_has_secret_are_hidden_at_any_depth() -> None:
    body = b'{"pin":"1","cards":[{"number":"4111","holder":"Ada"}],"tokens":{"a":"b"},"amount":1.5}'

    masked = MASKING.mask(held(body, type="paid"))

    assert json.loads(masked.body) == {
        "pin": HIDDEN,
        "cards": [{"number": HIDDEN, "holder": "Ada"}],
        "tokens": HIDDEN,
        "amount": 1.5,
    }


def test_a_field_of_the_same_name_in_another_contract_is_shown() -> None:
    assert MASKING.mask(held(b'{"pin":"1"}', type="plain")).body == b'{"pin":"1"}'


def test_a_message_of_no_known_type_hides_what_any_contract_hides() -> None:
    assert b"4111" not in MASKING.mask(held(b'{"number":"4111"}')).body
    assert b"4111" not in MASKING.mask(held(b'{"number":"4111"}', type="other")).body


@pytest.mark.parametrize("body", [b'{"pin":"4111', b"4111 in text", b"\xff4111", b"[" * 5_000 + b"4111"])
def test_a_body_that_cannot_be_read_is_hidden_as_a_whole_where_its_contract_has_secrets(body: bytes) -> None:
    assert b"4111" not in MASKING.mask(held(body, type="paid")).body


def test_a_body_too_large_to_be_read_is_hidden_as_a_whole_where_its_contract_has_secrets() -> None:
    body = b'{"amount":1.5,"pin":"4111","rest":"%s"}' % (b"x" * 4 * 1024 * 1024)

    assert MASKING.mask(held(body, type="paid")).body.startswith(b"(hidden: its contract has secret fields, and")
    assert MASKING.mask(held(body, type="plain")).body == body


def test_a_body_without_secrets_stays_as_it_is_to_the_last_byte() -> None:
    body = b'{ "amount": 1.50 }'

    assert MASKING.mask(held(body, type="paid")).body == body


def test_the_properties_on_the_wire_are_gone_because_they_hold_the_secrets() -> None:
    one = held(headers={"Cookie": "abc"})._replace(raw_properties=b"abc")

    assert MASKING.mask(one).raw_properties == b""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["pin", "a", "number"]), inner),
    max_leaves=20,
)


@given(json_values)
def test_nothing_below_a_secret_name_is_ever_left(value: object) -> None:
    masked = json.loads(MASKING.mask(held(json.dumps(value).encode(), type="paid")).body)

    def check(each: object) -> None:
        if isinstance(each, dict):
            assert all(one == HIDDEN for name, one in each.items() if name in ("pin", "number"))
        for one in each.values() if isinstance(each, dict) else each if isinstance(each, list) else ():
            check(one)

    check(masked)
