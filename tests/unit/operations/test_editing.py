"""A body as text to change: nothing but what a person wrote is changed, and what does not fit is told field by field.

Not here: the editor (tests/acceptance/test_cli_replay.py), and the page (tests/contract/test_dashboard_edit.py).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren import Message
from warren.contracts.envelope import decode
from warren.contracts.lookup import Contracts
from warren.contracts.properties import Properties
from warren.errors import ConfigurationError, InvalidPayload
from warren.operations.editing import (
    Problem,
    changed_fields,
    check_editable,
    compacted,
    is_same_json,
    problems_of,
    text_of,
)
from warren.operations.lease import Held


class OrderCreated(Message, type="orders.created"):
    order_id: int
    country: str


CONTRACTS = Contracts.of(OrderCreated)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def held(body: bytes, **properties: Any) -> Held:
    given = {"content_type": "application/json", "type": "orders.created", **properties}
    return Held(1, False, "", "orders.created", Properties(**given), b"", body)


@given(values)
def test_a_text_that_nobody_changed_is_the_body_that_was(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return
    assert is_same_json(compacted(text_of(body)).decode(), body.decode())


texts = st.text(st.characters() | st.characters(categories=["Cs"]))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(any_json, st.booleans())
def test_whatever_a_page_can_show_of_a_body_comes_back_as_it_was(value: Any, is_escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_escaped)
    body = text.encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        with pytest.raises(ConfigurationError, match="binary"):
            text_of(body)
        return
    shown = text_of(body).encode("utf-8", "replace").decode()  # as a page shows it
    assert is_same_json(compacted(shown).decode(), text)


def test_half_a_character_stays_the_escape_that_it_was() -> None:
    body = b'{"name":"a\\ud800","city":"K\\u00f6ln"}'
    assert "a\\ud800" in text_of(body)
    assert json.loads(compacted(text_of(body))) == json.loads(body)


@pytest.mark.parametrize("number", ["1.10000000000000000001", "1e400", "123456789012345678901234567890.5"])
def test_no_number_is_changed_by_showing_it(number: str) -> None:
    body = f'{{"price":{number}}}'.encode()
    assert number in text_of(body)
    assert number.encode() in compacted(text_of(body))


def test_every_field_that_does_not_fit_is_told_with_its_reason() -> None:
    problems = problems_of(held(b"{}"), '{"order_id": "seven"}', CONTRACTS)

    assert problems == (
        Problem("order_id", 'expected a valid integer, got string "seven"'),
        Problem("country", "is missing"),
    )


def test_what_is_not_json_is_told_as_a_whole() -> None:
    for contracts in (None, CONTRACTS):
        (problem,) = problems_of(held(b"{}"), '{"order_id": }', contracts)
        assert problem.where == ""
        assert str(problem).startswith("it is not JSON: Expecting value")


def test_what_fits_has_no_problem_and_without_a_contract_any_json_does() -> None:
    assert problems_of(held(b"{}"), '{"order_id": 7, "country": "DE"}', CONTRACTS) == ()
    assert problems_of(held(b"{}"), "[1]", None) == ()


def test_a_type_that_its_consumer_does_not_know_is_told() -> None:
    (problem,) = problems_of(held(b"{}", type="other"), "{}", CONTRACTS)
    assert "type 'other' is not handled here" in problem.why


def test_a_body_that_no_text_can_be_made_of_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is binary"):
        check_editable(held(b"\xff\xfe"))
    with pytest.raises(ConfigurationError, match="in the store of a claim check"):
        check_editable(held(b"{}", content_type="application/vnd.warren.claim-check+json"))


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (b'{"a":1,"b":[{"c":1}]}', b'{"a":1,"b":[{"c":2}]}', ("b.0.c",)),
        (b'{"a":1}', b'{"a":1,"b":2}', ("b",)),
        (b'{"a":1}', b'{"a":true}', ("a",)),
        (b'{"a":[1]}', b'{"a":[1,2]}', ("a",)),
        (b"1", b"2", ("the body",)),
        (b"not json", b"{}", ()),
        (b'{"a":1}', b'{"a":1}', ()),
    ],
)
def test_what_was_changed_is_named_without_its_values(before: bytes, after: bytes, fields: tuple[str, ...]) -> None:
    assert changed_fields(before, after) == fields


def test_an_error_of_the_contract_lists_more_fields_than_its_text_names() -> None:
    class Wide(Message, type="wide"):
        a: int
        b: int
        c: int
        d: int

    with pytest.raises(InvalidPayload) as raised:
        decode(Contracts.of(Wide), Properties(content_type="application/json", type="wide"), b"{}")
    error = raised.value
    assert [where for where, _ in error.fields] == ["a", "b", "c", "d"]
    assert str(error) == "wide v1: a is missing; b is missing; c is missing; and 1 more"
