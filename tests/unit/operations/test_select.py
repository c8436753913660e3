"""Filters: what they read, what they match, and what they say when they cannot be read.

Not here: taking messages.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.messages import DEAD, held
from warren.errors import ConfigurationError
from warren.operations.select import Selection

ORDER = {"customer": {"id": 42, "name": "Ann"}, "items": [{"sku": "a", "price": 9.5}, {"sku": "b", "price": 120}]}
MESSAGE = held(
    json.dumps({**ORDER, "vip": True, "note": None, "a.b": "dotted", "code": "007"}).encode(),
    headers={**DEAD, "tenant": "acme", "x=y": "odd", "size": 7, "at": datetime(2026, 1, 2, tzinfo=UTC)},
    type="orders.created",
    message_id="m-1",
    correlation_id="c-1",
)


def matches(*filters: str) -> bool:
    return Selection.parse(filters).matches(MESSAGE)


@pytest.mark.parametrize(
    "condition",
    [
        "type=orders.created",
        "type = orders.created",
        "type!=orders.cancelled",
        "id=m-1",
        "correlation-id=c-1",
        "reason=exhausted",
        "fingerprint=ValueError@billing/handlers.py:charge",
        "fingerprint~^ValueError@",
        "error~amount",
        "error-type=ValueError",
        "queue=billing",
        "consumer=charge",
        "exchange=orders",
        "routing-key=orders.created",
        "attempts=4",
        "attempts>3",
        "attempts>=4",
        "attempts<5",
        "attempts<=4",
        "redelivered=false",
        "age>1h",
        "size>10",
        "header.tenant=acme",
        'header."x=y"=odd',
        "header.size=7",
        "header.at>2026-01-01",
        "header.missing!=anything",
        "body.customer.id=42",
        "body.customer.id=42.0",
        "body.customer.id>41",
        "body.customer.name=Ann",
        'body.customer.name="Ann"',
        "body.items.1.sku=b",
        "body.items.*.price>100",
        "body.*.id=42",
        "body.vip=true",
        "body.note=null",
        'body."a.b"=dotted',
        "body.code=007",
        'body.customer={"id": 42, "name": "Ann"}',
    ],
)
def test_a_condition_that_holds_matches(condition: str) -> None:
    assert matches(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "type=orders",
        "type~cancelled",
        "reason!=exhausted",
        "attempts>4",
        "attempts=four",
        "age<1h",
        "header.missing=x",
        "header.missing~.*",
        "header.tenant>5",
        "body.customer.id=43",
        "body.customer.ID=42",
        "body.items.2.sku=c",
        "body.items.*.price>1000",
        "body.items.*.sku!=a",
        "body.code=7",
        "body.vip=1",
        "body.vip>0",
    ],
)
def test_a_condition_that_does_not_hold_does_not_match(condition: str) -> None:
    assert not matches(condition)


def test_all_conditions_must_hold() -> None:
    assert matches("type=orders.created", "body.customer.id=42")
    assert not matches("type=orders.created", "body.customer.id=43")


def test_no_condition_matches_everything() -> None:
    assert Selection().matches(held(b"\xff"))
    assert not Selection()


def test_what_is_no_json_has_no_values_in_its_body() -> None:
    assert not Selection.parse(["body.a=1"]).matches(held(b"\xff\x00"))
    assert Selection.parse(["body.a!=1"]).matches(held(b"not json"))


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("orders.created", "no field and operator"),
        ("", "no field and operator"),
        ("tpye=x", "did you mean type"),
        ("colour=red", "Known are id, type"),
        ("header.=x", "Known are"),
        ("body..a=1", "empty step"),
        ("body.a.=1", "empty step"),
        ('body."a"b=1', "needs a dot"),
        ("type~(", "no valid regular expression"),
        ("age>soon", "compares an age"),
        ("attempts>", "compares with nothing"),
    ],
)
def test_a_filter_that_cannot_be_read_is_quoted_with_what_is_wrong(condition: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Selection.parse([condition])
    assert repr(condition) in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_configuration_error(text: str) -> None:
    try:
        selection = Selection.parse([text])
    except ConfigurationError:
        return
    selection.matches(MESSAGE)


@given(st.integers(), st.integers())
def test_numbers_compare_as_numbers(value: int, limit: int) -> None:
    message = held(json.dumps({"n": value}).encode())
    assert Selection.parse([f"body.n>{limit}"]).matches(message) is (value > limit)
    assert Selection.parse([f"body.n={limit}"]).matches(message) is (value == limit)


def test_plain_text_is_looked_for_as_it_stands_in_upper_or_lower_case() -> None:
    message = held(headers={"note": "A(b)* or a.c"})

    assert Selection.parse(["header.note~(B)*"], plain=True).matches(message)
    assert not Selection.parse(["header.note~a.*c"], plain=True).matches(message)
    assert Selection.parse(["header.note~a.*c"]).matches(message)
